"""Rows of a demo world. They name each other by natural keys, so that a world can be made without a database.

A party is written NL-GFX. A token is named by (type, normal uid), or by ("", normal Auth ID).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class CpoRow(NamedTuple):
    code: str
    name: str
    parent: str | None
    time_zone: str


class LocationRow(NamedTuple):
    cpo: str
    location_id: str
    name: str
    address: str
    city: str
    postal_code: str
    country: str
    latitude: float | None
    longitude: float | None
    time_zone: str
    published: bool = True


class StationRow(NamedTuple):
    cpo: str
    location_id: str
    identity: str
    authorization_required: bool = True
    local_pre_authorize: bool = False
    local_authorize_offline: bool = True
    allow_offline_unknown: bool = False
    smart_button: bool = False


class EvseRow(NamedTuple):
    cpo: str
    location_id: str
    station: str | None
    uid: str
    evse_id: str | None


class EmspRow(NamedTuple):
    code: str
    name: str
    blocked: bool = False


class CustomerRow(NamedTuple):
    emsp: str
    external_id: str
    name: str
    blocked: bool = False


class DriverRow(NamedTuple):
    emsp: str
    customer: str
    external_id: str
    name: str
    blocked: bool = False


class TokenRow(NamedTuple):
    emsp: str | None
    customer: str | None
    driver: str | None
    type: str
    uid: str | None
    auth_id: str | None
    visual_number: str = ""
    issuer: str = ""
    valid: bool = True
    whitelist: str = "ALLOWED"
    expires_at: datetime | None = None
    language: str = ""
    external: bool = False


class GroupRow(NamedTuple):
    name: str
    category: str
    owner: str | None  # cpo:NL-GFX, emsp:NL-TVM, or None: global
    notes: str = ""


class MemberRow(NamedTuple):
    """`key` and `below` by category: cpo and emsp (code, ""), location (cpo, location_id), customer (emsp,
    external_id), driver (emsp, the customer's and the driver's external_id with a space between), token as above."""

    group: str
    category: str
    key: str
    below: str


class ExceptionRow(NamedTuple):
    """Naive times: wall clock at the location."""

    name: str
    action: str
    direction: str
    owner: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    enabled: bool
    notes: str


class LinkRow(NamedTuple):
    exception: str
    group: str


class ListRow(NamedTuple):
    """A customer (`kind` customer: emsp, external_id) or a token (`kind` token: type, normal uid; or "", Auth ID)."""

    cpo: str
    location_id: str
    kind: str
    key: str
    below: str


@dataclass(slots=True)
class World:
    """In the order in which they refer to each other. Any of them may be a generator: each is read once."""

    cpos: Iterable[CpoRow] = field(default_factory=list)
    locations: Iterable[LocationRow] = field(default_factory=list)
    stations: Iterable[StationRow] = field(default_factory=list)
    evses: Iterable[EvseRow] = field(default_factory=list)
    emsps: Iterable[EmspRow] = field(default_factory=list)
    customers: Iterable[CustomerRow] = field(default_factory=list)
    drivers: Iterable[DriverRow] = field(default_factory=list)
    tokens: Iterable[TokenRow] = field(default_factory=list)
    groups: Iterable[GroupRow] = field(default_factory=list)
    members: Iterable[MemberRow] = field(default_factory=list)
    exceptions: Iterable[ExceptionRow] = field(default_factory=list)
    links: Iterable[LinkRow] = field(default_factory=list)
    lists: Iterable[ListRow] = field(default_factory=list)
