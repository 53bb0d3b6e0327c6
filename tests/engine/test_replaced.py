"""A snapshot with some rules replaced is the snapshot that compiling the new rows would give; the old one stays."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authorization.engine.decide import decide, explain
from authorization.engine.rules import BrokenRule, Rules, compile_rules
from authorization.engine.types import Rule
from tests.engine.convert import request_of, rows_of
from tests.engine.random_worlds import QUARTER, Case, cases
from tests.engine.test_rules import GOOD, NOW, ask

GROUPS = range(1, 6)
BEGIN = datetime(2026, 11, 21, 10)  # at the place of ask(), which is an hour before NOW
Step = dict[int, Rule | None]


def some_groups() -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.sampled_from(GROUPS), max_size=3, unique=True).map(sorted).map(tuple)


@st.composite
def rules(draw: st.DrawFn, rule_id: int) -> Rule:
    start, end = sorted(draw(st.lists(st.integers(-6, 6), min_size=2, max_size=2, unique=True)))
    return Rule(
        id=rule_id,
        name=f"rule {draw(st.integers(0, 3))}",
        enabled=draw(st.sampled_from([True, True, False])),
        blacklist=draw(st.sampled_from([False, False, True])),
        emsp_for_cpo=draw(st.booleans()),
        valid_from=draw(st.sampled_from([None, BEGIN + start * QUARTER])),
        valid_until=draw(st.sampled_from([None, BEGIN + end * QUARTER])),
        cpo_groups=draw(some_groups().filter(bool)),
        emsp_groups=draw(some_groups().filter(bool)),
    )


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """New rules, other ones in place of old ones, and some taken away, also such as were never there."""
    ids = draw(st.lists(st.integers(1, 7), max_size=4, unique=True))
    return {rule_id: draw(st.none() | rules(rule_id)) for rule_id in ids}


def said(snapshot: Rules, classes: Iterable[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[Any]:
    """Everything that it says of these classes of places and tokens, at all times that matter."""
    found: list[Any] = [len(snapshot)]
    for place, token in classes:
        found += [snapshot.covering_place(place), snapshot.covering_token(token)]
        found += [snapshot.boundaries(place, token, row) for row in (7, 8, 9, 12, 13)]
        request = ask(place, token)
        for quarters in (-7, -5, -2, 0, 1, 4, 6):
            found.append(decide(request, snapshot, NOW + (quarters - 4) * QUARTER))
        found.append(explain(request, snapshot, NOW))
    return found


@given(
    st.lists(steps(), min_size=1, max_size=6),
    st.lists(st.tuples(some_groups(), some_groups()), min_size=1, max_size=4),
    st.booleans(),
)
@settings(max_examples=120)
def test_replacing_rules_gives_what_compiling_all_of_them_gives(
    changes: list[Step], classes: list[tuple[tuple[int, ...], tuple[int, ...]]], warm: bool
) -> None:
    rows: dict[int, Rule] = {}
    snapshot = compile_rules([])
    before: list[tuple[Rules, dict[int, Rule]]] = []
    for change in changes:
        before.append((snapshot, dict(rows)))
        if warm:  # what it remembers must not pass to the next one
            said(snapshot, classes)
        snapshot = snapshot.replaced(change)
        rows = {rule_id: rule for rule_id, rule in (rows | change).items() if rule is not None}
        assert said(snapshot, classes) == said(compile_rules(rows.values()), classes)
        assert all(snapshot[rule_id] == rule for rule_id, rule in rows.items())
    for older, its_rows in before:
        older.forget()
        assert said(older, classes) == said(compile_rules(its_rows.values()), classes)


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_worlds_come_about_rule_by_rule(case: Case, dice: random.Random) -> None:
    rows, request = rows_of(case.world), request_of(case.world, case.ask)
    dice.shuffle(rows)
    snapshot = compile_rules([])
    for row in rows:  # each is another one at first, and broken off again in between
        snapshot = snapshot.replaced({row.id: replace(row, blacklist=not row.blacklist, cpo_groups=row.emsp_groups)})
        snapshot = snapshot.replaced({row.id: None} if dice.random() < 0.5 else {}).replaced({row.id: row})
    for at in (case.at, case.jump, case.jump + timedelta(hours=1)):
        assert explain(request, snapshot, at) == explain(request, compile_rules(rows), at)


def test_the_indexes_hold_nothing_of_rules_that_are_gone() -> None:
    rows = [replace(GOOD, id=number, cpo_groups=(number, 9), emsp_groups=(number + 50,)) for number in range(1, 6)]
    empty = compile_rules(rows).replaced({row.id: None for row in rows})
    kept = ("_by_id", "_windows", "_cpo_every", "_emsp_every", "_cpo", "_emsp")
    assert not any(getattr(empty, name) for name in kept)


def test_a_rule_that_covers_nothing_any_more_covers_nothing() -> None:
    blacklist = compile_rules([GOOD])
    assert decide(ask((1,), (2,)), blacklist, NOW).reason == "BLACKLISTED"
    moved = blacklist.replaced({1: replace(GOOD, cpo_groups=(3,))})
    assert decide(ask((1,), (2,)), moved, NOW).accepted
    assert decide(ask((3,), (2,)), moved, NOW).reason == "BLACKLISTED"
    assert decide(ask((1,), (2,)), blacklist, NOW).reason == "BLACKLISTED"


@pytest.mark.parametrize("change", [{"cpo_groups": ()}, {"emsp_groups": ()}, {"enabled": None}, {"blacklist": "yes"}])
def test_a_broken_rule_is_refused_and_leaves_the_snapshot_as_it_was(change: dict[str, Any]) -> None:
    snapshot = compile_rules([GOOD])
    with pytest.raises(BrokenRule):
        snapshot.replaced({2: replace(GOOD, id=2, **change)})
    assert len(snapshot) == 1
    assert said(snapshot, [((1,), (2,))]) == said(compile_rules([GOOD]), [((1,), (2,))])
