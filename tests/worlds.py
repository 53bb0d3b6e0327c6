"""Small worlds in the contract's own words, read from tests/scenarios/*.yaml.

Nothing here knows the engine or the database: one test turns a world into engine rows, another into rows of PostgreSQL,
and both must give the answers that the scenario asks for. Ids are the names that the YAML file gives things.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

SCENARIOS = Path(__file__).parent / "scenarios"


@dataclass(frozen=True)
class CPO:
    id: str
    parent: str | None = None
    zone: str = "UTC"


@dataclass(frozen=True)
class Location:
    """zone: the CPO's where None. list_*: the authorization list; stations: identity → authorization required;
    evses: EVSE id → station or None."""

    id: str
    cpo: str
    zone: str | None = None
    published: bool = True
    list_customers: tuple[str, ...] = ()
    list_tokens: tuple[str, ...] = ()
    list_auth_ids: tuple[str, ...] = ()
    stations: Mapping[str, bool] = field(default_factory=dict)
    evses: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def private(self) -> bool:
        return bool(self.list_customers or self.list_tokens or self.list_auth_ids)


@dataclass(frozen=True)
class EMSP:
    id: str
    blocked: bool = False


@dataclass(frozen=True)
class Customer:
    id: str
    emsp: str
    blocked: bool = False


@dataclass(frozen=True)
class Driver:
    id: str
    customer: str
    blocked: bool = False


@dataclass(frozen=True)
class Token:
    """An external token has no eMSP and only an Auth ID. A driver brings the customer along, a customer the eMSP."""

    id: str
    emsp: str | None = None
    customer: str | None = None
    driver: str | None = None
    type: str = "RFID"
    uid: str | None = None
    auth_id: str | None = None
    valid: bool = True
    expires_at: datetime | None = None
    external: bool = False


@dataclass(frozen=True)
class Group:
    """members: ids of its category. auth_ids: Auth IDs named in a group of tokens."""

    id: str
    category: str
    members: tuple[str, ...] = ()
    auth_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChargeException:
    """valid_from, valid_until: naive."""

    id: str
    action: str
    direction: str
    cpo_groups: tuple[str, ...]
    emsp_groups: tuple[str, ...]
    enabled: bool = True
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True)
class Ask:
    """One question and the answer it must get.

    Where: one of location, station, evse. by: the CPO whose key asks, None for an Admin's. Who: one of token (as named
    in the world), auth_id, uid (of a token of `type`), no_authorization. because: the exception that decided.
    changes_at: the first later instant with another reason; "never" for none; None where the scenario does not say.
    """

    say: str
    at: datetime
    status: str
    reason: str
    location: str | None = None
    station: str | None = None
    evse: str | None = None
    by: str | None = None
    token: str | None = None
    auth_id: str | None = None
    uid: str | None = None
    type: str = "RFID"
    no_authorization: bool = False
    because: str | None = None
    changes_at: datetime | str | None = None


@dataclass(frozen=True)
class World:
    cpos: dict[str, CPO]
    locations: dict[str, Location]
    emsps: dict[str, EMSP]
    customers: dict[str, Customer]
    drivers: dict[str, Driver]
    tokens: dict[str, Token]
    groups: dict[str, Group]
    exceptions: dict[str, ChargeException]

    def cpo_and_above(self, cpo: str) -> Iterator[str]:
        at: str | None = cpo
        while at is not None:
            yield at
            at = self.cpos[at].parent

    def zone_of(self, location: Location) -> str:
        return location.zone or self.cpos[location.cpo].zone


@dataclass(frozen=True)
class Scenario:
    name: str
    world: World
    asks: tuple[Ask, ...]


def normal_auth_id(auth_id: str) -> str:
    """Enough for scenarios, which leave check digits out; the product's own canonicaliser has its own tests."""
    return auth_id.replace("-", "").upper()


def load_scenarios() -> list[Scenario]:
    return [load_scenario(path) for path in sorted(SCENARIOS.glob("*.yaml"))]


def load_scenario(path: Path) -> Scenario:
    """Raises TypeError or KeyError for a misspelt field, so that no scenario tests less than it seems to."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    world = build_world(data["world"])
    asks = tuple(_ask(ask, data.get("at")) for ask in data["ask"])
    return Scenario(path.stem, world, asks)


def build_world(data: Mapping[str, list[dict[str, Any]]]) -> World:
    kinds: dict[str, type[Any]] = {
        "cpos": CPO, "locations": Location, "emsps": EMSP, "customers": Customer,
        "drivers": Driver, "tokens": Token, "groups": Group, "exceptions": ChargeException,
    }  # fmt: skip
    unknown = set(data) - set(kinds)
    if unknown:
        raise KeyError(f"no such part of a world: {unknown}")
    parts = {name: _by_id(kind, data.get(name, [])) for name, kind in kinds.items()}
    return checked(World(**parts))


def _by_id(kind: type[Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    things: dict[str, Any] = {}
    for row in rows:
        thing = kind(**{name: _value(name, value) for name, value in row.items()})
        if not isinstance(thing.id, str):  # `off` and `1` are no text in YAML
            raise TypeError(f"the id {thing.id!r} needs quotes")
        if thing.id in things:
            raise KeyError(f"{thing.id} comes twice")
        things[thing.id] = thing
    return things


def _value(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and name in {"at", "valid_from", "valid_until", "expires_at", "changes_at"}:
        return value if value == "never" else datetime.fromisoformat(value)
    return value


def _ask(row: dict[str, Any], at: Any) -> Ask:
    if at is not None:
        row = {"at": at} | row
    return Ask(**{name: _value(name, value) for name, value in row.items()})


def checked(world: World) -> World:
    """With drivers' customers and customers' eMSPs filled in. AssertionError for what the database refuses."""
    for location in world.locations.values():
        assert not (location.private and location.published), f"{location.id} is private and published"
        assert location.cpo in world.cpos
    tokens = {token.id: _with_holder(world, token) for token in world.tokens.values()}
    categories: dict[str, Mapping[str, object]] = {
        "cpo": world.cpos, "location": world.locations, "emsp": world.emsps,
        "customer": world.customers, "driver": world.drivers, "token": world.tokens,
    }  # fmt: skip
    for group in world.groups.values():
        assert set(group.members) <= set(categories[group.category]), f"{group.id} has unknown members"
    for exception in world.exceptions.values():
        assert exception.action in {"whitelist", "blacklist"}
        assert exception.direction in {"emsp_for_cpo", "cpo_for_emsp"}
        assert exception.cpo_groups
        assert all(world.groups[g].category in {"cpo", "location"} for g in exception.cpo_groups)
        assert exception.emsp_groups
        assert not any(world.groups[g].category in {"cpo", "location"} for g in exception.emsp_groups)
    return replace(world, tokens=tokens)


def _with_holder(world: World, token: Token) -> Token:
    if token.external:
        assert token.auth_id
        assert token.emsp is token.customer is token.driver is token.uid is None
        return token
    customer = world.drivers[token.driver].customer if token.driver else token.customer
    assert token.customer in (None, customer), f"{token.id} has another customer than its driver"
    emsp = world.customers[customer].emsp if customer else token.emsp
    assert token.emsp in (None, emsp), f"{token.id} has another eMSP than its customer"
    assert emsp in world.emsps, f"{token.id} has no eMSP"
    return replace(token, customer=customer, emsp=emsp)
