"""The last 24 hours of the authorization log, in numbers."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count
from django.db.models.functions import TruncHour

from authorization.models import Decision
from locations.access import Scope, visible_to
from locations.models import Location
from tokens.access import directories, emsps
from tokens.models import Token

# A busy portal's day has millions of rows: the newest of them tell enough, at a cost that does not grow.
NEWEST = 100_000
SHOWN = 8


class Hour(NamedTuple):
    begin: datetime
    accepted: int
    rejected: int


class Day(NamedTuple):
    """hours: 24, the oldest first. reasons: of refusals, the most frequent first. refusals: what is refused most often,
    as reason, location, token (each of the two may be None) and times. whole: whether all of the day was counted.
    """

    hours: list[Hour]
    accepted: int
    rejected: int
    reasons: list[tuple[str, int]]
    refusals: list[dict[str, Any]]
    whole: bool

    @property
    def asked(self) -> int:
        return self.accepted + self.rejected

    @property
    def percent(self) -> int:
        return round(100 * self.accepted / self.asked) if self.asked else 0


def day(scope: Scope, now: datetime) -> Day:
    """The 24 hours before `now`, of the decisions that the user sees."""
    since = now - timedelta(hours=24)
    newest = visible_to(scope, Decision.objects.filter(decided_at__gt=since)).order_by()
    beyond = list(newest.order_by("-decided_at", "-id").values_list("decided_at", flat=True)[NEWEST : NEWEST + 1])
    if beyond:
        newest = newest.filter(decided_at__gt=beyond[0])
    by_hour = newest.values("accepted", "reason", hour=TruncHour("decided_at", tzinfo=UTC)).annotate(times=Count("pk"))
    counted = list(by_hour)
    hours: Counter[tuple[datetime, bool]] = Counter()
    reasons: Counter[str] = Counter()
    for row in counted:
        hours[row["hour"], row["accepted"]] += row["times"]
        if not row["accepted"]:
            reasons[row["reason"]] += row["times"]
    first = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=23)
    begins = [first + timedelta(hours=number) for number in range(24)]
    accepted = sum(times for (_, yes), times in hours.items() if yes)
    rejected = sum(times for (_, yes), times in hours.items() if not yes)
    return Day(
        [Hour(begin, hours[begin, True], hours[begin, False]) for begin in begins],
        accepted,
        rejected,
        reasons.most_common(6),
        _refusals(scope, newest),
        not beyond,
    )


def _refusals(scope: Scope, newest: Any) -> list[dict[str, Any]]:
    """What is refused most often: the same card at the same place for the same reason."""
    alike = newest.filter(accepted=False).values("reason", "location", "token").annotate(times=Count("pk"))
    found = list(alike.order_by("-times", "reason", "location", "token")[:SHOWN])
    locations = Location.objects.in_bulk({row["location"] for row in found} - {None})
    tokens = Token.objects.in_bulk({row["token"] for row in found} - {None})
    for row in found:
        row["location"] = locations.get(row["location"])
        token = tokens.get(row["token"])
        seen = token is not None and (scope.everything or token.emsp_id in emsps(scope) | directories(scope))
        row["token"] = token if seen else None
        row["others"] = token is not None and not seen
    return found
