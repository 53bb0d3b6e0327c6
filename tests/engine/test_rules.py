"""Rules that cannot be read, and what a compiled snapshot may remember."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from authorization.engine import rules as rules_module
from authorization.engine.decide import decide, explain
from authorization.engine.reasons import ROWS, Reason
from authorization.engine.rules import BrokenRule, compile_rules
from authorization.engine.types import Decision, Place, Request, Rule, Token

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
GOOD = Rule(1, "good", True, True, True, datetime(2026, 1, 1), datetime(2027, 1, 1), (1,), (2,))


def ask(place_groups: tuple[int, ...], token_groups: tuple[int, ...]) -> Request:
    place = Place(1, "Europe/Amsterdam", place_groups, private=False, published=True, free=False)
    return Request(place, (Token(1, token_groups, blocked=False, expires_at=None, external=False, listed=False),))


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("from after until", {"valid_from": datetime(2027, 1, 2)}),
    ("from equal to until", {"valid_from": datetime(2027, 1, 1)}),
    ("from with a zone", {"valid_from": datetime(2026, 1, 1, tzinfo=UTC)}),
    ("until with a zone", {"valid_until": datetime(2027, 1, 1, tzinfo=UTC)}),
    ("until with a zone, alone", {"valid_from": None, "valid_until": datetime(2027, 1, 1, tzinfo=UTC)}),
    ("from as text", {"valid_from": "2026-01-01"}),
    ("from as a date", {"valid_from": date(2026, 1, 1)}),
    ("no CPO groups", {"cpo_groups": ()}),
    ("no eMSP groups", {"emsp_groups": ()}),
    ("groups as a list", {"cpo_groups": [1]}),
    ("groups as text", {"emsp_groups": "12"}),
    ("a group that is text", {"cpo_groups": (1, "2")}),
    ("a group that is none", {"emsp_groups": (None,)}),
    ("a group that is a bool", {"cpo_groups": (True,)}),
    ("id as text", {"id": "1"}),
    ("id as a bool", {"id": True}),
    ("no id", {"id": None}),
    ("no name", {"name": None}),
    ("enabled as a number", {"enabled": 0}),
    ("enabled as text", {"enabled": "false"}),
    ("enabled missing", {"enabled": None}),
    ("action as text", {"blacklist": "whitelist"}),
    ("direction missing", {"emsp_for_cpo": None}),
]


@pytest.mark.parametrize("change", [change for _, change in BROKEN], ids=[name for name, _ in BROKEN])
@pytest.mark.parametrize("enabled", [True, False])
def test_a_broken_rule_stops_everything(change: dict[str, Any], enabled: bool) -> None:
    with pytest.raises(BrokenRule):
        compile_rules([GOOD, replace(GOOD, **({"id": 2, "enabled": enabled} | change))])


def test_a_row_of_another_kind_stops_everything() -> None:
    for row in (None, {}, (1, "good"), "rule"):
        with pytest.raises(BrokenRule):
            compile_rules([GOOD, row])  # type: ignore[list-item]


def test_an_id_that_comes_twice_stops_everything() -> None:
    with pytest.raises(BrokenRule, match="exception 1: it comes twice"):
        compile_rules([GOOD, replace(GOOD, name="again")])


def test_rows_that_break_off_stop_everything() -> None:
    def rows() -> Iterator[Rule]:
        yield GOOD
        raise ConnectionError

    with pytest.raises(ConnectionError):
        compile_rules(rows())


def test_no_rules_restrict_nothing() -> None:
    assert decide(ask((1,), (2,)), compile_rules([]), NOW).reason == "ALLOWED"
    assert len(compile_rules([])) == 0


def test_a_rule_covers_by_any_of_its_groups() -> None:
    rules = compile_rules([replace(GOOD, cpo_groups=(1, 5), emsp_groups=(2, 6, 6))])
    for place in [(1,), (5,), (1, 5), (0, 5, 9)]:
        for token in [(2,), (6,), (1, 6)]:
            assert decide(ask(place, token), rules, NOW).rule == 1
    # The two sides' ids never mix, though they may be equal.
    assert decide(ask((2,), (1,)), rules, NOW).accepted
    assert decide(ask((), (2,)), rules, NOW).accepted
    assert decide(ask((1,), ()), rules, NOW).accepted


def test_the_smallest_active_id_is_named() -> None:
    rows = [replace(GOOD, id=number) for number in (9, 3, 7)]
    past = replace(GOOD, id=1, valid_from=None, valid_until=datetime(2026, 1, 1))
    assert decide(ask((1,), (2,)), compile_rules([*rows, past, replace(GOOD, id=2, enabled=False)]), NOW).rule == 3


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_module, "MAX_VERDICTS", 100)
    monkeypatch.setattr(rules_module, "MAX_SHUT", 50 * rules_module.SHUT_WEIGHT)
    shut = [replace(GOOD, id=2 + n, blacklist=False, cpo_groups=(5 + n,), emsp_groups=(4,)) for n in range(40)]
    rules = compile_rules([GOOD, *shut])
    for number in range(1000):
        assert decide(ask((1,), (2, 3 + number)), rules, NOW).reason == "BLACKLISTED"
        assert decide(ask((100 + number,), (2,)), rules, NOW).reason == "ALLOWED"
        both = ask((5 + number % 40, 5 + number % 39), (3 + number + 2,))
        assert decide(both, rules, NOW).reason == "NOT_WHITELISTED_AT_LOCATION"
        assert len(rules._verdicts.entries) <= 100
        assert len(rules._shut.entries) <= 50


def test_threads_may_share_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny memos that are dropped all the time, threads that switch as often as they can: every answer stays right."""
    monkeypatch.setattr(rules_module, "MAX_VERDICTS", 5)
    monkeypatch.setattr(rules_module, "MAX_SHUT", 4 * rules_module.SHUT_WEIGHT)
    rows = [replace(GOOD, id=n, cpo_groups=(n % 7 + 1,), emsp_groups=(n % 5 + 1,)) for n in range(12)]
    shared = compile_rules(rows)
    requests = [ask((place,), (token,)) for place in range(8) for token in range(6)]
    times = [NOW, NOW.replace(year=2030)]
    expected = [decide(request, compile_rules(rows), at) for request in requests for at in times]

    def work(_: int) -> list[Decision]:
        return [decide(request, shared, at) for request in requests for at in times]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(answers == expected for answers in pool.map(work, range(40)))
    finally:
        sys.setswitchinterval(interval)


def test_considered_says_why() -> None:
    rows = [
        replace(GOOD, id=1, enabled=False),
        replace(GOOD, id=2, valid_from=datetime(2026, 12, 1, 8), valid_until=None),
        replace(GOOD, id=3, valid_from=None, valid_until=datetime(2026, 11, 21, 11)),
        replace(GOOD, id=4, valid_from=None, valid_until=datetime(2026, 11, 21, 10, 59, 59, 5)),
        replace(GOOD, id=5, valid_from=datetime(2026, 11, 21, 11, 0, 1), emsp_groups=(3,)),
        replace(GOOD, id=6, emsp_groups=(3,)),
        replace(GOOD, id=7, cpo_groups=(3,)),
        replace(GOOD, id=8, cpo_groups=(3,), emsp_groups=(3,)),
        replace(GOOD, id=9, blacklist=False),
        replace(GOOD, id=10, blacklist=False, emsp_for_cpo=False),
        replace(GOOD, id=11, blacklist=False, emsp_groups=(3,)),
        replace(GOOD, id=12, blacklist=False, emsp_for_cpo=False, cpo_groups=(3,)),
        replace(GOOD, id=13, blacklist=False, cpo_groups=(3,)),
        replace(GOOD, id=14, blacklist=False, emsp_for_cpo=False, emsp_groups=(3,)),
    ]
    explanation = explain(ask((1,), (2,)), compile_rules(rows), NOW)
    assert explanation.local_time == datetime(2026, 11, 21, 11)
    assert explanation.decision.reason == "ALLOWED"
    seen = [
        (each.id, each.why, each.active, each.covers_place, each.covers_token)
        for each in explanation.steps[6].considered
    ]
    assert seen == [
        (1, "disabled", False, True, True),
        (2, "starts 2026-12-01 08:00", False, True, True),
        (3, "ended 2026-11-21 11:00", False, True, True),
        (4, "ended 2026-11-21 10:59:59.000005", False, True, True),
        (5, "starts 2026-11-21 11:00:01", False, True, False),
        (6, "active", True, True, False),
        (7, "active", True, False, True),
    ]
    assert [each.id for each in explanation.steps[7].considered] == [9, 11]
    assert [each.id for each in explanation.steps[8].considered] == [10, 12]
    assert [each.id for each in explanation.steps[11].considered] == [9, 10]


def test_the_table_is_the_contracts() -> None:
    assert [row.number for row in ROWS] == list(range(1, 14))
    assert [row.reason for row in ROWS] == list(Reason)
    assert {row.number for row in ROWS if row.accepted} == {2, 13}
    assert all(row.message.endswith(".") and row.message.count(".") == 1 for row in ROWS)
    assert [row.ocpi for row in ROWS] == [
        "2003", "ALLOWED", "NOT_ALLOWED", "404", "BLOCKED", "EXPIRED", *["NOT_ALLOWED"] * 6, "ALLOWED",
    ]  # fmt: skip
    assert [row.ocpp16 for row in ROWS] == [
        "Invalid", "Accepted", "Invalid", "Invalid", "Blocked", "Expired", "Blocked", *["Invalid"] * 5, "Accepted",
    ]  # fmt: skip
    assert [row.ocpp201 for row in ROWS] == [
        "Invalid", "Accepted", "Invalid", "Unknown", "Blocked", "Expired", *["NotAtThisLocation"] * 5, "Unknown",
        "Accepted",
    ]  # fmt: skip
    for row in ROWS:
        assert (row.reason.row, row.reason.accepted, row.reason.message) == (row.number, row.accepted, row.message)


def test_answers_do_not_change() -> None:
    decision = decide(ask((1,), (2,)), compile_rules([GOOD]), NOW + timedelta(days=1))
    with pytest.raises(AttributeError):
        decision.accepted = True  # type: ignore[misc]
