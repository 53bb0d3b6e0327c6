"""From what a person types, or from a row of the log, to the question that a charger would ask."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models import Q

from authorization.models import Decision
from authorization.questions import NO_AUTHORIZATION, UID_TYPES
from authorization.sealed import unseal
from authorization.services.keys import Caller
from locations import ids as place_ids
from locations.access import Scope, visible_to
from locations.models import EVSE, ChargeStation, Location
from tokens import ids as token_ids
from tokens.models import Token
from tokens.search import exactly

AT_MOST = 10
_NAMED = re.compile(r"(evse_id|location_id|cpo|station)=(.*?)(?= (?:location_id|cpo|station)=|$)")
_HEX = re.compile(r"[0-9A-Fa-f]{2}([ :-]?[0-9A-Fa-f]{2}){3,9}")
# The token_type under which a token of each type is presented.
ASKED_AS = {type_: asked for asked, types in reversed(UID_TYPES.items()) for type_ in types}


class Meant(NamedTuple):
    """Something that the words may mean: its part of a question's body, and what to call it. pk: of a location."""

    body: dict[str, str]
    label: str
    pk: int | None = None


def places_meant(text: str, scope: Scope) -> list[Meant]:
    """An EVSE ID, a station's identity, a location ID or a part of a location's name. Something unknown is asked as an
    EVSE ID: whether it exists elsewhere is not told. Raises BadId."""
    text = place_ids.printable_ascii(text, "place") if text.isascii() else text.strip()
    found = list(_places(text, scope))[: AT_MOST + 1]
    return found or [Meant({"evse_id": place_ids.printable_ascii(text, "place")}, text)]


def _places(text: str, scope: Scope) -> Iterator[Meant]:
    if text.isascii():
        normal, identity = place_ids.evse_id(text), place_ids.identity(text)
        for evse in visible_to(scope, EVSE.objects.filter(evse_id_normal=normal)).select_related("location"):
            yield Meant({"evse_id": str(evse.evse_id)}, f"EVSE {evse.evse_id}, {evse.location}")
            return
        stations = visible_to(scope, ChargeStation.objects.filter(identity_normal=identity))
        for station in stations.select_related("location"):
            yield Meant({"station": station.identity}, f"{station.identity}, {station.location}")
            return
    named = visible_to(scope, Location.objects.filter(Q(location_id=text) | Q(name__icontains=text)))
    for location in named.select_related("cpo").order_by("name", "pk")[: AT_MOST + 1]:
        yield Meant(place_of(location), f"{location}, {location.location_id} ({location.cpo})", location.pk)


def place_of(location: Location) -> dict[str, str]:
    """How a location is named in a question."""
    return {"location_id": location.location_id, "cpo": location.cpo.code}


def tokens_meant(text: str, scope: Scope) -> list[Meant]:
    """A Chip ID or an Auth ID in any spelling, by each way it can be presented. What nobody's token here has is asked
    as what it looks like. Raises BadId."""
    text = place_ids.printable_ascii(text, "charge token")
    contract = token_ids.auth_id(text) if text.strip("- ") else None
    found: dict[str, Meant] = {}
    for token in visible_to(scope, Token.objects.filter(exactly(text))).order_by("pk")[: AT_MOST + 1]:
        by_contract = token.auth_id_normal == contract or token.type not in ASKED_AS
        asked_as = "e_maid" if by_contract else ASKED_AS[token.type]
        label = f"{text}: {token.get_type_display()}" if not by_contract else f"{text}: Auth ID"
        found.setdefault(asked_as, Meant({"id_token": text, "token_type": asked_as}, label))
    if found:
        return list(found.values())
    return [Meant({"id_token": text, "token_type": "ISO14443" if _HEX.fullmatch(text) else "e_maid"}, text)]


def token_of(token: Token, asked_as: str = "") -> dict[str, str]:
    """How a token is presented; asked_as: a token_type to keep to, where the token has such an id."""
    by_contract = asked_as == "e_maid" or token.uid is None or token.type not in ASKED_AS
    if by_contract and token.auth_id:
        return {"id_token": token.auth_id, "token_type": "e_maid"}
    return {"id_token": str(token.uid), "token_type": asked_as if asked_as in UID_TYPES else ASKED_AS[token.type]}


def asked_again(decision: Decision) -> dict[str, str] | None:
    """The question of a logged decision; None where what was presented, or the place, is not kept any more."""
    body = dict(_NAMED.findall(decision.place))
    if not body and decision.api_key is not None and decision.api_key.station is not None:
        body = {"station": decision.api_key.station.identity}
    if not body and decision.location is not None:
        body = place_of(decision.location)
    if not body:
        return None
    if decision.token_type == NO_AUTHORIZATION:
        return body | {"token_type": NO_AUTHORIZATION}
    if decision.token is not None:
        return body | token_of(decision.token, decision.token_type)
    presented = unseal(decision.presented_sealed)
    return body | {"token_type": decision.token_type, "id_token": presented} if presented else None


def asker_of(decision: Decision, otherwise: Any) -> Caller:
    """Who asked then; the user `otherwise`, where that key is gone."""
    key = decision.api_key
    if key is None:
        return Caller(key=0, label=f"session of {otherwise}", user=otherwise)
    return Caller(key.pk, decision.caller, key.station_id, key.cpo_id, key.user)
