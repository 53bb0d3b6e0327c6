"""Josev's requests and updates: each is decided or recorded once, however often it comes."""

from datetime import datetime
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from authorization import metrics
from authorization.engine.reasons import Reason
from authorization.questions import BadQuestion
from authorization.reports import Report
from authorization.services import charging
from authorization.services.charging import Foreseen
from authorization.services.keys import Caller
from authorization.spool import COLUMNS, DatabaseLog
from chargers import josev
from chargers.josev import BadMessage, Message
from chargers.models import Ended, SeenMessage, StationMessage
from chargers.services import outbox, uses

# What the log says of an update, by what the station says of it.
_REPORTS = {
    "": Report.REPORTED,
    josev.OFFLINE_LIST: Report.OFFLINE_LIST,
    josev.OFFLINE_UNKNOWN: Report.OFFLINE_UNKNOWN,
    josev.SMART_BUTTON: Report.SMART_BUTTON,
}


class Taken(NamedTuple):
    """status: of the answer; of an update, the one that it reported. again: it came before, and nothing was done."""

    status: str
    again: bool


def take(message: Message, caller: Caller, now: datetime, via: str, answer_to: str | None = None) -> Taken:
    """Decides a request, or records an update; what it does and that it did so are committed together.

    answer_to: the topic on which a request is answered, by the same transaction. Raises BadMessage (400), NoRules
    (503), TooManyUnknown (429) and the database's errors.
    """
    if caller.key:
        charging.limits.check(caller)
    known = _seen(message, caller)
    if known is not None:
        return Taken(known, again=True)
    foreseen = charging.foresee([message.question], caller, now)[0]
    if isinstance(foreseen, BadQuestion):
        raise BadMessage(foreseen.detail, foreseen.code)
    try:
        with transaction.atomic():
            seen = _note(message, caller, now)
            status = _do(message, foreseen, caller, now, via)
            if answer_to is not None:
                _note_way(foreseen, caller, now, answer_to)
            SeenMessage.objects.filter(pk=seen.pk).update(answer=status)
            if message.type == "request" and answer_to is not None:
                _answer(message, status, foreseen, caller, now, answer_to)
    except _CameTwice:
        return Taken(_seen(message, caller) or josev.REJECTED, again=True)
    if message.type == "request":
        if caller.key:
            charging.limits.note(caller, int(foreseen.answer.verdict.reason is Reason.UNKNOWN_TOKEN))
        metrics.note_decisions([(foreseen.answer.verdict.row, foreseen.answer.source)])
    return Taken(status, again=False)


class _CameTwice(Exception):
    """The same message, at the same time."""


def source_of(caller: Caller) -> str:
    """Whose messages' ids are one set."""
    for name in ("station", "cpo"):
        if getattr(caller, name) is not None:
            return f"{name}:{getattr(caller, name)}"
    return f"user:{caller.user.pk}" if caller.user is not None else "portal"


def _digest(message: Message) -> str:
    """Of what a message says; keyed, for it tells of a card."""
    question = message.question
    said = (message.type, question.token_type, question.presented, question.evse_id, message.status, message.source)
    return salted_hmac("chargers.seen", repr(said), algorithm="sha256").hexdigest()


def _seen(message: Message, caller: Caller) -> str | None:
    known = SeenMessage.objects.filter(source=source_of(caller), message_id=message.id.lower()).first()
    if known is None:
        return None
    if known.digest != _digest(message):
        raise BadMessage("Another message had this id before: give each message an id of its own.", "id_used")
    return known.answer


def _note(message: Message, caller: Caller, now: datetime) -> SeenMessage:
    """Waits for whoever has just noted the same message, and then raises _CameTwice."""
    try:
        with transaction.atomic():
            return SeenMessage.objects.create(
                source=source_of(caller), message_id=message.id.lower(), digest=_digest(message), seen_at=now
            )
    except IntegrityError:
        raise _CameTwice from None


def _do(message: Message, foreseen: Foreseen, caller: Caller, now: datetime, via: str) -> str:
    """The status; what begins or ends by it, and its row of the log, are in the transaction."""
    place = uses.place_of(foreseen, caller.station)
    carries = bool(message.question.presented)
    if place is None or not carries:
        return _record(message, foreseen, caller, message.status or foreseen.answer.verdict.status)
    uses.lock(place, uses.token_key(foreseen))
    open_ = uses.found(place, foreseen)
    if message.type == "request":
        status = josev.DEAUTHORIZED if open_ is not None else foreseen.answer.verdict.status
        ends = open_ is not None
        how = Ended.PRESENTED
    else:
        status, ends, how = message.status, message.status == josev.DEAUTHORIZED, Ended.REPORTED
    if ends and open_ is not None:
        uses.end([open_.pk], how, now)
    elif status == josev.ACCEPTED and open_ is None:
        uses.begin(place, foreseen, via=via, now=now)
    return _record(message, foreseen, caller, status)


def _note_way(foreseen: Foreseen, caller: Caller, now: datetime, answer_to: str) -> None:
    """What a station is told later, it is told where it was answered."""
    place = uses.place_of(foreseen, caller.station)
    if place is not None and place.station is not None:
        outbox.heard(place.station, outbox.MQTT, now, prefixed=answer_to != outbox.OUT)


def _record(message: Message, foreseen: Foreseen, caller: Caller, status: str) -> str:
    """The row of the log: the decision's, or what the station reported."""
    row = dict(zip(COLUMNS, charging.log_row(foreseen.answer, caller), strict=True))
    if message.type == "update":
        report = Report.DEAUTHORIZED if status == josev.DEAUTHORIZED else Report.REPORTED
        row |= {"reason": (_REPORTS[message.source] if message.source else report).value, "rule_id": None}
        row["accepted"] = status == josev.ACCEPTED
    elif status == josev.DEAUTHORIZED:
        row |= {"reason": Report.DEAUTHORIZED.value, "accepted": False, "rule_id": None}
    DatabaseLog().write([tuple(row[name] for name in COLUMNS)])
    return status


def _answer(message: Message, status: str, foreseen: Foreseen, caller: Caller, now: datetime, topic: str) -> None:
    """The answer, as a message to deliver: whoever sends it may die before it has."""
    location = foreseen.answer.facts.request.place
    outbox.put(
        [
            StationMessage(
                location_id=location.location if location else None,
                station_id=caller.station,
                message_id=message.id,
                channel=outbox.MQTT,
                topic=topic,
                type="authorization_response",
                text=status,
                body=josev.response(message.id, status),
                created_at=now,
            )
        ]
    )
