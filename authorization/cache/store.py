"""The store that answers from the compiled copy, and from another store where the copy is in doubt."""

import hashlib
import hmac
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import lmdb
import orjson
from django.contrib.auth.models import User

from authorization.cache.snapshot import NotReady, Reader
from authorization.cache.snapshot import View as Copy
from authorization.complaint import Complaint
from authorization.facts import EvseRow, LocationRow, StationRow, TokenRow, facts_of
from authorization.questions import Question
from authorization.reach import Reach
from authorization.services.keys import Caller, prefix_of
from authorization.store import Loaded, State, Store

logger = logging.getLogger(__name__)
_EMAID = "EMAID"
_NONE: list[int] = []
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

    def caller(self, key: str, now: datetime) -> Caller | None:
        """A key that the copy does not know, or not any more, may have been made a moment ago: the database knows."""
        prefix = prefix_of(key)
        if prefix is None:
            return None
        try:
            with self.reader.begin() as copy:
                caller = _caller(copy, prefix, key, now)
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

    __slots__ = ("_get", "_memo")

    def __init__(self, copy: Copy) -> None:
        self._get = copy.get
        self._memo = copy.opened.memo(copy.meta.revision)

    def known(self, key: bytes) -> Any:
        """A document that must be there. Raises LookupError."""
        raw = self._get(key)
        if raw is None:
            raise LookupError(f"the copy has no {key!r}")
        return orjson.loads(raw)

    def _shared(self, key: bytes) -> Any:
        """As known(), of a document that many questions need: it is kept, and must not be changed."""
        known = self._memo.get(key)
        if known is None:
            known = self._memo[key] = self.known(key)
        return known

    def evse(self, normal: str) -> EvseRow | None:
        raw = self._get(b"e" + normal.encode())
        return None if raw is None else EvseRow(*orjson.loads(raw))

    def station(self, normal: str) -> StationRow | None:
        raw = self._get(b"i" + normal.encode())
        return None if raw is None else self.station_by_pk(int(raw))

    def station_by_pk(self, pk: int) -> StationRow:
        location, required, _ = self.known(b"s%d" % pk)
        return StationRow(pk, location, required)

    def locations(self, location_id: str) -> list[LocationRow]:
        raw = self._get(b"l" + location_id.encode())
        return [] if raw is None else [self.location(pk) for pk in orjson.loads(raw)]

    def location(self, pk: int) -> LocationRow:
        key = b"p%d" % pk
        known: LocationRow | None = self._memo.get(key)
        if known is None:
            location_id, cpo, zone, private, published, groups = self.known(key)
            country_code, party_id, above, _ = self.cpo(cpo)
            known = self._memo[key] = LocationRow(
                pk, location_id, cpo, (country_code, party_id), zone, private, published, _united(groups, above)
            )
        return known

    def cpo(self, pk: int) -> Any:
        """[country_code, party_id, groups of it and of every CPO above, itself and every CPO below]."""
        return self._shared(b"c%d" % pk)

    def with_sub_cpos(self, cpos: list[int]) -> frozenset[int]:
        """These CPOs and all below them; a grant may outlive its CPO."""
        return frozenset(pk for cpo in cpos if self._get(b"c%d" % cpo) for pk in self.cpo(cpo)[3])

    def existing_emsps(self, emsps: list[int]) -> frozenset[int]:
        return frozenset(emsp for emsp in emsps if self._get(b"m%d" % emsp))

    def token(self, type: str, uid: str) -> TokenRow | None:  # noqa: A002
        raw = self._get(f"t{type}:{uid}".encode())
        return None if raw is None else self._token(orjson.loads(raw), type == _EMAID)

    def carriers(self, auth_id: str) -> list[TokenRow]:
        raw = self._get(b"a" + auth_id.encode())
        if raw is None:
            return []
        return [
            self._token(self.known(b"t" + each.encode()), each.startswith("EMAID:"))
            if isinstance(each, str)
            else self._token(each, False)
            for each in orjson.loads(raw)
        ]

    def _token(self, document: Any, emaid: bool) -> TokenRow:
        pk, emsp, customer, driver, auth_id, valid, expires_at, *named = document
        blocked, groups = not valid, named[0] if named else _NONE
        # There are few eMSPs, and too many customers and drivers to remember.
        for prefix, holder, read in (
            (b"m%d", emsp, self._shared),
            (b"n%d", customer, self.known),
            (b"d%d", driver, self.known),
        ):
            if holder is not None:
                holder_blocked, holder_groups = read(prefix % holder)
                blocked = blocked or holder_blocked
                if holder_groups:
                    groups = groups + holder_groups
        if auth_id is not None:
            raw = self._get(b"g" + auth_id.encode())
            if raw is not None:
                groups = groups + orjson.loads(raw)
        expiry = None if expires_at is None else EPOCH + timedelta(microseconds=expires_at)
        return TokenRow(
            pk,
            emaid,
            emsp,
            customer,
            auth_id,
            blocked,
            expiry,
            emsp is None,
            tuple(sorted(set(groups))) if groups else (),
        )

    def listed(self, location: int, token: TokenRow) -> bool:
        get = self._get
        if token.auth_id is not None:
            found = get(f"x{location}:a{token.auth_id}".encode()) is not None
        else:
            found = get(b"x%d:t%d" % (location, token.id)) is not None
        return found or (token.customer is not None and get(b"x%d:c%d" % (location, token.customer)) is not None)

    def user(self, pk: int) -> Any:
        """[username, active, whether an Admin, CPOs granted, eMSPs granted]."""
        return self._shared(b"u%d" % pk)


def _united(groups: list[int], above: list[int]) -> tuple[int, ...]:
    if groups and above:
        return tuple(sorted({*groups, *above}))
    return tuple(groups or above)


def _caller(copy: Copy, prefix: str, text: str, now: datetime) -> Caller | None:
    memo, digest = copy.opened.memo(copy.meta.revision), hashlib.sha256(text.encode()).digest()
    known = memo.get(digest)
    if known is None:
        known = _read_caller(copy, prefix, digest)
        if known[0] is not None:
            memo[digest] = known
    caller, until = known
    return caller if until is None or now < until else None


def _read_caller(copy: Copy, prefix: str, digest: bytes) -> tuple[Caller | None, datetime | None]:
    """Whose key it is, and until when. (None, None) for one that the copy does not know, or not any more."""
    raw = copy.get(b"k" + prefix.encode())
    if raw is None:
        return None, None
    pk, kept, station, cpo, user, expires_at, revoked = orjson.loads(raw)
    if revoked or not hmac.compare_digest(kept, digest.hex()):
        return None, None
    until = None if expires_at is None else EPOCH + timedelta(microseconds=expires_at)
    view = CopyView(copy)
    if station is not None:
        _, _, identity = view.known(b"s%d" % station)
        return Caller(pk, f"{prefix} station {identity}", station=station), until
    if cpo is not None:
        country_code, party_id, _, _ = view.cpo(cpo)
        return Caller(pk, f"{prefix} CPO {country_code}-{party_id}", cpo=cpo), until
    username, active, admin, _, _ = view.user(user)
    return (Caller(pk, f"{prefix} user {username}", user=_person(user, username, admin)) if active else None), until


@lru_cache(maxsize=1024)
def _person(pk: int, username: str, admin: bool) -> User:
    """Enough of an active user for whoever asks who it is; not to be saved."""
    return User(pk=pk, username=username, is_active=True, is_superuser=admin)


def _reach(view: CopyView, caller: Caller) -> Reach:
    """reach.reach_of(), from the copy."""
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
