"""Windows of wall-clock time, [from, until), each end open where it is None."""

from collections.abc import Iterable
from datetime import datetime

Window = tuple[datetime | None, datetime | None]
ALWAYS: Window = (None, None)

# The ends of the calendar stand for "no end" in what is computed; wall-clock times have no zone.
EARLIEST, LATEST = datetime.min, datetime.max  # noqa: DTZ901


def edges(windows: Iterable[Window]) -> set[datetime]:
    """The local times at which "any of these windows is open" changes: overlapping and touching ones are one."""
    found: set[datetime] = set()
    opened: datetime | None = None
    closed = EARLIEST
    for start, end in sorted((start or EARLIEST, end or LATEST) for start, end in windows):
        if opened is None or start > closed:
            if opened is not None:
                found |= {opened, closed}
            opened, closed = start, end
        else:
            closed = max(closed, end)
    if opened is not None:
        found |= {opened, closed}
    return found - {EARLIEST, LATEST}
