"""What may be answered at any moment, from what was changed and when."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.drills.clock import now

GRACE = 2.0  # seconds after a commit in which the answer of before may still be given: CONTRACT, "Visible fast"
ALLOWED = "ALLOWED"


class Unknown(Exception):
    """A change got no answer, or a bad one: nobody knows whether it was committed."""


@dataclass(slots=True)
class Change:
    """reason: the answer once it is in force. end: when it was known to be committed, or None where nobody knows."""

    reason: str
    begin: float
    end: float | None = None


@dataclass
class Subject:
    """One question whose right answer is known at each moment. token: its pk. refused: the reason while it is off."""

    name: str
    body: dict[str, Any]
    refused: str
    token: int = 0
    changes: list[Change] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def changing(self, on: bool) -> Iterator[None]:
        """Around a change. One that raises Unknown may have happened or not."""
        change = Change(ALLOWED if on else self.refused, now())
        with self._lock:
            self.changes.append(change)
        yield
        change.end = now()

    def is_on(self) -> bool:
        """What it was last asked to be."""
        with self._lock:
            return self.changes[-1].reason == ALLOWED

    def allowed(self, start: float, end: float, grace: float = GRACE) -> set[str]:
        """Reasons that an answer may have to a request that was sent at `start` and answered at `end`."""
        with self._lock:
            changes = list(self.changes)
        settled = max(
            (i for i, change in enumerate(changes) if change.end is not None and change.end + grace <= start), default=0
        )
        return {
            change.reason for i, change in enumerate(changes) if i == settled or (i > settled and change.begin < end)
        }


WRONG_ACCEPT, WRONG_REJECT, WRONG_REASON = "wrong accept", "wrong reject", "wrong reason"


def judge(reason: str, allowed: set[str]) -> str | None:
    """What is wrong with an answer; None for a right one."""
    if reason in allowed:
        return None
    if reason == ALLOWED:
        return WRONG_ACCEPT
    return WRONG_REJECT if allowed == {ALLOWED} else WRONG_REASON
