"""Authorizations in use: what begins one, what ends it, and for how long the decision holds."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Q

from authorization.services.charging import Foreseen, mark_of
from chargers.models import AuthorizationInUse, Ended
from chargers.services.outbox import tell_update
from locations.models import EVSE, ChargeStation

TOLD = {
    Ended.RESTRICTION: "The authorization in use was taken away: %s.",
    Ended.COMMAND: "Charging is stopped by command.",
}


class Place(NamedTuple):
    """Where something is in use. connector: a number by which only the station knows its part."""

    location: int
    station: int | None
    evse: int | None
    connector: int | None = None

    @property
    def key(self) -> str:
        if self.evse is not None:
            return f"e{self.evse}"
        return f"s{self.station}" + (f"/{self.connector}" if self.connector is not None else "")


def place_of(foreseen: Foreseen, station: int | None, connector: int | None = None) -> Place | None:
    """The place of an answer: its EVSE, or the caller's own station; None where it is not known."""
    place = foreseen.answer.facts.request.place
    if place is None:
        return None
    if foreseen.answer.facts.evse_id is not None:
        normal = foreseen.answer.question.evse_id_normal
        evse = EVSE.objects.filter(evse_id_normal=normal, location=place.location).first()
        return None if evse is None else Place(place.location, evse.station_id, evse.pk)
    named = foreseen.answer.question.station_normal
    if station is None and named is not None:
        station = ChargeStation.objects.filter(identity_normal=named).values_list("pk", flat=True).first()
    return None if station is None else Place(place.location, station, None, connector)


def token_key(foreseen: Foreseen) -> str:
    """What tells one token from another: the token itself, or the hash of what was presented; empty for none."""
    token = foreseen.answer.verdict.token
    return f"t{token}" if token is not None else mark_of(foreseen.answer.question)


def lock(place: Place, key: str) -> None:
    """Of two that present the same token at the same station, one waits for the other's transaction."""
    at = f"s{place.station}" if place.station is not None else place.key
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 8))", [f"{at} {key}"])


def found(place: Place, foreseen: Foreseen) -> AuthorizationInUse | None:
    """What this token has in use here, the newest. Who does not name the EVSE means any of the station's."""
    key, hashed = token_key(foreseen), mark_of(foreseen.answer.question)
    same = Q(token_key=key) | (Q(token_pseudonym=hashed) if hashed else Q(token_key=key))
    if place.evse is not None:
        here = Q(evse=place.evse) | Q(evse=None, station=place.station, station__isnull=False)
    elif place.connector is not None:
        here = Q(place=place.key)
    else:
        here = Q(station=place.station)
    return AuthorizationInUse.objects.filter(same & here, ended_at=None).order_by("-began_at", "-pk").first()


def begin(
    place: Place, foreseen: Foreseen, *, via: str, now: datetime, reference: str | None = None
) -> AuthorizationInUse:
    """Opens one; call it in a transaction, after lock() and found()."""
    answer = foreseen.answer
    return AuthorizationInUse.objects.create(
        location_id=place.location, station_id=place.station, evse_id=place.evse, place=place.key,
        token_type=answer.question.token_type, token_id=answer.verdict.token, token_key=token_key(foreseen),
        token_pseudonym=mark_of(answer.question), presented=answer.question.presented or "", via=via,
        message_id=answer.question.id, reference=reference, held=answer.verdict.accepted, revision=answer.revision,
        next_change_at=foreseen.until, began_at=now,
    )  # fmt: skip


def end(
    uses: Iterable[int], how: Ended, now: datetime, *, reasons: dict[int, str] | None = None
) -> list[AuthorizationInUse]:
    """Ends those that are not over yet, and has their stations told where they do not know: which these were.

    reasons: the decision's, by primary key, where it took them away.
    """
    with transaction.atomic():
        rows = list(
            AuthorizationInUse.objects.select_for_update(of=("self",))
            .select_related("station", "evse")
            .filter(pk__in=list(uses), ended_at=None)
            .order_by("pk")
        )
        if how in TOLD:
            for reason in sorted({(reasons or {}).get(row.pk, "") for row in rows}):
                told = [row for row in rows if (reasons or {}).get(row.pk, "") == reason]
                text = TOLD[how] % reason if "%s" in TOLD[how] else TOLD[how]
                tell_update(told, "deauthorized", text, now)
        for row in rows:
            row.ended_at, row.ended_by, row.presented = now, how, ""
            row.reason = (reasons or {}).get(row.pk, "")
        AuthorizationInUse.objects.bulk_update(rows, ["ended_at", "ended_by", "presented", "reason"])
    return rows
