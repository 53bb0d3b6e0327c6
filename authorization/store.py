"""The seam between services and where the rules are kept: a store turns questions into what the engine decides on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from django.db import connection, transaction

from authorization import selectors
from authorization.engine.rules import Rules, compile_rules
from authorization.engine.types import Place, Request, Token
from authorization.questions import BadQuestion, Question
from authorization.reach import Reach
from authorization.selectors import Places, Row, Tokens

STATEMENT_TIMEOUT = "2s"  # a charger waits for the answer; one that comes later helps nobody


@dataclass(frozen=True, slots=True)
class Facts:
    """What the engine decides on, and the ids of the place to answer with (None where it is not known)."""

    request: Request
    location_id: str | None = None
    evse_id: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """One consistent view: facts (or what is wrong with the question) in the order asked, rules, revision, source."""

    facts: list[Facts | BadQuestion]
    rules: Rules
    revision: int
    source: str


class Store(Protocol):
    """Answers come from one revision for all questions. A store that cannot read its rules raises; it never guesses."""

    def load(self, questions: Sequence[Question], reach: Reach) -> Loaded: ...


class DatabaseStore:
    """Reads PostgreSQL anew for every call."""

    def load(self, questions: Sequence[Question], reach: Reach) -> Loaded:
        with _one_view():
            revision = selectors.revision()
            places = selectors.places(questions, reach)
            found = [_try_place(question, places, reach) for question in questions]
            private = {row["id"] for row in places.locations_by_pk.values() if row["is_private"]}
            tokens = selectors.tokens(questions, private)
            rules = compile_rules(
                selectors.rules(
                    {group for groups in places.groups.values() for group in groups},
                    {group for groups in tokens.groups.values() for group in groups},
                )
            )
        facts = [
            spot if isinstance(spot, BadQuestion) else _facts(question, spot, places, tokens, reach)
            for question, spot in zip(questions, found, strict=True)
        ]
        return Loaded(facts, rules, revision, "database")


@contextmanager
def _one_view() -> Iterator[None]:
    """A read-only transaction that sees one state of the database throughout."""
    nested = connection.in_atomic_block
    with transaction.atomic():
        if not nested:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
        yield


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that was found: its location's row, the station's and the EVSE's where they are known."""

    location: Row
    station: Row | None
    evse: Row | None


def _try_place(question: Question, places: Places, reach: Reach) -> Spot | BadQuestion | None:
    """The Spot; None where a place named is not among the caller's; BadQuestion where the places named do not agree."""
    try:
        return find_place(question, places, reach)
    except BadQuestion as error:
        error.id = question.id
        return error


def find_place(question: Question, places: Places, reach: Reach) -> Spot | None:
    """Looks up each place named. Raises BadQuestion for none, for an ambiguous one, and for two that differ."""
    if not (question.evse_id or question.location_id or question.station or reach.station):
        raise BadQuestion("Name a place: evse_id, location_id (with cpo) or station.", "no_place")
    evse = station = location = None
    if question.location_id is not None:
        candidates = [row for row in places.locations.get(question.location_id, []) if _is_of(row, question.cpo_party)]
        if len(candidates) > 1:
            raise BadQuestion("Several of your CPOs have this location_id: say which with cpo.", "ambiguous_place")
        location = candidates[0] if candidates else None
    if question.evse_id_normal is not None:
        evse = places.evses.get(question.evse_id_normal)
    if question.station_normal is not None:
        station = places.stations.get(question.station_normal)
    named = ((question.location_id, location), (question.evse_id, evse), (question.station, station))
    if any(name is not None and row is None for name, row in named):
        return None
    own = places.stations_by_pk.get(reach.station) if reach.station is not None else None
    if reach.station is not None and own is None:
        return None
    return _agree(location, evse, station, own, places)


def _is_of(location: Row, party: tuple[str, str] | None) -> bool:
    return party is None or party == (location["cpo__country_code"], location["cpo__party_id"])


def _agree(location: Row | None, evse: Row | None, station: Row | None, own: Row | None, places: Places) -> Spot:
    """One Spot of everything named, and of the key's own station. Raises BadQuestion where two of them differ."""
    evse_station = places.stations_by_pk.get(evse["station_id"]) if evse and evse["station_id"] else None
    stations = {row["id"]: row for row in (station, evse_station, own) if row is not None}
    at = {row["location_id"] for row in (evse, *stations.values()) if row is not None}
    at |= {location["id"]} if location is not None else set()
    not_its_own = evse is not None and station is not None and evse["station_id"] != station["id"]
    if len(at) > 1 or len(stations) > 1 or not_its_own:
        raise BadQuestion("The places named are not one place.", "conflicting_places")
    return Spot(places.locations_by_pk[at.pop()], next(iter(stations.values()), None), evse)


def _facts(question: Question, spot: Spot | None, places: Places, tokens: Tokens, reach: Reach) -> Facts:
    if spot is None:
        return Facts(Request(None, (), question.no_authorization), question.location_id, question.evse_id)
    location = spot.location
    place = Place(
        location=location["id"],
        zone=location["time_zone"],
        groups=places.groups[location["id"]],
        private=location["is_private"],
        published=location["published"],
        free=spot.station is not None and not spot.station["authorization_required"],
    )
    rows = tokens.by_auth_id.get(question.auth_id, []) if question.auth_id else []
    rows = rows + [row for pair in question.uids if (row := tokens.by_uid.get(pair))]
    if not reach.any_token_at(location["cpo_id"]):
        rows = [row for row in rows if row["emsp_id"] in reach.emsps]
    found = tuple(_token(row, tokens, location["id"]) for row in rows)
    return Facts(
        Request(place, found, question.no_authorization),
        location["location_id"],
        spot.evse["evse_id"] if spot.evse else None,
    )


def _token(row: Row, tokens: Tokens, location: int) -> Token:
    return Token(
        key=row["id"],
        groups=tokens.groups[row["id"]],
        blocked=not row["valid"] or bool(row["emsp__blocked"] or row["customer__blocked"] or row["driver__blocked"]),
        expires_at=row["expires_at"],
        external=row["external"],
        listed=tokens.listed.names(location, row),
    )
