"""The judge of the drills, judged: what it must let pass, and what it must not."""

from typing import Any

import pytest

from tests.drills.load import Answer
from tests.drills.oracle import WRONG_ACCEPT, WRONG_REASON, WRONG_REJECT, Change, Subject, judge
from tests.drills.report import Said

BLOCKED = "TOKEN_BLOCKED"


def subject(*changes: Change) -> Subject:
    return Subject("card", {}, BLOCKED, changes=[Change("ALLOWED", 0, 0), *changes])


@pytest.mark.parametrize(
    ("start", "end", "reason", "wrong"),
    [
        (9.0, 9.9, "ALLOWED", None),
        (9.0, 9.9, BLOCKED, WRONG_REJECT),  # before anybody asked for it
        (9.0, 10.1, BLOCKED, None),  # the change began while the question was on its way
        (12.4, 12.5, "ALLOWED", None),  # it may take two seconds from when it was known to be committed
        (12.6, 12.7, "ALLOWED", WRONG_ACCEPT),
        (12.6, 12.7, BLOCKED, None),
        (12.6, 12.7, "UNKNOWN_TOKEN", WRONG_REASON),
    ],
)
def test_blocked_at_ten(start: float, end: float, reason: str, wrong: str | None) -> None:
    assert judge(reason, subject(Change(BLOCKED, 10, 10.5)).allowed(start, end)) == wrong


def test_what_nobody_knows_to_be_committed_may_be_either_until_the_next_that_is() -> None:
    card = subject(Change(BLOCKED, 10, None))
    assert card.allowed(9, 9.5) == {"ALLOWED"}
    assert card.allowed(100, 101) == {"ALLOWED", BLOCKED}
    card.changes.append(Change("ALLOWED", 110, 110.1))
    assert card.allowed(111, 112) == {"ALLOWED", BLOCKED}
    assert card.allowed(113, 114) == {"ALLOWED"}


def test_blocked_and_let_in_again() -> None:
    card = subject(Change(BLOCKED, 10, 10.1), Change("ALLOWED", 20, 20.1))
    assert card.allowed(13, 13.1) == {BLOCKED}
    assert card.allowed(20.5, 20.6) == {BLOCKED, "ALLOWED"}
    assert card.allowed(23, 23.1) == {"ALLOWED"}


class Heard:
    """A world and a load of which only what was said is known."""

    def __init__(self, everywhere: list[tuple[float, int]], of_north: list[tuple[float, int]]) -> None:
        self.in_force, self.began, self.lookers = everywhere, 10.0, [self]
        self.node, self.seen, self.name = self, of_north, "north"


@pytest.mark.parametrize(
    ("node", "start", "least"),
    [
        ("south", 20.0, 0),  # asked for as it was said
        ("south", 20.1, 5),
        ("south", 30.0, 7),  # what was said later is not taken back by a lower number
        ("north", 20.1, 6),  # that it had said itself
        ("north", 30.0, 7),
    ],
)
def test_what_was_said_to_be_in_force_holds_for_what_is_asked_later(node: str, start: float, least: int) -> None:
    heard: Any = Heard([(1.0, 99), (20.0, 5), (22.0, 7), (24.0, 6)], [(15.0, 6)])
    assert Said(heard, heard).least(Answer("", node, 0, subject(), start)) == least
