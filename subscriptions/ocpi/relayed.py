"""`sessions` and `cdrs`: what CPOs' platforms send, kept as it came, for the eMSP whose card it was; and the sessions
that authorizations in use are.

A partner sees what it sent itself; and, of the CPOs in its scope, what is about tokens of the eMSPs in its scope. A CPO
sees all sessions of the portal's at its own places.
"""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse
from django.utils import timezone

from locations.ids import BadId
from locations.models import CPO
from subscriptions.models import Module, Relayed, Role
from subscriptions.ocpi import sessions
from subscriptions.ocpi.envelope import INVALID, OcpiView, Refusal, envelope, not_found
from subscriptions.ocpi.pages import Asked, page, read_instant
from subscriptions.ocpi.receiving import text_of
from subscriptions.push.echo import Brought
from subscriptions.services import Sight
from tokens import ids
from tokens.models import Token

# What a Session and a CDR cannot do without, by OCPI 2.1.1.
REQUIRED = {
    Relayed.Kind.SESSION: (
        "id", "start_datetime", "kwh", "auth_id", "auth_method", "location", "currency", "status", "last_updated",
    ),
    Relayed.Kind.CDR: (
        "id", "start_date_time", "stop_date_time", "auth_id", "auth_method", "location", "currency",
        "charging_periods", "total_cost", "total_energy", "total_time", "last_updated",
    ),
}  # fmt: skip


def seen(sight: Sight, kind: str) -> QuerySet[Relayed]:
    about = Q(cpo__isnull=False) if sight.cpos is None else Q(cpo__in=sight.cpos)
    cards = Token.objects.filter(emsp__in=sight.emsps, auth_id_normal=OuterRef("auth_id"))
    card = Q(Exists(cards), use=None) | Q(use__isnull=False, emsp__in=sight.emsps)
    theirs = about & card if sight.emsps else Q(pk__in=())
    own = Q(use__isnull=False, cpo__in=sight.own)
    return Relayed.objects.filter(Q(subscription=sight.subscription) | theirs | own, kind=kind)


class RelayedList(OcpiView):
    kind = ""

    def get(self) -> HttpResponse:
        return page(self, f"{self.kind}/", self._total, self._rows)

    def _matching(self, asked: Asked) -> QuerySet[Relayed]:
        rows = seen(self.sight, self.kind)
        if asked.date_from is not None:
            rows = rows.filter(updated_at__gte=asked.date_from)
        return rows if asked.date_to is None else rows.filter(updated_at__lt=asked.date_to)

    def _total(self, asked: Asked) -> int:
        return self._matching(asked).count()

    def _rows(self, asked: Asked) -> list[tuple[int, Any]]:
        rows = self._matching(asked).order_by("pk")
        start = asked.offset
        if asked.after is not None:
            rows, start = rows.filter(pk__gt=asked.after), 0
        found = list(rows[start : start + asked.limit + 1])
        shapes = sessions.shapes(found)
        return [(row.pk, shapes[row.pk]) for row in found]


class Sessions(RelayedList):
    module = kind = Module.SESSIONS


class OneSession(OcpiView):
    """A session under the party of the CPO that it happened at."""

    module = Module.SESSIONS

    def _kept(self, country: str, party: str, object_id: str) -> Relayed | None:
        rows = seen(self.sight, Relayed.Kind.SESSION)
        return rows.filter(country_code=country.upper(), party_id=party.upper(), object_id=object_id).first()

    def get(self, country: str, party: str, object_id: str) -> Any:
        kept = self._kept(country, party, object_id)
        if kept is None:
            raise not_found("session")
        return sessions.shapes([kept])[kept.pk]

    def put(self, country: str, party: str, object_id: str) -> Any:
        cpo = _sending_cpo(self.sight, country, party)
        body = checked(Relayed.Kind.SESSION, self.body())
        if body["id"] != object_id:
            raise Refusal(INVALID, "The id in the object is not the one in the address.")
        kept = self._kept(country, party, object_id)
        if kept is not None and kept.use_id is not None:
            raise Refusal(INVALID, sessions.OURS)
        new = _keep(self.sight, Relayed.Kind.SESSION, (country.upper(), party.upper()), cpo, body)
        return envelope(http=201 if new else 200)

    def patch(self, country: str, party: str, object_id: str) -> Any:
        cpo = _sending_cpo(self.sight, country, party)
        given = self.body()
        kept = self._kept(country, party, object_id)
        if kept is None or (kept.use_id is None and kept.subscription_id != self.sight.pk):
            raise not_found("session")
        if not isinstance(given, dict) or given.get("id", object_id) != object_id:
            raise Refusal(INVALID, "Send the fields of the session that are to change; its id stays.")
        locked = Relayed.objects.select_for_update().get(pk=kept.pk)
        if locked.use_id is not None:
            brought = Brought(self.sight, Module.SESSIONS, locked.pk)
            sessions.report(locked, given, timezone.now())
            locked.refresh_from_db()
            to = (locked.country_code, locked.party_id, locked.object_id)
            brought.settle(locked.pk, to, sessions.shapes([locked])[locked.pk], given)
            return envelope()
        body = checked(Relayed.Kind.SESSION, locked.body | given)
        _keep(self.sight, Relayed.Kind.SESSION, (country.upper(), party.upper()), cpo, body)
        return envelope()


class CDRs(RelayedList):
    """CDRs are relayed, never made here, and never changed. The same one again is the same one."""

    module = kind = Module.CDRS

    def post(self) -> Any:
        subscription = self.sight.subscription
        party = (subscription.country_code, subscription.party_id)
        cpo = _sending_cpo(self.sight, *party)
        body = checked(Relayed.Kind.CDR, self.body())
        known = Relayed.objects.filter(
            kind=Relayed.Kind.CDR, country_code=party[0], party_id=party[1], object_id=body["id"]
        ).first()
        if known is not None and known.body != body:
            raise Refusal(INVALID, "A CDR cannot be changed, and there is one with this id.")
        if known is None:
            _keep(self.sight, Relayed.Kind.CDR, party, cpo, body)
        return envelope(http=201 if known is None else 200, headers={"Location": self.module_url(f"cdrs/{body['id']}")})


class OneCDR(OcpiView):
    module = Module.CDRS

    def get(self, object_id: str) -> Any:
        kept = seen(self.sight, Relayed.Kind.CDR).filter(object_id=object_id).order_by("pk")
        own = kept.filter(subscription=self.sight.subscription).first() or kept.first()
        if own is None:
            raise not_found("CDR")
        return own.body


def _sending_cpo(sight: Sight, country: str, party: str) -> CPO | None:
    """Which CPO of the portal a CPO's platform sends as: itself, or one of its scope. None where it is none of ours.
    Raises Refusal."""
    subscription = sight.subscription
    if subscription.role != Role.CPO:
        raise Refusal(INVALID, "Only a CPO's platform sends sessions and CDRs.", 403)
    cpo = CPO.objects.filter(country_code=country.upper(), party_id=party.upper()).first()
    itself = (subscription.country_code, subscription.party_id) == (country.upper(), party.upper())
    # All CPOs in scope are to be read, not to be spoken for.
    named = cpo is not None and (cpo.pk in sight.own or (sight.cpos is not None and cpo.pk in sight.cpos))
    if not itself and not named:
        raise not_found("party")
    return cpo


def checked(kind: str, body: Any) -> dict[str, Any]:
    """An object with all that is required, with an id to keep it by. Raises Refusal."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        raise Refusal(INVALID, "Send one object.")
    missing = [field for field in REQUIRED[Relayed.Kind(kind)] if body.get(field) is None]
    if missing:
        raise Refusal(INVALID, f"Missing: {', '.join(missing)}.")
    text_of(body["id"], "id", 36)
    text_of(body["auth_id"], "auth_id", 36)
    if read_instant(body["last_updated"]) is None:
        raise Refusal(INVALID, "last_updated is a date and time like 2015-06-29T20:39:09Z.")
    return body


def _keep(sight: Sight, kind: str, party: tuple[str, str], cpo: CPO | None, body: dict[str, Any]) -> bool:
    """Whether it is new. Raises Refusal where another partner sent the object with this id."""
    try:
        auth_id = ids.auth_id(body["auth_id"])
    except BadId:
        auth_id = None
    same = {"kind": kind, "country_code": party[0], "party_id": party[1], "object_id": body["id"]}
    kept = Relayed.objects.select_for_update().filter(**same).first()
    if kept is not None and kept.subscription_id != sight.pk:
        raise not_found("object")
    values = {"cpo": cpo, "auth_id": auth_id, "body": body, "updated_at": timezone.now()}
    if kept is None:
        Relayed.objects.create(**same, **values, subscription=sight.subscription)
    else:
        Relayed.objects.filter(pk=kept.pk).update(**values)
    return kept is None
