"""The instant at which a question is decided: this machine's clock, unless it is off.

All nodes are to answer alike, and the clock that they have in common is the database's. Whoever asks the database tells
what its clock was on time.monotonic(), which nobody sets, so that a clock that is put wrong is noticed with the very
next question: one that is minutes behind would let in who expired meanwhile.
"""

import time
from datetime import UTC, datetime

from django.utils import timezone

MOST_OFF = 1.0  # seconds; what is nearer is the clocks' and the network's own
SLOWEST = 0.5  # seconds; an answer that took longer says too little about when it was given

_database: float | None = None  # its clock as seconds since 1970, less time.monotonic()


def compared(database: float, asked_at: float) -> float | None:
    """What the database's clock is on time.monotonic(), for know(); None where the answer came too late to tell.

    database: its clock, in seconds since 1970. asked_at: time.monotonic() before it was asked.
    """
    return database - asked_at if time.monotonic() - asked_at < SLOWEST else None


def know(database: float | None) -> None:
    """What compared() gave, here or in another process of this machine. None changes nothing."""
    global _database
    if database is not None:
        _database = database


def now() -> datetime:
    """The present. The database's, where this machine's is more than MOST_OFF from it."""
    here = timezone.now()
    if _database is None:
        return here
    there = _database + time.monotonic()
    return here if abs(here.timestamp() - there) <= MOST_OFF else datetime.fromtimestamp(there, UTC)
