"""From a question to what the engine decides on: the place it names, if the caller reaches it, and the tokens.

The rows come from a View, of the database or of the compiled copy; what is made of them is the same.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from authorization.engine.types import Place, Request, Token
from authorization.questions import NO_AUTHORIZATION, BadQuestion, Question
from authorization.reach import Reach

# As calling a NamedTuple with these values in a tuple, without a function call of Python in between. A decision makes a
# dozen of them; this is half of what that costs.
new = tuple.__new__


class StationRow(NamedTuple):
    """location: its pk."""

    id: int
    location: int
    required: bool


class EvseRow(NamedTuple):
    """evse_id: as entered. location: its pk."""

    evse_id: str
    location: int
    station: StationRow | None


class LocationRow(NamedTuple):
    """place: as the engine sees it where no station is known."""

    place: Place
    location_id: str
    cpo: int
    party: tuple[str, str]


class TokenRow(NamedTuple):
    """token: as the engine sees it where no list names it. auth_id: in normal form."""

    token: Token
    emaid: bool
    emsp: int | None
    customer: int | None
    auth_id: str | None


class View(Protocol):
    """Rows by the ids that name them, all of one revision."""

    def evse(self, normal: str) -> EvseRow | None: ...
    def station(self, normal: str) -> StationRow | None: ...
    def station_by_pk(self, pk: int) -> StationRow | None: ...
    def locations(self, location_id: str) -> Sequence[LocationRow]: ...
    def location(self, pk: int) -> LocationRow: ...

    def token(self, type: str, uid: str) -> TokenRow | None:  # noqa: A002
        """The token of a type and a normal uid."""

    def carriers(self, auth_id: str) -> Sequence[TokenRow]:
        """Every token that carries a normal Auth ID."""

    def listed(self, location: int, token: TokenRow) -> bool:
        """Whether the token, its Auth ID or its customer is on the authorization list of a private location."""


class Facts(NamedTuple):
    """What the engine decides on, and the ids of the place to answer with (None where it is not known)."""

    request: Request
    location_id: str | None = None
    evse_id: str | None = None


# A place that was found; the station and the EVSE where they are known.
Spot = tuple[LocationRow, StationRow | None, EvseRow | None]


def facts_of(question: Question, view: View, reach: Reach) -> Facts | BadQuestion:
    """BadQuestion, with the question's id, where the place is not named, not clear, or two that differ."""
    if question.placeless:
        return Facts(Request(None, tuple(row.token for row in _tokens(question, view, reach, None))))
    try:
        spot = find_place(question, view, reach)
    except BadQuestion as error:
        error.id = question.id
        return error
    no_authorization = question.token_type == NO_AUTHORIZATION
    if spot is None:
        return Facts(Request(None, (), no_authorization), question.location_id, question.evse_id)
    (place, location_id, cpo, _), station, evse = spot
    if station is not None and not station.required:
        place = place._replace(free=True)
    rows = _tokens(question, view, reach, cpo)
    tokens = [row.token for row in rows]
    if place.private:
        tokens = [row.token._replace(listed=True) if view.listed(place.location, row) else row.token for row in rows]
    request = new(Request, (place, tuple(tokens), no_authorization))
    return new(Facts, (request, location_id, None if evse is None else evse.evse_id))


def find_place(question: Question, view: View, reach: Reach) -> Spot | None:
    """Looks up each place named; None where one is not among the caller's.

    Raises BadQuestion for none, for an ambiguous one, and for two that differ.
    """
    if (
        question.evse_id_normal is not None
        and question.location_id is None
        and question.station is None
        and reach.station is None
    ):
        return _at_evse(question.evse_id_normal, view, reach)
    own = view.station_by_pk(reach.station) if reach.station is not None else None
    if not (question.evse_id or question.location_id or question.station or reach.station):
        raise BadQuestion("Name a place: evse_id, location_id (with cpo) or station.", "no_place")
    location = evse = station = None
    if question.location_id is not None:
        location = _location(question, view, reach, own)
    if question.evse_id_normal is not None:
        evse = view.evse(question.evse_id_normal)
        if evse is not None and not _reaches(view, reach, own, evse.location, evse.station and evse.station.id):
            evse = None
    if question.station_normal is not None:
        station = view.station(question.station_normal)
        if station is not None and not _reaches(view, reach, own, station.location, station.id):
            station = None
    if (
        (location is None and question.location_id is not None)
        or (evse is None and question.evse_id is not None)
        or (station is None and question.station is not None)
        or (own is None and reach.station is not None)
    ):
        return None
    return _agree(location, evse, station, own, view)


def _at_evse(normal: str, view: View, reach: Reach) -> Spot | None:
    """Where an EVSE alone is named, as most questions do: there is nothing that it could differ from."""
    evse = view.evse(normal)
    if evse is None:
        return None
    location = view.location(evse.location)
    if not reach.has_places_of(location.cpo):
        return None
    return location, evse.station, evse


def _location(question: Question, view: View, reach: Reach, own: StationRow | None) -> LocationRow | None:
    candidates = [
        row
        for row in view.locations(question.location_id or "")
        if (question.cpo_party is None or question.cpo_party == row.party)
        and (
            row.place.location == own.location
            if own is not None
            else reach.station is None and reach.has_places_of(row.cpo)
        )
    ]
    if len(candidates) > 1:
        raise BadQuestion("Several of your CPOs have this location_id: say which with cpo.", "ambiguous_place")
    return candidates[0] if candidates else None


def _reaches(view: View, reach: Reach, own: StationRow | None, location: int, station: int | None) -> bool:
    if reach.station is not None:
        return own is not None and station == own.id
    return reach.any_place or reach.has_places_of(view.location(location).cpo)


def _agree(
    location: LocationRow | None, evse: EvseRow | None, station: StationRow | None, own: StationRow | None, view: View
) -> Spot:
    """One Spot of everything named, and of the key's own station. Raises BadQuestion where two of them differ."""
    stations = {row.id: row for row in (station, evse and evse.station, own) if row is not None}
    at = {row.location for row in (evse, *stations.values()) if row is not None}
    if location is not None:
        at.add(location.place.location)
    not_its_own = evse is not None and station is not None and evse.station != station
    if len(at) > 1 or len(stations) > 1 or not_its_own:
        raise BadQuestion("The places named are not one place.", "conflicting_places")
    return location or view.location(at.pop()), next(iter(stations.values()), None), evse


def _tokens(question: Question, view: View, reach: Reach, cpo: int | None) -> Sequence[TokenRow]:
    """The tokens that match what was presented, as far as the caller may ask about them at a place of this CPO."""
    rows = [row for type_, uid in question.uids if (row := view.token(type_, uid)) is not None]
    if question.auth_id:
        rows = [*_speaking(view.carriers(question.auth_id)), *rows]
    if reach.any_token_at(cpo):
        return rows
    return [row for row in rows if row.emsp in reach.emsps]


def _speaking(rows: Sequence[TokenRow]) -> Sequence[TokenRow]:
    """The tokens an Auth ID speaks of: its EMAID token if there is one, else all; an external one only if alone."""
    own = [row for row in rows if not row.token.external] or rows
    return [row for row in own if row.emaid] or own
