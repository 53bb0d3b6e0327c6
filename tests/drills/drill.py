"""One fault under a load of questions and changes: no wrong answer, no 500, no hand needed, no row of the log lost."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from tests.drills.churn import Churn
from tests.drills.clock import now
from tests.drills.conftest import LONG
from tests.drills.faults import Fault
from tests.drills.load import Load
from tests.drills.report import log_of, measure
from tests.drills.world import World
from tests.stack.driver import wait_for

# Seconds, at most. Beside other tests on a busy machine it is that it recovers, without a hand; the goals are 10 and 1.
RECOVERY = 10.0 if LONG else 60.0
LONGEST = 5.0 if LONG else 15.0
# Seconds before a fault and after it, at least. An answer is wrong only 2 s after a change.
AROUND = (5.0, 5.0) if LONG else (0.5, 1.5)
SHORTLY = (1.5, 3.0)
Note = Callable[[dict[str, Any]], None]


def drill(
    world: World,
    note: Callable[[dict[str, Any]], None],
    fault: Fault,
    hold: float,
    around: tuple[float, float] = AROUND,
) -> None:
    """around: seconds before the fault and after it, at least."""
    pause = 0.02 if LONG else 0.05
    with Load(world.nodes, world.cast["charger"], world.subjects, pause=pause) as load, Churn(world) as churn:
        wait_for(lambda: all(asker.answers for asker in load.askers), 10)
        time.sleep(around[0])
        struck = now()
        fault.strike(world, random.choice(world.nodes), hold)
        over = now()
        recovered = _await_recovery(world, load, over)
        time.sleep(max(0.0, over + around[1] - now()))
    figures, problems = measure(world, load, fault.name, over)
    figures |= {"changes": churn.made, "failed": churn.failed.total(), "failed how": dict(churn.failed)}
    note(figures)
    print(figures, *problems[:20], sep="\n")
    before = [answer for answer in load.answers if answer.end < struck and answer.status != 200]
    assert not before, "there was trouble before the fault"
    assert not problems
    assert recovered
    assert figures["recovery"] <= RECOVERY
    assert figures["longest"] <= LONGEST
    assert figures["other"] == figures["lost"] == figures["doubled"] == 0
    assert fault.breaks or not figures["broken"], figures["broke how"]
    assert churn.made


def _await_recovery(world: World, load: Load, over: float) -> bool:
    """Returns when a second's answers of both nodes all come from the copy, as the log shows it; False if too late."""
    while now() < over + RECOVERY + 5:
        time.sleep(0.3)
        world.tend()
        with suppress(psycopg.Error):
            log, until = log_of(world, load), now() - 0.6
            recent = [answer for answer in load.since(max(over, until - 1)) if answer.end < until]
            well = [answer for answer in recent if answer.status == 200 and log.get(answer.id, ("", ""))[1] == "cache"]
            if well and len(well) == len(recent) and {answer.node for answer in well} == {n.name for n in world.nodes}:
                return True
    return False
