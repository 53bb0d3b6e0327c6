"""Transactions, as OCPP knows them: authorized, begun, ended; each once, however often a station says so."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from authorization.engine.types import Decision, Reason
from authorization.questions import BadQuestion, parse
from authorization.services import charging
from authorization.services.charging import Foreseen
from authorization.services.keys import Caller
from authorization.spool import DatabaseLog
from chargers.models import AuthorizationInUse, Ended, Via
from chargers.services import uses

# What OCPP 1.6's idTag may be: it says nothing of its kind.
TAG_TYPES = ("ISO14443", "e_maid", "key_code", "mac_address", "local")


class Presented(NamedTuple):
    """An id, and the kinds of token that it may be: the first that is known here is meant."""

    id_token: str | None
    token_types: Sequence[str] = TAG_TYPES


class Begun(NamedTuple):
    """use: its primary key, where the transaction may go on. until: as long as the answer holds, if nothing changes."""

    verdict: Decision
    use: int | None
    until: datetime | None


def authorize(station: int, presented: Presented, caller: Caller, now: datetime) -> Foreseen:
    """The decision, in the log. Raises BadQuestion, NoRules, and the database's errors."""
    foreseen = _decide(presented, caller, now)
    charging.keep([foreseen.answer], caller)
    return foreseen


def begin(
    station: int, presented: Presented, reference: str, caller: Caller, now: datetime, connector: int | None = None
) -> Begun:
    """Decides, and opens an authorization that the transaction's end will end. Raises as authorize() does."""
    foreseen = _decide(presented, caller, now)
    verdict = foreseen.answer.verdict
    with transaction.atomic():
        at = foreseen.answer.facts.request.place
        place = uses.Place(at.location if at else 0, station, None, connector)
        uses.lock(place, reference)
        known = AuthorizationInUse.objects.filter(station=station, reference=reference).first()
        if known is not None:
            return Begun(verdict, known.pk if known.ended_at is None else None, foreseen.until)
        DatabaseLog().write([charging.log_row(foreseen.answer, caller)])
        if not verdict.accepted:
            return Begun(verdict, None, None)
        uses.lock(place, uses.token_key(foreseen))
        use = _adopted(place, foreseen, reference) or _opened(place, foreseen, reference, now)
    return Begun(verdict, use.pk, foreseen.until)


def _adopted(place: uses.Place, foreseen: Foreseen, reference: str) -> AuthorizationInUse | None:
    """What a command authorized, now that the station begins it."""
    same = AuthorizationInUse.objects.filter(
        station=place.station, token_key=uses.token_key(foreseen), via=Via.COMMAND, reference=None, ended_at=None
    )
    use = same.order_by("pk").first()
    if use is not None:
        use.reference, use.place = reference, place.key
        use.save(update_fields=["reference", "place"])
    return use


def _opened(place: uses.Place, foreseen: Foreseen, reference: str, now: datetime) -> AuthorizationInUse:
    """A new transaction of the same token at the same connector: the one before is over, though nobody said so."""
    before = uses.found(place, foreseen) if place.connector is not None else None
    if before is not None:
        uses.end([before.pk], Ended.SUPERSEDED, now)
    return uses.begin(place, foreseen, via=Via.OCPP, now=now, reference=reference)


def finish(station: int, now: datetime, *, use: int | None = None, reference: str | None = None) -> bool:
    """Whether the transaction was going on."""
    rows = AuthorizationInUse.objects.filter(station=station, ended_at=None)
    rows = rows.filter(pk=use) if use is not None else rows.filter(reference=reference)
    return bool(uses.end(rows.values_list("pk", flat=True), Ended.TRANSACTION, now))


def _decide(presented: Presented, caller: Caller, now: datetime) -> Foreseen:
    questions = [parse({"id_token": presented.id_token, "token_type": kind}) for kind in presented.token_types]
    first: Foreseen | None = None
    for foreseen in charging.foresee(questions, caller, now):
        if isinstance(foreseen, BadQuestion):
            raise foreseen
        if foreseen.answer.verdict.reason is not Reason.UNKNOWN_TOKEN:
            return foreseen
        first = first or foreseen
    assert first is not None  # noqa: S101 - there is a kind at least
    return first
