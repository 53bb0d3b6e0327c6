"""From UTC to the wall clock at a location, and back to every instant at which that clock passes a boundary."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SECOND = timedelta(seconds=1)

_zones: dict[str, ZoneInfo] = {}
_local: dict[ZoneInfo, tuple[datetime, datetime]] = {}


class UnknownZone(ValueError):
    """A location's time zone is not in the zone database, so no window can be judged there."""


def zone_of(name: str) -> ZoneInfo:
    # ZoneInfo's own cache is weak and slower than a dict. Only names that exist get in, so it stays small.
    zone = _zones.get(name)
    return _load(name) if zone is None else zone


def _load(name: str) -> ZoneInfo:
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:  # OSError: the name of a folder of zones
        raise UnknownZone(f"unknown time zone {name!r}") from error
    _zones[name] = zone
    return zone


def require_utc(now: datetime) -> None:
    """Raises ValueError for a naive `now` and for one of another zone, London's in winter included."""
    if now.tzinfo is not UTC and (str(now.tzinfo) != "UTC" or now.utcoffset() != timedelta(0)):
        raise ValueError(f"the instant to decide at must be an aware UTC datetime, not {now!r}")


def local_time(now: datetime, zone: ZoneInfo) -> datetime:
    """The wall-clock time in `zone`, zone dropped. Raises OverflowError beyond the years 1 to 9999."""
    known = _local.get(zone)
    if known is not None and known[0] is now:
        return known[1]
    local = now.astimezone(zone).replace(tzinfo=None)
    # A batch asks for the same instant again and again; there is an entry for each zone, no more.
    _local[zone] = now, local
    return local


def crossings(boundary: datetime, zone: ZoneInfo) -> list[datetime]:
    """Every UTC instant at which "local time ≥ boundary" may change; those outside the years 1 to 9999 are left out.

    A boundary in a repeated hour is passed twice, with a step back between; one in a gap is passed as the clock jumps.
    In both the two readings of the boundary differ, and the jump lies after the earlier one and not after the later.
    """
    readings = [instant for fold in (0, 1) if (instant := _utc(boundary, fold, zone)) is not None]
    if len(readings) == 2 and readings[0] != readings[1]:
        readings.append(_jump(min(readings), max(readings), zone))
    return readings


def _utc(boundary: datetime, fold: int, zone: ZoneInfo) -> datetime | None:
    try:
        return boundary.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    except OverflowError:
        return None


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second in (before, after] with another offset than `before`; zones change at whole seconds only."""
    old = before.astimezone(zone).utcoffset()
    low = before.replace(microsecond=0)
    high = after.replace(microsecond=0)
    while high - low > SECOND:
        middle = low + (high - low) // SECOND // 2 * SECOND
        if middle.astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high
