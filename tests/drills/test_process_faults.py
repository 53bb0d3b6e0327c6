"""Processes that die, hang, or come back with nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.drills import faults
from tests.drills.conftest import LONG
from tests.drills.drill import drill
from tests.drills.faults import Fault
from tests.drills.world import World

HOLD = 5.0 if LONG else 3.0  # seconds that something is down or paused
FOR_LONG = 30.0  # by then, whoever tries again and again has grown tired
BROKER = faults.one_after_the_other("Celery killed, Valkey flushed, killed, paused", faults.BROKER)

FAULTS = [(fault, HOLD) for fault in (*faults.pairs(faults.FOLLOWER), *faults.POSTGRES)]
if LONG:
    FAULTS += [(fault, HOLD) for fault in (*faults.FOLLOWER, *faults.BROKER)]
    FAULTS += [(fault, FOR_LONG) for fault in faults.POSTGRES]
else:
    FAULTS.append((BROKER, HOLD))


@pytest.mark.parametrize(("fault", "hold"), FAULTS, ids=lambda value: getattr(value, "name", value))
def test_fault(world: World, note: Callable[[dict[str, Any]], None], fault: Fault, hold: float) -> None:
    drill(world, note, fault, hold)
