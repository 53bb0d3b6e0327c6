"""Drills: everything may die, hang or be lost, and no card is let in that was blocked. `make drills` takes its time.

One module, for all of them share a world, and what runs in parallel is told apart by modules.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.drills import faults
from tests.drills.churn import Churn
from tests.drills.clock import now
from tests.drills.conftest import LONG
from tests.drills.drill import drill
from tests.drills.faults import Fault
from tests.drills.freshness import measure_freshness
from tests.drills.imports import kill_while_importing
from tests.drills.load import Load
from tests.drills.report import measure
from tests.drills.world import Node, World
from tests.stack.driver import wait_for

Note = Callable[[dict[str, Any]], None]
HOLD = 5.0 if LONG else 3.0  # seconds that something is down or paused
FOR_LONG = 30.0  # by then, whoever tries again and again has grown tired
BROKER = faults.one_after_the_other("Celery killed, Valkey flushed, killed, paused", faults.BROKER)

FAULTS = [*faults.pairs(faults.FOLLOWER), *faults.POSTGRES, *faults.pairs(faults.FILES)]
FAULTS += [*faults.FOLLOWER, *faults.BROKER, *faults.FILES] if LONG else [BROKER]


def test_a_change_is_visible(world: World, note: Note) -> None:
    """In the answers of every process of both nodes, made in any way."""
    measure_freshness(world, note)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault(world: World, note: Note, fault: Fault) -> None:
    drill(world, note, fault, HOLD)


def test_a_list_is_the_old_one_or_the_new_one(world: World, note: Note) -> None:
    """However often the worker that brings it is killed."""
    kill_while_importing(world, note, 50 if LONG else 5, 100_000 if LONG else 12_000)


only_long = pytest.mark.skipif(not LONG, reason="takes minutes: make drills")


@only_long
@pytest.mark.parametrize("fault", faults.POSTGRES, ids=lambda fault: fault.name)
def test_fault_for_long(world: World, note: Note, fault: Fault) -> None:
    drill(world, note, faults.Fault(f"{fault.name} for {FOR_LONG:g} s", fault.strike), FOR_LONG)


@only_long
def test_the_drills_see_old_answers(world: World) -> None:
    """A node that trusts its copy for ever answers wrongly once nobody keeps it fresh: this has to be found out."""
    node = Node(world.root / "careless", world.environment | {"CACHE_STALE_AFTER_MS": "600000"})
    node.web.start()
    try:
        wait_for(lambda: node.ready() and node.copy().exists(), 60)
        with Load([node], world.cast["charger"], world.subjects) as load, Churn(world):
            time.sleep(1)
            with world.paused([node.follower()]):
                time.sleep(8)
        figures, problems = measure(world, load, "careless", now())
    finally:
        node.web.ask_to_stop()
        node.web.wait_stopped()
        node.close()
    assert figures["wrong accept"]
    assert figures["wrong reject"]
    assert len(problems) == figures["wrong accept"] + figures["wrong reject"]
