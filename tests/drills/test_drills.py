"""Drills: everything may die, hang or be lost, and no card is let in that was blocked. `make drills` takes its time.

One module, for all of them share a world, and what runs in parallel is told apart by modules.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.drills import faults, new_enemy, parts, proxy, skew
from tests.drills.churn import Churn
from tests.drills.clock import now
from tests.drills.conftest import LONG, only_long
from tests.drills.drill import SHORTLY, drill
from tests.drills.faults import Fault
from tests.drills.freshness import measure_freshness
from tests.drills.imports import kill_while_importing
from tests.drills.load import Load
from tests.drills.meddling import tasks_twice_late_and_disordered
from tests.drills.pushing import push_through
from tests.drills.report import measure
from tests.drills.restoring import restore
from tests.drills.rolling import roll
from tests.drills.world import Node, World
from tests.stack.driver import wait_for

Note = Callable[[dict[str, Any]], None]
HOLD = 5.0 if LONG else 3.0  # seconds that something is down or paused
HOLD_SHORTLY = 3.0
FOR_LONG = 30.0  # by then, whoever tries again and again has grown tired
BROKER = faults.one_after_the_other(
    "Celery killed, Valkey killed, paused, flushed, read-only, full, evicting", [*faults.BROKER, *faults.VALKEY]
)

FAULTS = [*faults.pairs(faults.FOLLOWER), *faults.POSTGRES, *faults.pairs(faults.FILES)]
FAULTS += [*faults.FOLLOWER, *faults.VALKEY, *faults.FILES, faults.TWO_FOLLOWERS, *parts.SINGLE] if LONG else [BROKER]


def test_a_change_is_visible(world: World, note: Note) -> None:
    """In the answers of every process of both nodes, made in any way."""
    measure_freshness(world, note)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault(world: World, note: Note, fault: Fault) -> None:
    drill(world, note, fault, HOLD)


@pytest.mark.parametrize("kind", proxy.KINDS)
def test_everything_is_restarted(world: World, note: Note, kind: str) -> None:
    """One after the other, behind a proxy, and no request fails.

    The short form restarts one of each kind (a restart costs seconds of both cores, and the others carry on alike),
    behind one proxy: a real one where there is one.
    """
    if not proxy.at_hand(kind):
        pytest.skip(f"{kind} is not on this machine")
    if not LONG and kind != next(filter(proxy.at_hand, reversed(proxy.KINDS))):
        pytest.skip("behind another one; behind each: make drills")
    roll(world, note, kind, rounds=3 if LONG else 0, pause=0.02 if LONG else 0.1)


def test_a_list_is_the_old_one_or_the_new_one(world: World, note: Note) -> None:
    """However often the worker that brings it is killed."""
    kill_while_importing(world, note, 50 if LONG else 3, 100_000 if LONG else 12_000)


def test_a_partner_hears_of_every_change(world: World, note: Note) -> None:
    """In order for each object, though it dies, hangs and refuses in turns."""
    push_through(world, note)


def test_no_answer_knows_of_what_was_given_and_not_of_what_was_taken_before(world: World, note: Note) -> None:
    """By 8 writers, asked at both nodes."""
    asks = [new_enemy.over_http(node, world.cast["charger"]) for node in world.nodes for _ in range(4)]
    found = new_enemy.pairs(world, asks, 10_000 if LONG else 400)
    note({"away and elsewhere": "two nodes", **vars(found)})
    print(found)
    assert (found.mixed, found.older) == (0, 0)
    assert found.answers > 100


def test_without_the_fence_it_is_seen(world: World, note: Note) -> None:
    """The same test, of a copy that takes the documents of a revision one by one, finds what it looks for."""
    for fenced in (True, False):
        with new_enemy.in_process(world, fenced) as ask:
            found = new_enemy.pairs(world, [ask], 2_000 if LONG else 400)
        note({"away and elsewhere": "a follower" if fenced else "a follower without its fence", **vars(found)})
        print(fenced, found)
        assert bool(found.mixed) != fenced


def test_a_backup_is_restored(world: World) -> None:
    """Into another database, under nodes that run and have seen what the backup has not."""
    restore(world)


@only_long
def test_an_old_dump_restored(world: World) -> None:
    """What the nodes know of later is forgotten: the database that is there now is the truth."""
    card, folder = world.cards[-1], world.root / "dumps"
    folder.mkdir(mode=0o711)

    def set_valid(on: bool) -> None:
        with world.connect() as connection:
            connection.execute("UPDATE tokens_token SET valid = %s WHERE id = %s", [on, card.token])

    def asked() -> set[str]:
        with Load(world.nodes, world.cast["charger"], [card], pause=0.01) as load:
            time.sleep(1.5)
        return {answer.reason or str(answer.status) for answer in load.answers if answer.start > now() - 1.0}

    for on in (True, False):
        set_valid(on)
        then = "ALLOWED" if on else "TOKEN_BLOCKED"
        wait_for(lambda then=then: asked() == {then}, 20)
        world.backed_up(folder / str(on))
        set_valid(not on)
        wait_for(lambda then=then: then not in asked(), 20)
        world.replace_postgres(folder / str(on))
        wait_for(lambda then=then: asked() == {then}, 30)
    with card.changing(True):
        set_valid(True)


@only_long
@pytest.mark.parametrize("fault", parts.PAIRS, ids=lambda fault: fault.name)
def test_two_at_once(world: World, note: Note, fault: Fault) -> None:
    drill(world, note, fault, HOLD_SHORTLY, SHORTLY)


@only_long
@pytest.mark.parametrize("fault", [*parts.STOPPED, faults.POSTGRES[0]], ids=lambda fault: fault.name)
def test_fault_for_long(world: World, note: Note, fault: Fault) -> None:
    drill(world, note, faults.Fault(f"{fault.name} for {FOR_LONG:g} s", fault.strike, fault.breaks), FOR_LONG)


@only_long
def test_tasks_come_twice_late_and_out_of_order(world: World, note: Note) -> None:
    """To two workers at once; changes, imports and push go on."""
    tasks_twice_late_and_disordered(world, note)


@only_long
@pytest.mark.skipif(skew.COMPILER is None, reason="there is no C compiler, with which to set a process's clock")
def test_a_clock_is_five_minutes_off(world: World, note: Note) -> None:
    """The node gets no questions any more; what it says when it is asked all the same stands in the table."""
    skew.clock_off(world, note)


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
    assert figures["older"], "the portal says what is in force, and knows nothing of such a node's setting"
    assert len(problems) == figures["wrong accept"] + figures["wrong reject"] + figures["older"]
