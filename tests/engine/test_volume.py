"""The engine against the naive implementation: every question of a world, at every instant around a jump of the clock.

A few thousand of them in `make test`; with DRILLS=long, which `make drills` sets, a million.
"""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import product

from hypothesis import HealthCheck, Phase, given, settings

from authorization.engine.decide import decide
from tests.engine.convert import request_of, rules_of
from tests.engine.random_worlds import QUARTER, Case, cases
from tests.naive import ROWS, answer
from tests.worlds import Ask, World

LONG = os.environ.get("DRILLS") == "long"
WORLDS, WANTED = (2_000, 1_000_000) if LONG else (12, 4_000)
OFFSETS = [0, 1, -1, 2, -2, 4, -4, 9, -9, 40, -40]  # quarters of an hour around the jump
asked: Counter[str] = Counter()


def asks_of(world: World, case: Case) -> Iterator[Ask]:
    tokens = [{"token": name} for name in world.tokens]
    tokens += [{"auth_id": name} for name in sorted({t.auth_id for t in world.tokens.values() if t.auth_id})]
    places = [{"location": name} for name in world.locations]
    places += [{"evse": evse} for location in world.locations.values() for evse in location.evses]
    for token, place in product(tokens, places):
        yield Ask("", case.at, "", "", **token, **place)


@settings(
    max_examples=WORLDS, deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
@given(cases())
def test_no_difference(case: Case) -> None:
    rules = rules_of(case.world)
    for ask in asks_of(case.world, case):
        request = request_of(case.world, ask)
        for at in [case.jump + offset * QUARTER for offset in OFFSETS]:
            expected = answer(case.world, ask, at)
            assert decide(request, rules, at).reason == expected, (ask, at)
            asked[expected] += 1


def test_there_were_enough_of_every_kind() -> None:
    """By the test above: it ran first, in the same process."""
    assert asked.total() >= WANTED
    print(f"{asked.total():,} questions", dict(asked))
    assert sum(asked[reason] > 0 for reason in ROWS) >= (9 if LONG else 6), asked
