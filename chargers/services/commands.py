"""Commands to stations: asked for, decided, sent, answered or timed out."""

import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext_noop

from authorization.questions import BadQuestion, Question, parse
from authorization.services import charging
from authorization.services.charging import Foreseen
from authorization.services.keys import Caller
from authorization.spool import DatabaseLog
from chargers import josev
from chargers.models import AuthorizationInUse, Command, Ended, Via
from chargers.services import outbox, uses
from locations.models import EVSE, ChargeStation

ANSWER_WITHIN = timedelta(seconds=30)
Kind, State = Command.Kind, Command.State
ON_ITS_WAY = (State.PENDING, State.DELIVERED)


class NothingThere(ValueError):
    """There is nothing in use that the command could be about; or more than one, and it does not say which."""


class Order(NamedTuple):
    """What somebody wants done. presented: `id_token` and `token_type`, of whom to start for, or whose authorization is
    meant. until: of an overridden schedule."""

    kind: str
    station: ChargeStation
    evse: EVSE | None = None
    presented: dict[str, str] | None = None
    until: datetime | None = None

    def question(self) -> Question:
        """Raises BadQuestion."""
        place = {"station": self.station.identity}
        if self.evse is not None and self.evse.evse_id:
            place["evse_id"] = self.evse.evse_id
        return parse((self.presented or {}) | place)


def give(order: Order, caller: Caller, now: datetime) -> Command:
    """Does what is to be done here, and has the station told. A start that the decision refuses is a command refused.

    Raises NothingThere, NoRules, BadQuestion, and the database's errors.
    """
    if order.kind == Kind.START:
        return _start(order, caller, now)
    with transaction.atomic():
        use = _use(order)
        if order.kind == Kind.STOP:
            assert use is not None  # noqa: S101 - _use() has raised
            uses.end([use.pk], Ended.COMMAND, now)
        command = _made(order, caller, now, use=use)
        evse = order.evse or (use.evse if use else None)
        outbox.tell_command(command, _body(command, order, evse, use), now)
    return command


def _start(order: Order, caller: Caller, now: datetime) -> Command:
    if order.presented is None:
        raise BadQuestion("Say for which token: a start authorizes one.")
    foreseen = charging.foresee([order.question()], caller, now)[0]
    if isinstance(foreseen, BadQuestion):
        raise foreseen
    verdict = foreseen.answer.verdict
    with transaction.atomic():
        DatabaseLog().write([charging.log_row(foreseen.answer, caller)])
        if not verdict.accepted:
            return _made(order, caller, now, token=verdict.token, state=State.REFUSED, detail=verdict.reason.value)
        use = _begun(order, foreseen, now)
        command = _made(order, caller, now, use=use)
        outbox.tell_update([use], "accepted", "Charging is authorized by command.", now)
        outbox.tell_command(command, _body(command, order, order.evse, use), now)
    return command


def _begun(order: Order, foreseen: Foreseen, now: datetime) -> AuthorizationInUse:
    """What the token has in use there already stays as it is."""
    place = uses.Place(order.station.location_id, order.station.pk, order.evse.pk if order.evse else None)
    uses.lock(place, uses.token_key(foreseen))
    found = uses.found(place, foreseen)
    return found or uses.begin(place, foreseen, via=Via.COMMAND, now=now)


def _use(order: Order) -> AuthorizationInUse | None:
    """The authorization that a command is about. Only overriding the schedule and toggling do without one."""
    rows = AuthorizationInUse.objects.filter(station=order.station, ended_at=None).select_related("evse")
    if order.evse is not None:
        rows = rows.filter(evse__in=[order.evse.pk]) | rows.filter(evse=None)
    if order.presented is not None:
        rows = rows.filter(token_pseudonym=charging.mark_of(order.question()))
    found = list(rows.order_by("-began_at", "-pk")[:2])
    if len(found) == 1:
        return found[0]
    if order.kind in (Kind.TOGGLE, Kind.OVERRIDE_SCHEDULE):
        return None
    several = gettext_noop("Several authorizations are in use there: say which EVSE or token.")
    raise NothingThere(several if found else gettext_noop("Nobody is authorized there."))


def _made(
    order: Order, caller: Caller, now: datetime, *, use: AuthorizationInUse | None = None, token: int | None = None,
    state: str = State.PENDING, detail: str = "",
) -> Command:  # fmt: skip
    return Command.objects.create(
        location_id=order.station.location_id, station=order.station, evse=order.evse, kind=order.kind, state=state,
        detail=detail, token_id=token if use is None else use.token_id, use=use,
        user_id=caller.user.pk if caller.user is not None else None, created_at=now, answer_until=now + ANSWER_WITHIN,
        answered_at=now if state == State.REFUSED else None,
    )  # fmt: skip


def _body(command: Command, order: Order, evse: EVSE | None, use: AuthorizationInUse | None) -> dict[str, Any]:
    token = order.presented or {}
    return josev.command(
        command.message_id, order.kind, evse_id=evse.evse_id if evse else None,
        token_type=token.get("token_type") or (use.token_type if use else None), id_token=token.get("id_token"),
        until=order.until.isoformat() if order.until else None,
    )  # fmt: skip


def answered(message_id: str, *, accepted: bool, now: datetime, detail: str = "", station: int | None = None) -> bool:
    """The station's word on a command; whether it was one that waited for it. station: that says so, where known."""
    if not josev.is_uuid(message_id):
        return False
    with transaction.atomic():
        rows = Command.objects.select_for_update().filter(message_id=uuid.UUID(message_id), state__in=ON_ITS_WAY)
        command = (rows if station is None else rows.filter(station=station)).first()
        if command is None:
            return False
        command.state = State.ACCEPTED if accepted else State.REJECTED
        command.detail, command.answered_at = detail[:255], now
        command.save(update_fields=["state", "detail", "answered_at"])
        if accepted:
            _note_pause(command)
    return True


def _note_pause(command: Command) -> None:
    """Pausing keeps the authorization; that it pauses is shown."""
    use = command.use
    if use is not None and use.ended_at is None and command.kind in (Kind.PAUSE, Kind.RESUME, Kind.TOGGLE):
        use.paused = command.kind == Kind.PAUSE or (command.kind == Kind.TOGGLE and not use.paused)
        use.save(update_fields=["paused"])


def time_out(now: datetime) -> int:
    """Commands that nobody answered in time: how many."""
    late = Command.objects.filter(state__in=ON_ITS_WAY, answer_until__lte=now)
    return late.update(state=State.TIMED_OUT, answered_at=now)
