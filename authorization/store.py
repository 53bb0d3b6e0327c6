"""The seam between services and where the rules are kept: a store knows callers, and turns questions into facts."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from django.db import connection, transaction

from authorization import clock, selectors
from authorization.engine.rules import Rules, compile_rules
from authorization.engine.types import Place, Token
from authorization.facts import EvseRow, Facts, LocationRow, StationRow, TokenRow, facts_of
from authorization.questions import BadQuestion, Question
from authorization.reach import reach_of
from authorization.selectors import Places, Row, Tokens
from authorization.services.keys import Caller, authenticate

STATEMENT_TIMEOUT = "1s"  # a charger waits for the answer; one that comes later helps nobody


class Loaded(NamedTuple):
    """One consistent view: facts (or what is wrong with the question) in the order asked, rules, revision, source."""

    facts: list[Facts | BadQuestion]
    rules: Rules
    revision: int
    source: str


class Asked(NamedTuple):
    """Whose key it is, and what was loaded for them, of one revision."""

    caller: Caller
    loaded: Loaded


@dataclass(frozen=True, slots=True)
class State:
    """From where the next question would be answered: revision, source, and how many seconds ago that was verified."""

    revision: int
    source: str
    age: float


class Store(Protocol):
    """Answers come from one revision for all questions. A store that cannot read its rules raises; it never guesses."""

    def caller(self, key: str, now: datetime) -> Caller | None:
        """The caller of a key in force at `now`."""

    def load(self, questions: Sequence[Question], caller: Caller) -> Loaded: ...

    def ask(self, key: str, questions: Sequence[Question], now: datetime) -> Asked | None:
        """caller() and load() in one; None where nobody has the key, or where it would take a second look."""

    def state(self) -> State: ...


class DatabaseStore:
    """Reads PostgreSQL anew for every call."""

    def caller(self, key: str, now: datetime) -> Caller | None:
        return authenticate(key, now)

    def load(self, questions: Sequence[Question], caller: Caller) -> Loaded:
        with _one_view():
            asked_at = time.monotonic()
            number, database_clock = selectors.revision_and_clock()
            clock.know(clock.compared(database_clock, asked_at))
            reach = reach_of(caller)
            places = selectors.places(questions, reach.station)
            private = {row["id"] for row in places.locations_by_pk.values() if row["is_private"]}
            tokens = selectors.tokens(questions, private)
            rules = compile_rules(
                selectors.rules(
                    {group for groups in places.groups.values() for group in groups},
                    {group for groups in tokens.groups.values() for group in groups},
                )
            )
        view = DatabaseView(places, tokens)
        facts = [facts_of(question, view, reach) for question in questions]
        return Loaded(facts, rules, number or 0, "database")

    def ask(self, key: str, questions: Sequence[Question], now: datetime) -> Asked | None:
        caller = self.caller(key, now)
        return None if caller is None else Asked(caller, self.load(questions, caller))

    def state(self) -> State:
        return State(selectors.revision(), "database", 0.0)


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


class DatabaseView:
    """facts.View of the rows that were read for some questions."""

    def __init__(self, places: Places, tokens: Tokens) -> None:
        self._places = places
        self._tokens = tokens

    def evse(self, normal: str) -> EvseRow | None:
        row = self._places.evses.get(normal)
        if row is None:
            return None
        station = None if row["station_id"] is None else self.station_by_pk(row["station_id"])
        return EvseRow(row["evse_id"], row["location_id"], station)

    def station(self, normal: str) -> StationRow | None:
        return _station(self._places.stations.get(normal))

    def station_by_pk(self, pk: int) -> StationRow | None:
        return _station(self._places.stations_by_pk.get(pk))

    def locations(self, location_id: str) -> list[LocationRow]:
        return [self._location(row) for row in self._places.locations.get(location_id, ())]

    def location(self, pk: int) -> LocationRow:
        return self._location(self._places.locations_by_pk[pk])

    def _location(self, row: Row) -> LocationRow:
        place = Place(
            location=row["id"],
            zone=row["time_zone"],
            groups=self._places.groups[row["id"]],
            private=row["is_private"],
            published=row["published"],
            free=False,
        )
        party = row["cpo__country_code"], row["cpo__party_id"]
        return LocationRow(place, row["location_id"], row["cpo_id"], party)

    def token(self, type: str, uid: str) -> TokenRow | None:  # noqa: A002
        row = self._tokens.by_uid.get((type, uid))
        return self._token(row) if row else None

    def carriers(self, auth_id: str) -> list[TokenRow]:
        return [self._token(row) for row in self._tokens.by_auth_id.get(auth_id, ())]

    def _token(self, row: Row) -> TokenRow:
        blocked = not row["valid"] or row["emsp__blocked"] or row["customer__blocked"] or row["driver__blocked"]
        token = Token(
            key=row["id"],
            groups=self._tokens.groups[row["id"]],
            blocked=bool(blocked),
            expires_at=row["expires_at"],
            external=row["external"],
            listed=False,
        )
        return TokenRow(token, row["type"] == "EMAID", row["emsp_id"], row["customer_id"], row["auth_id_normal"])

    def listed(self, location: int, token: TokenRow) -> bool:
        entries = self._tokens.listed
        return (
            (location, token.customer) in entries.customers
            or (location, token.token.key) in entries.tokens
            or (location, token.auth_id) in entries.auth_ids
        )


def _station(row: Row | None) -> StationRow | None:
    return StationRow(row["id"], row["location_id"], row["authorization_required"]) if row else None
