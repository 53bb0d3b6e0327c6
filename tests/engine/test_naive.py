"""The engine against a second implementation that shares nothing with it, on random worlds."""

import random
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authorization.engine import rules as rules_module
from authorization.engine.decide import decide, explain
from authorization.engine.rules import compile_rules
from tests.engine.convert import request_of, rows_of, rules_of
from tests.engine.random_worlds import QUARTER, SPAN, Case, cases
from tests.naive import answer


@given(cases())
@settings(max_examples=400)
def test_same_answer(case: Case) -> None:
    expected = answer(case.world, case.ask, case.at)
    assert decide(request_of(case.world, case.ask), rules_of(case.world), case.at).reason == expected


@given(cases(), st.integers(0, 2))
def test_a_rule_that_names_many_groups_is_one_like_any_other(case: Case, wide: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules_module, "WIDE", wide)
        decision = decide(request_of(case.world, case.ask), rules_of(case.world), case.at)
    assert decision == decide(request_of(case.world, case.ask), rules_of(case.world), case.at)
    assert decision.reason == answer(case.world, case.ask, case.at)


@given(cases())
def test_remembered_answers_stay_right(case: Case) -> None:
    """One compiled snapshot, asked back and forth in time: what it remembers must not outlive its span."""
    rules, request = rules_of(case.world), request_of(case.world, case.ask)
    offsets = [0, 1, -1, 2, -2, 5, -5, 9, 8, 7, -9, 40, -40, 100, 0]
    for at in [case.jump + offset * QUARTER for offset in offsets] + [case.at]:
        assert decide(request, rules, at).reason == answer(case.world, case.ask, at)
        assert decide(request, rules, at) == decide(request, rules_of(case.world), at)


@given(cases(), st.randoms(use_true_random=False))
def test_order_does_not_matter(case: Case, dice: random.Random) -> None:
    rows, request = rows_of(case.world), request_of(case.world, case.ask)
    expected = explain(request, compile_rules(rows), case.at)
    dice.shuffle(rows)
    tokens = list(request.tokens)
    dice.shuffle(tokens)
    shuffled = type(request)(request.place, tuple(tokens), request.no_authorization)
    assert explain(shuffled, compile_rules(rows), case.at) == expected


@given(cases())
def test_explanation_fits_the_decision(case: Case) -> None:
    rules, request = rules_of(case.world), request_of(case.world, case.ask)
    decision, explanation = decide(request, rules, case.at), explain(request, rules, case.at)
    assert explanation.decision == decision
    assert [step.row for step in explanation.steps] == list(range(1, 14))
    (match,) = [step for step in explanation.steps if step.outcome == "match"]
    assert (match.row, match.reason) == (decision.row, decision.reason)
    assert {step.outcome for step in explanation.steps[: match.row - 1]} <= {"pass"}
    assert {step.outcome for step in explanation.steps[match.row :]} <= {"skipped"}
    assert not any(step.considered for step in explanation.steps if step.outcome == "skipped")


@given(cases())
def test_what_was_considered_proves_the_outcome(case: Case) -> None:
    """Whoever reads the steps must be able to come to the same outcome from what they show."""
    rules, request = rules_of(case.world), request_of(case.world, case.ask)
    explanation = explain(request, rules, case.at)
    if explanation.decision.row < 7:
        assert not any(step.considered for step in explanation.steps)
        return
    for step in explanation.steps:
        if step.outcome == "skipped":
            continue
        active = [each for each in step.considered if each.active]
        both = [each for each in active if each.covers_place and each.covers_token]
        if step.row == 7:
            assert (step.outcome == "match") == bool(both)
            assert explanation.decision.rule == min(each.id for each in both) if both else True
        elif step.row in (8, 9):
            assert (step.outcome == "match") == (bool(active) and not both)
            if step.outcome == "match":
                assert explanation.decision.rule == min(each.id for each in active)
        elif step.row == 12 and step.outcome == "match":
            assert not both
        elif step.row != 12:
            assert not step.considered


@given(cases())
@settings(max_examples=300)
def test_next_change(case: Case) -> None:
    """Every boundary and expiry is on a quarter of an hour, so asking at each quarter finds the first change."""
    explanation = explain(request_of(case.world, case.ask), rules_of(case.world), case.at)
    assert explanation.next_change_at == _first_change(case)


def _first_change(case: Case) -> datetime | None:
    now = answer(case.world, case.ask, case.at)
    at = case.jump - SPAN
    while at < case.jump + SPAN:
        if at > case.at and answer(case.world, case.ask, at) != now:
            return at
        at += QUARTER
    return None
