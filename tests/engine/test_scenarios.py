"""The scenarios that a person can read, through the engine; and that they show every row from both sides."""

from datetime import UTC

import pytest

from authorization.engine.decide import decide, explain
from authorization.engine.reasons import ROWS, Reason
from tests.engine.convert import request_of, rules_of
from tests.naive import answer
from tests.worlds import Ask, World, load_scenarios

SCENARIOS = load_scenarios()
CASES = [
    pytest.param(scenario.world, ask, id=f"{scenario.name}: {ask.say}")
    for scenario in SCENARIOS
    for ask in scenario.asks
]


@pytest.mark.parametrize("backwards", [False, True], ids=["", "backwards"])
@pytest.mark.parametrize(("world", "ask"), CASES)
def test_answer(world: World, ask: Ask, backwards: bool) -> None:
    rules = rules_of(world, backwards=backwards)
    decision = decide(request_of(world, ask), rules, ask.at)
    because = None if decision.rule is None else rules[decision.rule].name
    assert (decision.status, decision.reason, because) == (ask.status, ask.reason, ask.because)


@pytest.mark.parametrize(("world", "ask"), CASES)
def test_naive_agrees(world: World, ask: Ask) -> None:
    assert answer(world, ask, ask.at) == ask.reason


@pytest.mark.parametrize(("world", "ask"), [case for case in CASES if case.values[1].changes_at is not None])  # type: ignore[union-attr]
def test_next_change(world: World, ask: Ask) -> None:
    explanation = explain(request_of(world, ask), rules_of(world), ask.at)
    expected = None if ask.changes_at == "never" else ask.changes_at
    assert explanation.next_change_at == expected
    assert expected is None or explanation.next_change_at.tzinfo is UTC  # type: ignore[union-attr]


def test_every_row_is_shown_from_both_sides() -> None:
    """Both an answer of the row and, in the same scenario file, an answer of the other polarity."""
    first = next(scenario for scenario in SCENARIOS if scenario.name == "01_every_row")
    for row in ROWS:
        numbered = [ask for ask in first.asks if ask.say.startswith(f"{row.number}:")]
        assert row.reason in {Reason(ask.reason) for ask in numbered}, row
    for scenario in SCENARIOS:
        assert {ask.status for ask in scenario.asks} == {"accepted", "rejected"}


def test_every_kind_of_exception_and_category_is_shown() -> None:
    exceptions = [exception for scenario in SCENARIOS for exception in scenario.world.exceptions.values()]
    assert len({(exception.action, exception.direction, exception.enabled) for exception in exceptions}) >= 6
    categories = {group.category for scenario in SCENARIOS for group in scenario.world.groups.values()}
    assert categories == {"cpo", "location", "emsp", "customer", "driver", "token"}
