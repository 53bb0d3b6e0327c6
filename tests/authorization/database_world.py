"""A plain world of tests/worlds.py as rows of PostgreSQL, and its questions as a charger would send them."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from authorization.models import AuthorizationListEntry, ChargeException, ExceptionGroup, GroupMember
from authorization.services import Caller
from authorization.services.keys import create_key
from locations.models import CPO, EVSE, ChargeStation, Location
from tests import factories, worlds
from tests.worlds import Ask, World, normal_auth_id
from tokens.models import EMSP, Customer, Driver, Token


@dataclass
class Saved:
    """The rows that stand for the world's names."""

    world: World
    cpos: dict[str, CPO] = field(default_factory=dict)
    locations: dict[str, Location] = field(default_factory=dict)
    emsps: dict[str, EMSP] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    drivers: dict[str, Driver] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    groups: dict[str, ExceptionGroup] = field(default_factory=dict)
    exceptions: dict[str, Any] = field(default_factory=dict)


def fitted(world: World) -> World:
    """The world as the database can hold it.

    One EMAID token an Auth ID, its uid the Auth ID; an external token only where nobody else carries the Auth ID, and
    one for every Auth ID that is named and that nobody carries.
    """
    tokens, emaids, carried = {}, set(), set()
    externals = Counter(normal_auth_id(token.auth_id or "") for token in world.tokens.values() if token.external)
    for token in sorted(world.tokens.values(), key=lambda each: each.external):
        form = normal_auth_id(token.auth_id) if token.auth_id else None
        if token.external and (form in carried or externals[form or ""] > 1):
            token = replace(token, external=False, emsp=next(iter(world.emsps)), uid=token.id)
        if token.type == "EMAID":
            token = replace(token, type="RFID") if form in emaids else replace(token, uid=token.auth_id)
            emaids.add(form)
        carried.add(form)
        tokens[token.id] = token
    named = [auth_id for place in world.locations.values() for auth_id in place.list_auth_ids]
    named += [auth_id for group in world.groups.values() for auth_id in group.auth_ids]
    for auth_id in named:
        if normal_auth_id(auth_id) not in carried:
            carried.add(normal_auth_id(auth_id))
            tokens[f"named-{auth_id}"] = _external(auth_id)
    return replace(world, tokens=tokens)


def _external(auth_id: str) -> Any:
    from tests.worlds import Token as PlainToken

    return PlainToken(f"named-{auth_id}", auth_id=auth_id, external=True)


def save(world: World) -> Saved:
    """Writes a fitted world."""
    saved = Saved(world)
    for name, cpo in world.cpos.items():  # parents come first in every world
        parent = saved.cpos[cpo.parent] if cpo.parent else None
        saved.cpos[name] = factories.cpo(name=name, parent=parent, time_zone=cpo.zone)
    for name, place in world.locations.items():
        row = factories.location(
            saved.cpos[place.cpo], location_id=name, time_zone=world.zone_of(place), published=place.published
        )
        saved.locations[name] = row
        stations = {
            identity: factories.station(row, identity=identity, authorization_required=required)
            for identity, required in place.stations.items()
        }
        for evse_id, station in place.evses.items():
            factories.evse(row, evse_id=evse_id, station=stations[station] if station else None)
    for name, emsp in world.emsps.items():
        saved.emsps[name] = factories.emsp(name=name, blocked=emsp.blocked)
    for name, customer in world.customers.items():
        saved.customers[name] = factories.customer(saved.emsps[customer.emsp], name=name, blocked=customer.blocked)
    for name, driver in world.drivers.items():
        saved.drivers[name] = factories.driver(saved.customers[driver.customer], name=name, blocked=driver.blocked)
    for name, token in world.tokens.items():
        saved.tokens[name] = factories.token(
            emsp=saved.emsps[token.emsp] if token.emsp else None,
            customer=saved.customers[token.customer] if token.customer else None,
            driver=saved.drivers[token.driver] if token.driver else None,
            uid=hexadecimal(token.type, token.uid),
            **{key: getattr(token, key) for key in ("type", "auth_id", "valid", "expires_at", "external")},
        )
    _save_names(saved)
    return saved


def _save_names(saved: Saved) -> None:
    """Groups, exceptions and lists."""
    world = saved.world
    for name, group in world.groups.items():
        row = saved.groups[name] = factories.group(group.category, name=name)
        tokens = [saved.tokens[member] for member in group.members] if group.category == "token" else []
        tokens += [_carrier(auth_id) for auth_id in group.auth_ids]
        for token in _one_a_name(tokens):
            GroupMember.objects.create(group=row, category="token", token=token)
        if group.category != "token":
            rows: dict[str, Any] = getattr(saved, group.category + "s")
            for member in group.members:
                GroupMember.objects.create(group=row, category=group.category, **{group.category: rows[member]})
    for name, rule in world.exceptions.items():
        saved.exceptions[name] = factories.exception(
            rule.action,
            rule.direction,
            [saved.groups[group] for group in rule.cpo_groups],
            [saved.groups[group] for group in rule.emsp_groups],
            name=name,
            **{key: getattr(rule, key) for key in ("enabled", "valid_from", "valid_until")},
        )
    for name, place in world.locations.items():
        for customer in place.list_customers:
            AuthorizationListEntry.objects.create(location=saved.locations[name], customer=saved.customers[customer])
        tokens = [saved.tokens[token] for token in place.list_tokens] + [_carrier(a) for a in place.list_auth_ids]
        for token in _one_a_name(tokens):
            AuthorizationListEntry.objects.create(location=saved.locations[name], token=token)


def _carrier(auth_id: str) -> Token:
    token = Token.objects.filter(auth_id_normal=normal_auth_id(auth_id)).order_by("external", "pk").first()
    assert token is not None, f"nobody carries {auth_id}"
    return token


def _one_a_name(tokens: list[Token]) -> list[Token]:
    """Tokens with one Auth ID are one name."""
    return list({token.auth_id_normal or token.pk: token for token in tokens}.values())


def hexadecimal(kind: str, uid: str | None) -> str | None:
    """A world may call a card anything; an RFID uid is hexadecimal."""
    if uid is None or kind != "RFID" or set(uid.upper()) <= set("0123456789ABCDEF"):
        return uid
    return uid.encode().hex().upper()


TOKEN_TYPES = {"RFID": "ISO14443", "MAC_ADDRESS": "mac_address", "KEY_CODE": "key_code", "EMAID": "e_maid"}


def body_of(saved: Saved, ask: Ask) -> dict[str, Any]:
    """What a charger sends to ask this. A token that the world names is presented by its uid, else by its Auth ID."""
    body: dict[str, Any] = {"evse_id": ask.evse, "location_id": ask.location, "station": ask.station}
    kind, uid, auth_id = ask.type, ask.uid, ask.auth_id
    if ask.token is not None:
        token = saved.world.tokens[ask.token]
        kind, uid, auth_id = token.type, token.uid, token.auth_id
    if ask.no_authorization:
        body["token_type"] = "no_authorization"
    elif uid is not None and kind != "EMAID":
        body |= {"id_token": hexadecimal(kind, uid), "token_type": TOKEN_TYPES.get(kind, "local")}
    else:
        body |= {"id_token": auth_id or uid, "token_type": "e_maid"}
    return {key: value for key, value in body.items() if value is not None}


def caller_of(saved: Saved, ask: Ask) -> Caller:
    """An Admin's key, or that of the CPO that the ask names."""
    if ask.by is None:
        return Caller(key=create_key(user=(admin := factories.admin()))[0].pk, label="admin", user=admin)
    return Caller(key=create_key(cpo=saved.cpos[ask.by])[0].pk, label="cpo", cpo=saved.cpos[ask.by].pk)


def read() -> World:
    """The database as a plain world. Things are called by their pks, but what a charger names by the name."""
    members: dict[int, list[GroupMember]] = defaultdict(list)
    for member in GroupMember.objects.order_by("pk"):
        members[member.group_id].append(member)
    places = Location.objects.order_by("pk")
    times = Counter(place.location_id for place in places)
    names = {p.pk: p.location_id if times[p.location_id] == 1 else f"one of two {p.pk}" for p in places}
    return World(
        cpos={str(c.pk): worlds.CPO(str(c.pk), _key(c.parent_id), c.time_zone) for c in CPO.objects.all()},
        locations={names[place.pk]: _read_location(place, names[place.pk]) for place in places},
        emsps={str(e.pk): worlds.EMSP(str(e.pk), e.blocked) for e in EMSP.objects.all()},
        customers={str(c.pk): worlds.Customer(str(c.pk), str(c.emsp_id), c.blocked) for c in Customer.objects.all()},
        drivers={str(d.pk): worlds.Driver(str(d.pk), str(d.customer_id), d.blocked) for d in Driver.objects.all()},
        tokens={str(token.pk): _read_token(token) for token in Token.objects.all()},
        groups={str(group.pk): _read_group(group, members[group.pk], names) for group in ExceptionGroup.objects.all()},
        exceptions={str(rule.pk): _read_exception(rule) for rule in ChargeException.objects.order_by("pk")},
    )


def _key(pk: int | None) -> str | None:
    return None if pk is None else str(pk)


def _read_location(row: Location, name: str) -> worlds.Location:
    entries = list(AuthorizationListEntry.objects.filter(location=row))
    stations = {station.pk: station for station in ChargeStation.objects.filter(location=row)}
    return worlds.Location(
        name,
        str(row.cpo_id),
        row.time_zone,
        row.published,
        list_customers=tuple(str(entry.customer_id) for entry in entries if entry.customer_id),
        list_tokens=tuple(str(entry.token_id) for entry in entries if entry.token_id and not entry.auth_id),
        list_auth_ids=tuple(entry.auth_id for entry in entries if entry.auth_id),
        stations={station.identity: station.authorization_required for station in stations.values()},
        evses={
            evse.evse_id: stations[evse.station_id].identity if evse.station_id else None
            for evse in EVSE.objects.filter(location=row)
            if evse.evse_id
        },
    )


def _read_token(row: Token) -> worlds.Token:
    return worlds.Token(
        str(row.pk),
        _key(row.emsp_id),
        _key(row.customer_id),
        _key(row.driver_id),
        row.type,
        row.uid,
        row.auth_id,
        row.valid,
        row.expires_at,
        row.external,
    )


def _read_group(row: ExceptionGroup, members: list[GroupMember], places: dict[int, str]) -> worlds.Group:
    unnamed = [member for member in members if member.auth_id is None]
    pks = [getattr(member, f"{row.category}_id") for member in unnamed]
    return worlds.Group(
        str(row.pk),
        row.category,
        tuple(places[pk] if row.category == "location" else str(pk) for pk in pks),
        tuple(member.auth_id for member in members if member.auth_id),
    )


def _read_exception(row: ChargeException) -> worlds.ChargeException:
    return worlds.ChargeException(
        str(row.pk),
        row.action,
        row.direction,
        tuple(str(group.pk) for group in row.cpo_groups.all()),
        tuple(str(group.pk) for group in row.emsp_groups.all()),
        row.enabled,
        row.valid_from,
        row.valid_until,
    )
