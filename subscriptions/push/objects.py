"""What a partner is sent of each object: what it would pull, as requests that bring it from what it has to what is.

New is PUT, what changed is PATCHed. What the partner may see no more, and what is gone, is taken back as far as OCPI
2.1.1 can say it, which knows no DELETE: a token becomes `valid: false`, a location's EVSEs become REMOVED.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chargers.models import StationMessage
from chargers.services import outbox
from locations.models import Location
from subscriptions.models import Delivery, Module, Relayed
from subscriptions.ocpi import locations, sessions
from subscriptions.ocpi.envelope import stamp
from subscriptions.ocpi.locations import in_scope, placeholder, whole
from subscriptions.ocpi.relayed import seen
from subscriptions.ocpi.token_objects import token_objects
from subscriptions.services import Sight

Address = tuple[str, ...]
Shape = dict[str, Any]
REMOVED = "REMOVED"


@dataclass(frozen=True)
class Step:
    """One request. path: below the endpoint, none for the endpoint itself. whole: what to PUT where a PATCH finds
    nothing. undoes: it takes something back, so that a partner which has nothing there is fine."""

    method: str
    path: Address
    body: Shape
    whole: Shape | None = None
    undoes: bool = False


@dataclass(frozen=True)
class Plan:
    """The requests for one object; then `sent` is what the partner has, at `sent_to`, None for nothing."""

    steps: list[Step] = field(default_factory=list)
    sent: Shape | None = None
    sent_to: Address | None = None


def plans(module: str, sight: Sight, rows: Sequence[Delivery], now: datetime) -> dict[int, Plan]:
    """By the deliveries' primary keys, by a number of queries that does not grow with them. One without steps is
    nothing to tell."""
    return _PLANNERS[Module(module)](sight, rows, now)


def _update(row: Delivery, to: Address, shape: Shape, changed: Iterable[str] | None = None) -> list[Step]:
    """changed: the fields that differ from what the partner has; None: find out."""
    if row.sent is None or row.sent_to != list(to) or set(row.sent) - set(shape):
        return [Step("PUT", to, shape)]
    if changed is None:
        changed = [name for name in shape if row.sent.get(name) != shape[name]]
    told = {name: shape[name] for name in changed}
    if not told.keys() - {"last_updated"}:
        return []
    return [Step("PATCH", to, told | {"last_updated": shape["last_updated"]}, whole=shape)]


def _left(row: Delivery, to: Address | None) -> list[Address]:
    """Addresses at which the partner may have what is not there any more; each once."""
    addresses = [tuple(address) for address in row.gone] + ([tuple(row.sent_to)] if row.sent_to else [])
    return [address for address in dict.fromkeys(addresses) if address != to]


def _tokens(sight: Sight, rows: Sequence[Delivery], now: datetime) -> dict[int, Plan]:
    found = token_objects(sight, [row.object_id for row in rows], now)
    planned = {}
    for row in rows:
        country, party, shape = found.get(row.object_id, ("", "", None))
        to = (country, party, str(shape["uid"])) if shape else None
        invalid = {"valid": False, "last_updated": stamp(now)}
        steps = [Step("PATCH", address, invalid, undoes=True) for address in _left(row, to)]
        if shape and to:
            steps += _update(row, to, shape)
        planned[row.pk] = Plan(steps, shape, to)
    return planned


def _locations(sight: Sight, rows: Sequence[Delivery], now: datetime) -> dict[int, Plan]:
    pks = [row.object_id for row in rows]
    shown = {place.pk: place for place in whole(in_scope(sight).filter(pk__in=pks))}
    hidden = {place.pk: place for place in whole(Location.objects.filter(pk__in=set(pks) - set(shown)))}
    planned = {}
    shapes = locations.shapes(sight, shown.values())
    for row in rows:
        place, shape = shown.get(row.object_id), shapes.get(row.object_id)
        if place and shape:
            planned[row.pk] = _shown(row, place, shape, sight.version, now)
        else:
            planned[row.pk] = _taken_back(row, hidden.get(row.object_id), now)
    return planned


def _shown(row: Delivery, place: Any, shape: Shape, version: str, now: datetime) -> Plan:
    to = _address(place)
    uids = {evse["uid"] for evse in shape["evses"]}
    steps = []
    for address in _left(row, to):
        if len(address) == 3:
            steps += _removal(row, address, sorted(uids), now)
    had = [evse for evse in (row.sent or {}).get("evses", ()) if evse["uid"] not in uids]
    told = {evse["uid"] for evse in had}
    # A partner that was sent nothing yet may have pulled the EVSE.
    others = {address[3] for address in map(tuple, row.gone) if len(address) == 4 and address[:3] == to}
    had += [{"uid": uid, "connectors": [placeholder(stamp(now), version)]} for uid in sorted(others - uids - told)]
    if had:
        return Plan([*steps, Step("PUT", to, _without(shape, had, now, also=shape["evses"]))], shape, to)
    # EVSEs carry the location's time: when that alone differs, they have not changed.
    before = row.sent or {}
    changed = [name for name in shape if _timeless(before.get(name)) != _timeless(shape[name])]
    if "evses" in changed and row.sent is not None:
        return Plan([*steps, Step("PUT", to, shape)], shape, to)
    return Plan(steps + _update(row, to, shape, [name for name in changed if name != "last_updated"]), shape, to)


def _taken_back(row: Delivery, place: Any, now: datetime) -> Plan:
    """Of a location that the partner does not see, or that is gone. One that it never saw is none of its business."""
    if row.sent is None and not row.known:
        return Plan()
    steps = []
    own = {address[3] for address in map(tuple, row.gone) if len(address) == 4}
    uids = sorted(own | {evse.uid for evse in place.evses.all()}) if place else sorted(own)
    addresses: list[Address] = [address for address in _left(row, None) if len(address) == 3]
    if place is not None and _address(place) not in addresses:
        addresses.append(_address(place))
    for address in addresses or dict.fromkeys(tuple(address[:3]) for address in row.gone):
        steps += _removal(row, address, uids, now)
    return Plan(steps)


def _removal(row: Delivery, address: Address, uids: Iterable[str], now: datetime) -> list[Step]:
    """What says that nothing can be charged at there: the location as the partner has it with all EVSEs REMOVED, or,
    where it was never sent, each EVSE by itself."""
    if row.sent is not None and row.sent_to == list(address):
        return [Step("PUT", address, _without(row.sent, row.sent["evses"], now), undoes=True)]
    gone = {"status": REMOVED, "last_updated": stamp(now)}
    return [Step("PATCH", (*address, uid), gone, undoes=True) for uid in uids]


def _without(shape: Shape, evses: Iterable[Shape], now: datetime, also: Iterable[Shape] = ()) -> Shape:
    at = stamp(now)
    removed = [evse | {"status": REMOVED, "last_updated": at} for evse in evses]
    return shape | {"evses": [*also, *removed], "last_updated": at}


def _address(place: Any) -> Address:
    return (place.cpo.country_code, place.cpo.party_id, place.location_id)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(part) for name, part in value.items() if name != "last_updated"}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def _sessions(sight: Sight, rows: Sequence[Delivery], now: datetime) -> dict[int, Plan]:
    found = _relayed(sight, Relayed.Kind.SESSION, rows)
    shapes = sessions.shapes([kept for _, _, kept in found if kept])
    return {pk: _session(row, kept, shapes) for pk, row, kept in found}


def _session(row: Delivery, kept: Relayed | None, shapes: Mapping[int, Shape]) -> Plan:
    if kept is None:
        # A session cannot be taken back.
        return Plan(sent=row.sent, sent_to=tuple(row.sent_to) if row.sent_to else None)
    to, shape = (kept.country_code, kept.party_id, kept.object_id), shapes[kept.pk]
    return Plan(_update(row, to, shape), shape, to)


def _cdrs(sight: Sight, rows: Sequence[Delivery], now: datetime) -> dict[int, Plan]:
    """A CDR is sent once, and never again."""
    planned = {}
    for pk, row, kept in _relayed(sight, Relayed.Kind.CDR, rows):
        to = (kept.country_code, kept.party_id, kept.object_id) if kept else None
        steps = [Step("POST", (), kept.body)] if kept and row.sent is None else []
        planned[pk] = Plan(steps, {"id": kept.object_id} if kept else row.sent, to)
    return planned


def _relayed(sight: Sight, kind: Relayed.Kind, rows: Sequence[Delivery]) -> list[tuple[int, Delivery, Relayed | None]]:
    visible = seen(sight, kind).exclude(subscription=sight.subscription)
    found = {kept.pk: kept for kept in visible.filter(pk__in=[row.object_id for row in rows])}
    return [(row.pk, row, found.get(row.object_id)) for row in rows]


def _notifications(sight: Sight, rows: Sequence[Delivery], now: datetime) -> dict[int, Plan]:
    """What a station was told, once."""
    messages = StationMessage.objects.filter(pk__in=[row.object_id for row in rows if row.sent is None])
    if sight.cpos is not None:
        messages = messages.filter(location__cpo__in=sight.cpos)
    found = {message.pk: message for message in messages.select_related("station", "evse")}
    planned = {}
    for row in rows:
        message = found.get(row.object_id)
        to = (str(message.message_id),) if message else None
        steps = [Step("POST", to, outbox.notification(message))] if message and to else []
        planned[row.pk] = Plan(steps, {"id": to[0]} if to else row.sent, to)
    return planned


Planner = Callable[[Sight, Sequence[Delivery], datetime], dict[int, Plan]]
_PLANNERS: dict[Module, Planner] = {
    Module.LOCATIONS: _locations,
    Module.TOKENS: _tokens,
    Module.SESSIONS: _sessions,
    Module.CDRS: _cdrs,
    Module.NOTIFICATIONS: _notifications,
}
