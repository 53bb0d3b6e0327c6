"""When will the answer be another one? Time enters a decision at a few known instants only: try each."""

from collections.abc import Callable
from datetime import UTC, datetime

from .clock import crossings, zone_of
from .rules import Rules
from .types import Decision, Request

Decide = Callable[[Request, Rules, datetime], Decision]


def next_change(decide: Decide, request: Request, rules: Rules, now: datetime, current: Decision) -> datetime | None:
    """The first UTC instant after `now` at which status or reason differ from `current`'s, all else equal."""
    if current.row < 5:  # rows 1 to 4 know no time
        return None
    for candidate in sorted(at for at in _candidates(request, rules, current.row) if at > now):
        try:
            instant = candidate.astimezone(UTC)
            later = decide(request, rules, instant)
        except OverflowError:  # the wall clock there would show the year 10000
            return None
        if later.reason != current.reason:
            return instant
    return None


def _candidates(request: Request, rules: Rules, row: int) -> set[datetime]:
    """Instants among which is the first change. Until then `row` goes on matching, so later rows have no say."""
    place = request.place
    if place is None:
        return set()
    zone = zone_of(place.zone)
    boundaries: set[datetime] = set()
    for groups in {token.groups for token in request.tokens}:
        boundaries |= rules.boundaries(place.groups, groups, row)
    instants = {instant for boundary in boundaries for instant in crossings(boundary, zone)}
    # No conversion to UTC here: instants compare across zones, and an expiry in the year 9999 may have none.
    return instants | {token.expires_at for token in request.tokens if token.expires_at is not None}
