"""An OCPI location object (2.1.1 or 2.2.1) as the values of a Location and its EVSEs, or what is wrong with it.

Real feeds leave out anything, so nothing but the ids is asked for. A field that is absent or null says nothing and
changes nothing; an empty text or list empties the field. What is there but cannot be right is a problem, never a guess.
Of a connector all is asked for that OCPI does: without it there is nothing to show.

Sources: OCPI 2.1.1 and 2.2.1 `mod_locations`.
"""

import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache

from locations import connectors
from locations.connectors import Connector
from locations.countries import ALPHA3
from locations.ocpi_values import Bad, Problem, identifier, short_enough, shown, string

LENGTHS = {"id": 39, "uid": 39, "evse_id": 48, "name": 255, "address": 255, "city": 255, "postal_code": 20}
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,60})?(e-?[0-9]{1,2})?", re.IGNORECASE)
_SEVENTH = Decimal("1e-7")


@dataclass(slots=True)
class EvseRow:
    """`evse_id`, `connectors` None: the object does not say."""

    uid: str
    evse_id: str | None
    removed: bool
    connectors: list[Connector] | None = None


@dataclass(slots=True)
class LocationRow:
    """Fields as in locations.models.Location; None where the object does not say."""

    location_id: str
    name: str | None = None
    address: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None
    latitude: Decimal | None = None
    longitude: Decimal | None = None
    time_zone: str | None = None
    publish: bool | None = None
    evses: list[EvseRow] = field(default_factory=list)


@dataclass(slots=True)
class Reading:
    """One object, read. `row` is None where its problems are the location's own; `refused` are EVSEs left out of it,
    `left_out` connectors of EVSEs that are taken."""

    location_id: str = ""
    row: LocationRow | None = None
    problems: list[Problem] = field(default_factory=list)
    refused: list[Problem] = field(default_factory=list)
    left_out: list[Problem] = field(default_factory=list)


def read_location(obj: object) -> Reading:
    """`obj` is what a JSON parser made of one location object."""
    if not isinstance(obj, dict):
        return Reading(problems=[Problem("object", f"{shown(obj)} is no location object")])
    reading = Reading()
    values: dict[str, object] = {}
    for name, read in _FIELDS.items():
        try:
            values |= read(obj, name)
        except Bad as error:
            reading.problems.append(Problem(name, str(error)))
    reading.location_id = str(values.get("location_id") or shown(obj.get("id")))
    evses = obj.get("evses") or []
    if not isinstance(evses, list):
        reading.problems.append(Problem("evses", f"{shown(evses)} is no list"))
    if not reading.problems:
        reading.row = LocationRow(**values)  # type: ignore[arg-type]
        reading.row.evses = list(_evses(evses, reading))
    return reading


def _evses(objects: list[object], reading: Reading) -> Iterator[EvseRow]:
    seen: set[str] = set()
    for index, obj in enumerate(objects):
        where = f"evses[{index}]"
        if not isinstance(obj, dict):
            reading.refused.append(Problem(where, f"{shown(obj)} is no EVSE object"))
            continue
        name = "uid"
        try:
            uid = identifier(obj, name, LENGTHS[name])
            if uid in seen:
                raise Bad(f"{shown(uid)} stands twice in this location")
            name = "evse_id"
            evse_id = identifier(obj, name, LENGTHS[name]) if obj.get(name) not in (None, "") else None
        except Bad as error:
            reading.refused.append(Problem(f"{where}.{name}", str(error)))
            continue
        seen.add(uid)
        removed = obj.get("status") == "REMOVED"
        yield EvseRow(uid, evse_id, removed, None if removed else _connectors(obj, where, reading))


def _connectors(evse: dict[str, object], where: str, reading: Reading) -> list[Connector] | None:
    """A list of which nothing can be taken says nothing."""
    given = evse.get("connectors")
    if given is None:
        return None
    found, problems = connectors.read(given)
    reading.left_out += [Problem(f"{where}.{problem.field}", problem.text) for problem in problems]
    return found if found or not problems else None


def _location_id(obj: dict[str, object], name: str) -> dict[str, object]:
    return {"location_id": identifier(obj, name, LENGTHS[name])}


def _text(obj: dict[str, object], name: str) -> dict[str, object]:
    value = string(obj, name)
    return {} if value is None else {name: short_enough(value, LENGTHS[name])}


def _country(obj: dict[str, object], name: str) -> dict[str, object]:
    value = string(obj, name)
    if value is None:
        return {}
    code = value.upper()
    code = ALPHA3.get(code, code)
    if code and not re.fullmatch("[A-Z]{3}", code):
        raise Bad(f"{shown(value)} is no country code of ISO 3166, like NLD")
    return {name: code}


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _time_zone(obj: dict[str, object], name: str) -> dict[str, object]:
    value = string(obj, name)
    if not value:
        return {}
    if value not in _zones():
        raise Bad(f"{shown(value)} is no IANA time zone, like Europe/Amsterdam")
    return {name: value}


def _publish(obj: dict[str, object], name: str) -> dict[str, object]:
    value = obj.get(name)
    if value is None:
        return {}
    if not isinstance(value, bool):
        raise Bad(f"{shown(value)} is neither true nor false")
    return {name: value}


def _coordinates(obj: dict[str, object], name: str) -> dict[str, object]:
    pair = obj.get(name)
    if not pair:
        return {}
    if not isinstance(pair, dict):
        raise Bad(f"{shown(pair)} is no pair of latitude and longitude")
    latitude, longitude = _degrees(pair, "latitude", 90), _degrees(pair, "longitude", 180)
    if (latitude is None) != (longitude is None):
        raise Bad("one of latitude and longitude is missing")
    return {} if latitude is None else {"latitude": latitude, "longitude": longitude}


def _degrees(pair: dict[str, object], name: str, limit: int) -> Decimal | None:
    """Degrees as text, or as the number that some feeds have, to the seventh decimal (a centimetre)."""
    value = pair.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = repr(value)
    if value is None or value == "":
        return None
    text = value.strip() if isinstance(value, str) else ""
    if not _NUMBER.fullmatch(text):
        raise Bad(f"{name} {shown(value)} is no number of degrees")
    degrees = Decimal(text)
    if abs(degrees) > limit:
        raise Bad(f"{name} {shown(value)} is not between -{limit} and {limit}")
    return degrees.quantize(_SEVENTH)


_FIELDS = {
    "id": _location_id,
    "name": _text,
    "address": _text,
    "city": _text,
    "postal_code": _text,
    "country": _country,
    "coordinates": _coordinates,
    "time_zone": _time_zone,
    "publish": _publish,
}
