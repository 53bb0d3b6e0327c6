"""The sessions that authorizations in use are, as OCPI 2.1.1 `mod_sessions` shows them; partners' own are as they came.

The portal knows who may charge where since when and until when. It knows neither energy nor prices: `kwh` is 0 and the
currency is XXX, which is ISO 4217's for none, until the CPO's platform reports them. CDRs are never made of this.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from chargers.models import AuthorizationInUse, Command, Via
from locations.models import EVSE, Location
from subscriptions.models import Relayed
from subscriptions.ocpi.envelope import INVALID, Refusal, stamp
from subscriptions.ocpi.locations import location_object, whole
from subscriptions.ocpi.receiving import text_of

NO_CURRENCY = "XXX"
# What a CPO's platform reports of it; everything else is what the portal knows.
REPORTED = ("kwh", "currency", "total_cost", "charging_periods", "meter_id")
OURS = f"The portal keeps this session. PATCH what you know of it: {', '.join(REPORTED)}."
IGNORED = ("id", "last_updated")
MOST_PERIODS = 1000


def shapes(rows: Sequence[Relayed]) -> dict[int, dict[str, Any]]:
    """Relayed objects and sessions of the portal's, by primary key, by a number of queries that does not grow."""
    own = [row for row in rows if row.use_id is not None]
    made = _made(own) if own else {}
    return {row.pk: made.get(row.pk, row.body) for row in rows}


def _made(rows: Sequence[Relayed]) -> dict[int, dict[str, Any]]:
    uses = {use.pk: use for use in _uses().filter(pk__in=[row.use_id for row in rows])}
    wanted = {use.location_id for use in uses.values()}
    places = {place.pk: place for place in whole(Location.objects.filter(pk__in=wanted))}
    return {row.pk: _session(row, uses[row.use_id], places) for row in rows if row.use_id in uses}


def _uses() -> QuerySet[Any]:
    """never_began: by command alone, and the station did not do it."""
    starts = Command.objects.filter(use=OuterRef("pk"), kind=Command.Kind.START)
    states = Command.State
    return AuthorizationInUse.objects.annotate(
        refused=Exists(starts.filter(state__in=[states.REJECTED, states.TIMED_OUT])),
        begun=Exists(starts.filter(state=states.ACCEPTED)),
    )


def _session(row: Relayed, use: Any, places: dict[int, Any]) -> dict[str, Any]:
    reported = {name: row.body[name] for name in REPORTED if row.body.get(name) is not None}
    shape = {
        "id": row.object_id,
        "start_datetime": stamp(use.began_at),
        "kwh": 0,
        "auth_id": row.body["auth_id"],
        # Whatever the decision looked at, the eMSP was not asked.
        "auth_method": "WHITELIST",
        "location": _place(places[use.location_id], use),
        "currency": NO_CURRENCY,
        "status": _status(use),
        "last_updated": stamp(row.updated_at),
    }
    if use.ended_at is not None:
        shape["end_datetime"] = stamp(use.ended_at)
    return shape | reported


def _status(use: Any) -> str:
    if use.ended_at is None:
        return "ACTIVE"
    never_began = use.via == Via.COMMAND and use.reference is None and use.refused and not use.begun
    return "INVALID" if never_began else "COMPLETED"


def _place(location: Any, use: AuthorizationInUse) -> dict[str, Any]:
    """The location with the EVSE in question alone; with none, where only the station is known and has several."""
    shape = location_object(location)
    evses: list[EVSE] = list(location.evses.all())
    if use.evse_id is not None:
        uids = [evse.uid for evse in evses if evse.pk == use.evse_id]
    else:
        uids = [evse.uid for evse in evses if evse.station_id == use.station_id]
    shape["evses"] = [evse for evse in shape["evses"] if uids == [evse["uid"]]]
    return shape


def report(row: Relayed, given: dict[str, Any], now: datetime) -> None:
    """Keeps what the CPO's platform knows of a session of the portal's. Raises Refusal."""
    if set(given) - {*REPORTED, *IGNORED}:
        raise Refusal(INVALID, OURS)
    checked = {name: _checked(name, given[name]) for name in REPORTED if name in given}
    Relayed.objects.filter(pk=row.pk).update(body=row.body | checked, updated_at=now)


def _checked(name: str, value: Any) -> Any:
    """A reported value; null takes it away. Raises Refusal."""
    if value is None:
        return None
    match name:
        case "kwh" | "total_cost":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise Refusal(INVALID, f"{name} is a number, 0 or more.")
        case "charging_periods":
            if not isinstance(value, list) or len(value) > MOST_PERIODS or not all(isinstance(p, dict) for p in value):
                raise Refusal(INVALID, f"{name} is a list of at most {MOST_PERIODS} charging periods.")
        case "currency":
            if not isinstance(value, str) or len(value) != 3 or not (value.isascii() and value.isupper()):
                raise Refusal(INVALID, "currency is three capital letters, by ISO 4217.")
        case _:
            text_of(value, name, 255)
    return value
