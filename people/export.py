"""All that there is about a person, as one JSON document, as far as the user who asks may see it.

It goes out section by section: a log of a million rows is never in memory.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import orjson
from django.apps import apps
from django.db.models import Q

from authorization.access import sight
from authorization.models import AuthorizationListEntry, Decision, GroupMember
from chargers.models import AuthorizationInUse, LocalList
from imports.models import Import
from locations.access import Scope, visible_to
from locations.models import Location
from people.erase import names_person
from people.person import Person, person_of
from subscriptions.models import Relayed
from tokens.models import Driver, Token

CHUNK = 2_000
_TOKEN = (
    "id", "type", "uid", "auth_id", "visual_number", "issuer", "valid", "whitelist", "expires_at", "language",
    "external", "emsp_id", "customer_id", "driver_id",
)  # fmt: skip
_EVENT = ("pgh_created_at", "pgh_label", "pgh_obj_id")
Section = tuple[str, Iterable[Any]]


def file_name(obj: Driver | Token) -> str:
    return f"personal-data-{obj._meta.model_name}-{obj.pk}.json"


def export(obj: Driver | Token, scope: Scope, now: datetime) -> Iterator[bytes]:
    """The document, in pieces."""
    person = person_of(obj)
    yield b'{"about":' + orjson.dumps(_about(obj, now))
    for name, rows in _sections(person, scope):
        yield b"," + orjson.dumps(name) + b":["
        yield from _lines(rows)
        yield b"]"
    yield b"}"


def _lines(rows: Iterable[Any]) -> Iterator[bytes]:
    between = b"\n"
    for row in rows:
        yield between + orjson.dumps(row, default=str)
        between = b",\n"


def _about(obj: Driver | Token, now: datetime) -> dict[str, Any]:
    about: dict[str, Any] = {"what": obj._meta.model_name, "id": obj.pk, "made_at": now}
    if isinstance(obj, Driver):
        fields = ("id", "name", "external_id", "blocked")
        about["driver"] = {name: getattr(obj, name) for name in fields}
    customer = obj.customer
    if customer is not None:
        about["customer"] = {"id": customer.pk, "name": customer.name, "external_id": customer.external_id}
    emsp = customer.emsp if isinstance(obj, Driver) else obj.emsp  # type: ignore[union-attr]
    if emsp is not None:
        about["emsp"] = {"id": emsp.pk, "name": emsp.name, "party": emsp.code}
    return about


def _sections(person: Person, scope: Scope) -> Iterator[Section]:
    yield "tokens", Token.objects.filter(pk__in=person.tokens).order_by("pk").values(*_TOKEN)
    yield "authorization_lists", _lists(person, scope)
    yield "exception_groups", _groups(person, scope)
    yield "in_use", _uses(person, scope)
    yield "sessions_and_cdrs", _relayed(person)
    yield "offline_lists", _offline(person, scope)
    yield "imports", _imports(person, scope)
    yield "history", _history(person)
    yield "authorization_log", _log(person, scope)


def _lists(person: Person, scope: Scope) -> Iterator[Any]:
    about = Q(auth_id__in=person.names) | Q(token__in=person.tokens)
    rows = AuthorizationListEntry.objects.filter(about, location__in=visible_to(scope, Location.objects.order_by()))
    for entry in rows.select_related("location__cpo").order_by("pk").iterator(chunk_size=CHUNK):
        place = entry.location
        yield {"location": str(place), "cpo": place.cpo.code, "as": entry.auth_id_entered, "added_at": entry.added_at}


def _groups(person: Person, scope: Scope) -> Iterator[Any]:
    about = Q(auth_id__in=person.names) | Q(token__in=person.tokens)
    if person.driver is not None:
        about |= Q(driver=person.driver)
    seen = visible_to(scope, GroupMember._meta.get_field("group").related_model._default_manager.order_by())
    rows = GroupMember.objects.filter(about, group__in=seen).select_related("group").order_by("pk")
    for member in rows.iterator(chunk_size=CHUNK):
        yield {"group": member.group_id, "name": member.group.name, "as": member.auth_id_entered}


def _uses(person: Person, scope: Scope) -> Iterator[Any]:
    """What is in use is its place's manager's to see; of one's own card, the place by its name."""
    rows = AuthorizationInUse.objects.filter(Q(token__in=person.every_token) | Q(token_pseudonym__in=person.marks))
    for use in rows.select_related("location").order_by("pk").iterator(chunk_size=CHUNK):
        shown = {"location": str(use.location), "token": use.token_id, "via": use.via, "began_at": use.began_at}
        yield shown | {"ended_at": use.ended_at, "ended_by": use.ended_by, "reason": use.reason}


def _relayed(person: Person) -> Iterator[Any]:
    rows = Relayed.objects.filter(auth_id__in=person.names).order_by("pk")
    for row in rows.iterator(chunk_size=CHUNK):
        yield {"kind": row.kind, "updated_at": row.updated_at, "body": row.body}


def _offline(person: Person, scope: Scope) -> Iterator[Any]:
    keys = [f"{kind}:{uid}" for kind, uid in sorted(person.uids)]
    rows = LocalList.objects.filter(entries__has_any_keys=keys).order_by("station", "version").defer("entries")
    for row in rows.select_related("station__location").iterator(chunk_size=CHUNK):
        location = row.station.location
        own = scope.everything or location.cpo_id in scope.cpos
        station = {"station": row.station.identity} if own else {}
        yield station | {"location": str(location), "version": row.version, "made_at": row.made_at}


def _imports(person: Person, scope: Scope) -> Iterator[Any]:
    """Files that are still kept, and name the person."""
    rows = visible_to(scope, Import.objects.exclude(kind="locations").filter(parts__isnull=False).distinct())
    for of in rows.order_by("pk"):
        if names_person(of, person):
            yield {"id": of.pk, "file": of.file_name, "status": of.status, "created_at": of.created_at}


def _history(person: Person) -> Iterator[Any]:
    """Of the driver, and of every token that there is or was. Who changed it is data about somebody else."""
    parts: list[tuple[Any, list[int], tuple[str, ...]]] = [(Token, person.every_token, _TOKEN[1:])]
    if person.driver is not None:
        parts.insert(0, (Driver, [person.driver], ("name", "external_id", "blocked", "customer_id")))
    for model, pks, fields in parts:
        events = apps.get_model(model._meta.app_label, f"{model.__name__}Event")._default_manager
        rows = events.filter(pgh_obj_id__in=pks).order_by("pgh_id").values(*_EVENT, *fields)
        for row in rows.iterator(chunk_size=CHUNK):
            head = {"of": model._meta.model_name, "id": row.pop("pgh_obj_id"), "at": row.pop("pgh_created_at")}
            yield head | {"change": row.pop("pgh_label")} | row


def _log(person: Person, scope: Scope) -> Iterator[Any]:
    about = Q(token__in=person.every_token) | Q(token_pseudonym__in=person.marks, token=None)
    rows = Decision.objects.filter(about) if scope.everything else _of_own(person, scope)
    joined = rows.select_related("token", "location", "rule", "api_key__station__location")
    for row in joined.order_by("decided_at", "pk").iterator(chunk_size=CHUNK):
        shown = {"decided_at": row.decided_at, "status": "accepted" if row.accepted else "rejected"}
        shown |= {"reason": row.reason, "token": row.token_id, "token_type": row.token_type}
        seen = sight(row, scope)
        place = {"location": str(row.location) if row.location is not None else None}
        yield shown | place | ({"place": row.place, "request_id": row.request_id} if seen.place else {})


def _of_own(person: Person, scope: Scope) -> Any:
    return visible_to(scope, Decision.objects.filter(token__in=person.tokens))
