"""The store that answers from the compiled copy, and from another store where the copy is in doubt."""

import contextlib
import hashlib
import hmac
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import lmdb
import orjson
from django.contrib.auth.models import User

from authorization.cache.snapshot import NotReady, Reader
from authorization.cache.snapshot import View as Copy
from authorization.complaint import Complaint
from authorization.engine.types import Place, Token
from authorization.facts import EvseRow, LocationRow, StationRow, TokenRow, facts_of, new
from authorization.questions import Question
from authorization.reach import Reach, reach_of_partner
from authorization.services.keys import Caller, prefix_of
from authorization.store import Asked, Loaded, State, Store

logger = logging.getLogger(__name__)
_EMAID = "EMAID"
_NONE: list[int] = []
_FREE = b"[false, []]"  # a holder who is neither blocked nor in a group, as PostgreSQL writes it
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COMPLAIN_EVERY = 10.0  # seconds
# What a copy that does not hold what it should makes of reading it. None of these is ever "no rules".
DOUBT = (NotReady, lmdb.Error, LookupError, ValueError, TypeError, OverflowError, RuntimeError)


class CacheStore:
    """Answers from the copy of this node. Whatever is doubtful about it, `database` is asked instead."""

    def __init__(self, reader: Reader, database: Store) -> None:
        self.reader = reader
        self.database = database
        self._complaint = Complaint(logger, COMPLAIN_EVERY)
        with contextlib.suppress(*DOUBT):
            reader.begin().close()  # the present, before the first question: the copy has the database's clock

    def caller(self, key: str, now: datetime) -> Caller | None:
        """A key that the copy does not know, or not any more, may have been made a moment ago: the database knows."""
        prefix = prefix_of(key)
        if prefix is None:
            return None
        try:
            with self.reader.begin() as copy:
                known = _known_key(CopyView(copy), key, now)
                caller = known and known.caller
        except DOUBT as doubt:
            self._complain(doubt)
            caller = None
        return caller or self.database.caller(key, now)

    def load(self, questions: Sequence[Question], caller: Caller) -> Loaded:
        try:
            with self.reader.begin() as copy:
                view, rules = CopyView(copy), copy.rules()
                reach = _reach(view, caller)
                facts = [facts_of(question, view, reach) for question in questions]
                return Loaded(facts, rules, copy.meta.revision, "cache")
        except DOUBT as doubt:
            self._complain(doubt)
        return self.database.load(questions, caller)

    def ask(self, key: str, questions: Sequence[Question], now: datetime) -> Asked | None:
        try:
            copy = self.reader.begin()
            try:
                view = CopyView(copy)
                known = _known_key(view, key, now)
                if known is None:
                    return None
                facts = [facts_of(question, view, known.reach) for question in questions]
                return Asked(known.caller, Loaded(facts, copy.rules(), copy.meta.revision, "cache"))
            finally:
                copy.close()
        except DOUBT as doubt:
            self._complain(doubt)
        return None

    def state(self) -> State:
        try:
            with self.reader.begin() as copy:
                copy.rules()
                return State(copy.meta.revision, "cache", time.monotonic() - copy.meta.verified)
        except DOUBT as doubt:
            self._complain(doubt)
        return self.database.state()

    def _complain(self, doubt: Exception) -> None:
        if isinstance(doubt, lmdb.Error):
            self.reader.damaged()
        self._complaint(f"Answering from the database: {doubt}", trace=not isinstance(doubt, NotReady))


class CopyView:
    """facts.View of one state of the copy."""

    __slots__ = ("get", "memo")

    def __init__(self, copy: Copy) -> None:
        self.get = copy.get
        self.memo = copy.opened.memo(copy.meta.revision)

    def known(self, key: bytes) -> Any:
        """A document that must be there. Raises LookupError."""
        return _read(self.get(key), key)

    def _shared(self, key: bytes) -> Any:
        """As known(), of a document that many questions need: it is kept, and must not be changed."""
        known = self.memo.get(key)
        if known is None:
            known = self.memo[key] = self.known(key)
        return known

    def evse(self, normal: str) -> EvseRow | None:
        raw = self.get(b"e" + normal.encode())
        if raw is None:
            return None
        evse_id, location, station, required = orjson.loads(raw)
        at = None if station is None else new(StationRow, (station, location, required))
        return new(EvseRow, (evse_id, location, at))

    def station(self, normal: str) -> StationRow | None:
        raw = self.get(b"i" + normal.encode())
        return None if raw is None else self.station_by_pk(int(raw))

    def station_by_pk(self, pk: int) -> StationRow:
        location, required, _ = self.known(b"s%d" % pk)
        return StationRow(pk, location, required)

    def locations(self, location_id: str) -> list[LocationRow]:
        raw = self.get(b"l" + location_id.encode())
        return [] if raw is None else [self.location(pk) for pk in orjson.loads(raw)]

    def location(self, pk: int) -> LocationRow:
        key = b"p%d" % pk
        known: LocationRow | None = self.memo.get(key)
        if known is None:
            location_id, cpo, zone, private, published, groups = self.known(key)
            country_code, party_id, above, _ = self.cpo(cpo)
            place = new(Place, (pk, zone, _united(groups, above), private, published, False))
            known = self.memo[key] = new(LocationRow, (place, location_id, cpo, (country_code, party_id)))
        return known

    def cpo(self, pk: int) -> Any:
        """[country_code, party_id, groups of it and of every CPO above, itself and every CPO below]."""
        return self._shared(b"c%d" % pk)

    def with_sub_cpos(self, cpos: list[int]) -> frozenset[int]:
        """These CPOs and all below them; a grant may outlive its CPO."""
        return frozenset(pk for cpo in cpos if self.get(b"c%d" % cpo) for pk in self.cpo(cpo)[3])

    def existing_emsps(self, emsps: list[int]) -> frozenset[int]:
        return frozenset(emsp for emsp in emsps if self.get(b"m%d" % emsp))

    def token(self, type: str, uid: str) -> TokenRow | None:  # noqa: A002
        raw = self.get(f"t{type}:{uid}".encode())
        return None if raw is None else self._token(orjson.loads(raw), type == _EMAID)

    def carriers(self, auth_id: str) -> list[TokenRow]:
        raw = self.get(b"a" + auth_id.encode())
        if raw is None:
            return []
        return [
            self._token(self.known(b"t" + each.encode()), each.startswith("EMAID:"))
            if isinstance(each, str)
            else self._token(each, False)
            for each in orjson.loads(raw)
        ]

    def _token(self, document: Any, emaid: bool) -> TokenRow:
        groups = document.pop() if document[4] is None else _NONE
        pk, emsp, customer, driver, auth_id, valid, expires_at = document
        blocked = not valid
        # There are few eMSPs, and too many customers and drivers to remember, of whom most have nothing to say.
        if emsp is not None:
            holder_blocked, more = self.memo.get(emsp) or self._emsp(emsp)
            blocked, groups = blocked or holder_blocked, groups + more if more else groups
        if customer is not None and (raw := self.get(key := b"n%d" % customer)) != _FREE:
            holder_blocked, more = _read(raw, key)
            blocked, groups = blocked or holder_blocked, groups + more
        if driver is not None and (raw := self.get(key := b"d%d" % driver)) != _FREE:
            holder_blocked, more = _read(raw, key)
            blocked, groups = blocked or holder_blocked, groups + more
        if auth_id is not None:
            raw = self.get(b"g" + auth_id.encode())
            if raw is not None:
                groups = groups + orjson.loads(raw)
        expiry = None if expires_at is None else EPOCH + timedelta(microseconds=expires_at)
        every = tuple(sorted(set(groups))) if groups else ()
        token = new(Token, (pk, every, blocked, expiry, emsp is None, False))
        return new(TokenRow, (token, emaid, emsp, customer, auth_id))

    def _emsp(self, pk: int) -> Any:
        """[blocked, groups]."""
        known = self.memo[pk] = self.known(b"m%d" % pk)
        return known

    def listed(self, location: int, token: TokenRow) -> bool:
        get = self.get
        if token.auth_id is not None:
            found = get(f"x{location}:a{token.auth_id}".encode()) is not None
        else:
            found = get(b"x%d:t%d" % (location, token.token.key)) is not None
        return found or (token.customer is not None and get(b"x%d:c%d" % (location, token.customer)) is not None)

    def user(self, pk: int) -> Any:
        """[username, active, whether an Admin, CPOs granted, eMSPs granted]."""
        return self._shared(b"u%d" % pk)


def _read(raw: bytes | memoryview | None, key: bytes) -> Any:
    """Raises LookupError where there is nothing, ValueError for what is none of our documents."""
    if raw is None:
        raise LookupError(f"the copy has no {key!r}")
    return orjson.loads(raw)


def _united(groups: list[int], above: list[int]) -> tuple[int, ...]:
    if groups and above:
        return tuple(sorted({*groups, *above}))
    return tuple(groups or above)


class KnownKey(NamedTuple):
    """A key in force until an instant (None: for good), with whose it is and what they reach, as of a revision."""

    caller: Caller
    until: datetime | None
    reach: Reach


def _known_key(view: CopyView, text: str, now: datetime) -> KnownKey | None:
    """None for a key that the copy does not know, or not any more."""
    digest = hashlib.sha256(text.encode()).digest()
    known: KnownKey | None = view.memo.get(digest)
    if known is None:
        known = _read_key(view, text, digest)
        if known is None:
            return None
        view.memo[digest] = known
    return known if known.until is None or now < known.until else None


def _read_key(view: CopyView, text: str, digest: bytes) -> KnownKey | None:
    prefix = prefix_of(text)
    raw = None if prefix is None else view.get(b"k" + prefix.encode())
    if raw is None:
        return None
    pk, kept, station, cpo, user, expires_at, revoked = orjson.loads(raw)
    if revoked or not hmac.compare_digest(kept, digest.hex()):
        return None
    if station is not None:
        _, _, identity = view.known(b"s%d" % station)
        caller = Caller(pk, f"{prefix} station {identity}", station=station)
    elif cpo is not None:
        country_code, party_id, _, _ = view.cpo(cpo)
        caller = Caller(pk, f"{prefix} CPO {country_code}-{party_id}", cpo=cpo)
    else:
        username, active, admin, _, _ = view.user(user)
        if not active:
            return None
        caller = Caller(pk, f"{prefix} user {username}", user=_person(user, username, admin))
    until = None if expires_at is None else EPOCH + timedelta(microseconds=expires_at)
    return KnownKey(caller, until, _reach(view, caller))


@lru_cache(maxsize=1024)
def _person(pk: int, username: str, admin: bool) -> User:
    """Enough of an active user for whoever asks who it is; not to be saved."""
    return User(pk=pk, username=username, is_active=True, is_superuser=admin)


def _reach(view: CopyView, caller: Caller) -> Reach:
    """reach.reach_of(), from the copy."""
    if caller.portal:
        return Reach(everything=True)
    if caller.partner is not None:
        return reach_of_partner(caller.partner)
    if caller.station is not None:
        return Reach(station=caller.station)
    if caller.cpo is not None:
        return Reach(cpos=view.with_sub_cpos([caller.cpo]))
    if caller.user is None:
        return Reach()
    _, active, admin, cpos, emsps = view.user(caller.user.pk)
    if not active:
        return Reach()
    if admin:
        return Reach(everything=True)
    return Reach(cpos=view.with_sub_cpos(cpos), emsps=view.existing_emsps(emsps))
