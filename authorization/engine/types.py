"""What the engine is asked and what it answers. Group ids come in sorted tuples: equal tuples are one class.

What is made for each question is a NamedTuple: a frozen dataclass takes five times as long to make.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from .reasons import Reason

__all__ = [
    "Considered", "Decision", "Explanation", "Outcome", "Place", "Reason", "Request", "Rule", "Step", "Token",
]  # fmt: skip

Outcome = Literal["pass", "match", "skipped"]


class Place(NamedTuple):
    """Where somebody wants to charge.

    zone: IANA name. groups: sorted ids of the CPO-side groups that cover the place: the location, its CPO or one above.
    private: the authorization list is not empty. free: the station is known and does not require authorization.
    """

    location: int
    zone: str
    groups: tuple[int, ...]
    private: bool
    published: bool
    free: bool


class Token(NamedTuple):
    """A charge token as seen from one place.

    groups: sorted ids of the eMSP-side groups that cover the token: itself, its Auth ID, driver, customer or eMSP.
    blocked: not valid, or its driver, customer or eMSP is blocked. expires_at: aware.
    listed: the token, its Auth ID or its customer is on this place's authorization list.
    """

    key: int
    groups: tuple[int, ...]
    blocked: bool
    expires_at: datetime | None
    external: bool
    listed: bool


class Request(NamedTuple):
    """place None: a place named is unknown, or not among the caller's. tokens: all that match what was presented."""

    place: Place | None
    tokens: tuple[Token, ...]
    no_authorization: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One exception, as stored. Valid in [valid_from, valid_until) of naive wall-clock time at the location."""

    id: int
    name: str
    enabled: bool
    blacklist: bool
    emsp_for_cpo: bool
    valid_from: datetime | None
    valid_until: datetime | None
    cpo_groups: tuple[int, ...]
    emsp_groups: tuple[int, ...]


class Decision(NamedTuple):
    """rule: id of the exception that decided (rows 7 to 9), the smallest of several. token: key of the one that did."""

    accepted: bool
    reason: Reason
    row: int
    rule: int | None
    token: int | None

    @property
    def status(self) -> Literal["accepted", "rejected"]:
        return "accepted" if self.accepted else "rejected"


@dataclass(frozen=True, slots=True)
class Considered:
    """An exception that a row looked at. why: "active", "disabled", "starts 2026-12-01 08:00" or "ended 2026-…"."""

    id: int
    name: str
    active: bool
    why: str
    covers_place: bool
    covers_token: bool


@dataclass(frozen=True, slots=True)
class Step:
    row: int
    reason: Reason
    outcome: Outcome
    considered: tuple[Considered, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """steps: all thirteen rows in order. local_time: naive, at the place. next_change_at: aware UTC, None for never."""

    decision: Decision
    steps: tuple[Step, ...]
    local_time: datetime | None
    next_change_at: datetime | None
