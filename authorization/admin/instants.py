"""Which instants a wall-clock time means at the locations covered, zone by zone; and where clocks skip or repeat it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Q
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authorization.engine.clock import UnknownZone, crossings, local_time, zone_of
from authorization.models import ExceptionGroup, GroupMember
from locations.access import Scope, visible_to, with_sub_cpos
from locations.admin_format import moment
from locations.models import Location

# Rows of the table, and zones named in one.
ROWS, ZONES = 8, 3


class Instant(NamedTuple):
    """When a wall clock passes a time, in UTC.

    at: when it gets there for the first time. jump: in a repeated hour when the clock is set back before it, `again`
    when it gets there once more. skipped: the clock jumps over it, at `at`.
    """

    at: datetime
    jump: datetime | None = None
    again: datetime | None = None
    skipped: bool = False


def instant(local: datetime, zone: str) -> Instant | None:
    """None for a zone that nobody knows, and beyond the calendar."""
    try:
        rules = zone_of(zone)
        passed = crossings(local, rules)
    except UnknownZone:
        return None
    if len(passed) < 3:
        return Instant(passed[0]) if passed else None
    first, second, jump = min(passed[:2]), max(passed[:2]), passed[2]
    if local_time(first, rules) == local:
        return Instant(first, jump, second)
    return Instant(jump, skipped=True)


class ZoneRow(NamedTuple):
    """zones: their names. notes: sentences about clocks that skip or repeat one of the times."""

    zones: str
    begins: str
    ends: str
    locations: int
    notes: list[str]


class Instants(NamedTuple):
    """locations: how many are covered. rows: zones with the same instants together, most locations first, those with
    notes before all others. more: what the rows leave out."""

    locations: int
    rows: list[ZoneRow]
    more: str


def covered_zones(places: Iterable[ExceptionGroup], scope: Scope) -> dict[str, int]:
    """Time zone → number of the locations that these CPO-side groups cover, of those that the user may see."""
    members = GroupMember.objects.filter(group__in=[group.pk for group in places]).order_by()
    cpos = with_sub_cpos(members.exclude(cpo=None).values_list("cpo", flat=True))
    covered = Q(cpo__in=cpos) | Q(pk__in=members.exclude(location=None).values("location"))
    rows = visible_to(scope, Location.objects.filter(covered)).order_by().values("time_zone")
    return dict(rows.annotate(number=Count("pk")).values_list("time_zone", "number"))


def instants(zones: Mapping[str, int], valid_from: datetime | None, valid_until: datetime | None) -> Instants:
    """zones: as `covered_zones` counts them."""
    together: dict[tuple[Instant | None, Instant | None], list[str]] = defaultdict(list)
    if valid_from or valid_until:
        for zone in zones:
            key = (
                instant(valid_from, zone) if valid_from else None,
                instant(valid_until, zone) if valid_until else None,
            )
            together[key].append(zone)
    rows = [
        ZoneRow(_named(names, zones), _told(begin), _told(end), sum(zones[name] for name in names), notes)
        for (begin, end), names in together.items()
        for notes in [_odd(begin, valid_from, ends=False) + _odd(end, valid_until, ends=True)]
    ]
    rows.sort(key=lambda row: (not row.notes, -row.locations))
    return Instants(sum(zones.values()), rows[:ROWS], _more(rows[ROWS:]))


def _named(names: list[str], zones: Mapping[str, int]) -> str:
    names = sorted(names, key=lambda name: (-zones[name], name))
    more = len(names) - ZONES
    if more > 0:
        names = [*names[:ZONES], ngettext("%(number)d more", "%(number)d more", more) % {"number": more}]
    return get_text_list(names, _("and"))


def _more(rows: list[ZoneRow]) -> str:
    if not rows:
        return ""
    locations = sum(row.locations for row in rows)
    text = ngettext(
        "And at %(number)s location in other time zones.", "And at %(number)s locations in other time zones.", locations
    )
    return text % {"number": f"{locations:,}"}


def _told(passed: Instant | None) -> str:
    return moment(passed.at) if passed else "–"


def _odd(passed: Instant | None, local: datetime | None, *, ends: bool) -> list[str]:
    """What is odd about the time there."""
    if passed is None or local is None or not (passed.skipped or passed.again):
        return []
    if passed.skipped:
        text = (
            _("%(local)s does not exist there: the clocks jump over it. It ends as they do, %(at)s UTC.")
            if ends
            else _("%(local)s does not exist there: the clocks jump over it. It begins as they do, %(at)s UTC.")
        )
    elif ends:
        text = _(
            "%(local)s comes twice there: it ends the first time, %(at)s UTC, is in force again from %(jump)s, as the "
            "clocks are set back, and ends for good at %(again)s UTC."
        )
    else:
        text = _(
            "%(local)s comes twice there: it begins the first time, %(at)s UTC, pauses when the clocks are set back, "
            "%(jump)s, and goes on from %(again)s UTC."
        )
    times = {"at": passed.at, "jump": passed.jump, "again": passed.again}
    return [text % {"local": moment(local), **{name: moment(time) for name, time in times.items() if time}}]
