"""What happens to the files of a node's copy while they are read and written."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.drills import faults
from tests.drills.conftest import LONG
from tests.drills.drill import drill
from tests.drills.faults import Fault
from tests.drills.world import World

FAULTS = [*(faults.FILES if LONG else []), *faults.pairs(faults.FILES)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault(world: World, note: Callable[[dict[str, Any]], None], fault: Fault) -> None:
    drill(world, note, fault, 0.0)
