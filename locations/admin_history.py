"""The history of an object as its triggers wrote it (pghistory): who, when, which value became which.

It sees what the admin, the API, imports and SQL did alike. Only the newest changes are read.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models

from locations.access import Scope, is_admin, scope_of, visible_to

NEWEST = 100
GONE, ANOTHERS = "no. %s, removed since", "another party's"
ADMIN = Scope(everything=True)
VERBS = {"insert": "added", "update": "changed", "delete": "removed"}


@dataclass(slots=True)
class Entry:
    """One change. `changes`: (label, before, after); `what` names the row where it is not the object itself."""

    at: datetime
    number: int
    label: str
    who: str
    what: str
    changes: list[tuple[str, str, str]] = field(default_factory=list)


def is_tracked(model: type[models.Model]) -> bool:
    return hasattr(model, "pgh_event_models")


def entries(
    obj: models.Model, parts: Sequence[tuple[type[models.Model], str]] = (), scope: Scope = ADMIN
) -> list[Entry]:
    """The newest changes of `obj` and of its `parts`: (model, the name of its foreign key to the object).

    scope: whose eyes read it; what that user may not see stands there without its name.
    """
    found = [*_own(obj, scope)]
    for model, link in parts:
        found += _part(model, link, obj, scope)
    return sorted(found, key=lambda entry: (entry.at, entry.number), reverse=True)[:NEWEST]


def _events(model: type[models.Model], **where: Any) -> list[Any]:
    events = model.events.rel.related_model  # type: ignore[attr-defined]
    return list(events.objects.filter(**where).select_related("pgh_context").order_by("-pgh_id")[: NEWEST + 1])


def _own(obj: models.Model, scope: Scope) -> list[Entry]:
    events = _events(type(obj), pgh_obj_id=obj.pk)
    names, people = _names(events, scope), users(events, scope)
    found = []
    for number, event in enumerate(events[:NEWEST]):
        before = events[number + 1] if number + 1 < len(events) else None
        changes = _changes(event, before, names) if event.pgh_label == "update" and before else []
        if changes or event.pgh_label != "update" or before is None:
            found.append(_entry(event, people, "", changes))
    return found


def _part(model: type[models.Model], link: str, obj: models.Model, scope: Scope) -> list[Entry]:
    events = _events(model, **{f"{link}_id": obj.pk})
    names, people = _names(events, scope), users(events, scope)
    kind = str(model._meta.verbose_name)
    return [_entry(event, people, f"{kind} {_describe(event, link, names)}", []) for event in events]


def _entry(event: Any, users: dict[int, str], what: str, changes: list[tuple[str, str, str]]) -> Entry:
    verb = VERBS.get(event.pgh_label, event.pgh_label)
    return Entry(event.pgh_created_at, event.pgh_id, verb, who(event, users), what, changes)


def _fields(event: Any) -> Iterable[Any]:
    return (f for f in event._meta.fields if not f.name.startswith("pgh_") and f.name != "id")


def _changes(event: Any, before: Any, names: dict[tuple[str, Any], str]) -> list[tuple[str, str, str]]:
    return [
        (str(f.verbose_name), _text(f, before, names), _text(f, event, names))
        for f in _fields(event)
        if getattr(event, f.attname) != getattr(before, f.attname)
    ]


def _describe(event: Any, link: str, names: dict[tuple[str, Any], str]) -> str:
    """A part by what it points at: the member of a group, the customer on a list."""
    shown = [f for f in _fields(event) if f.is_relation and f.name != link and getattr(event, f.attname) is not None]
    plain = [
        f for f in _fields(event) if f.name in ("identity", "evse_id", "uid", "name") and getattr(event, f.attname)
    ]
    return ", ".join(_text(f, event, names) for f in (plain or shown)[:2])


def _text(f: Any, event: Any, names: dict[tuple[str, Any], str]) -> str:
    value = getattr(event, f.attname)
    if value in (None, ""):
        return "(empty)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%-d %b %Y %H:%M}" + (" UTC" if value.tzinfo else "")
    return names.get((f.name, value), GONE % value) if f.is_relation else str(value)


def _names(events: list[Any], scope: Scope) -> dict[tuple[str, Any], str]:
    """What the foreign keys in these events point at today, two queries for each column."""
    wanted: dict[Any, set[Any]] = defaultdict(set)
    for event in events:
        for f in _fields(event):
            if f.is_relation and getattr(event, f.attname) is not None:
                wanted[f].add(getattr(event, f.attname))
    found: dict[tuple[str, Any], str] = {}
    for f, pks in wanted.items():
        rows = f.related_model._default_manager.filter(pk__in=pks)
        seen = visible_to(scope, rows).in_bulk()
        hidden = set() if scope.everything else set(rows.values_list("pk", flat=True)) - set(seen)
        found |= {(f.name, pk): str(row) for pk, row in seen.items()} | {(f.name, pk): ANOTHERS for pk in hidden}
    # Of another's token the Auth ID as it was named here.
    for event in events:
        name = getattr(event, "auth_id_entered", None) or getattr(event, "auth_id", None)
        if name and found.get(("token", getattr(event, "token_id", None))) == ANOTHERS:
            found["token", event.token_id] = name
    return found


def users(events: list[Any], scope: Scope) -> dict[int, str]:
    """Who did it: oneself and one's colleagues by name, others by what they are."""
    pks = {(e.pgh_context.metadata or {}).get("user") for e in events if e.pgh_context} - {None}
    users = get_user_model().objects.in_bulk(pks)
    return {pk: called(user, scope) for pk, user in users.items()}


def called(user: Any, scope: Scope) -> str:
    """A user's name, for whom it is to be read; else what the user is."""
    return user.get_username() if _knows(scope, user) else "an Admin" if is_admin(user) else "another user"


def _knows(scope: Scope, user: Any) -> bool:
    """Whether they are the same person, or manage a party in common."""
    if scope.everything or user.pk == scope.user:
        return True
    other = scope_of(user)
    return any(pks & scope.granted.get(permission, frozenset()) for permission, pks in other.granted.items())


def who(event: Any, users: dict[int, str]) -> str:
    user = (event.pgh_context.metadata or {}).get("user") if event.pgh_context else None
    if user is None:
        return "outside the portal" if event.pgh_context is None else "the system"
    return users.get(user, "a user removed since")
