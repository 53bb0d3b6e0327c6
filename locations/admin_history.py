"""The history of an object as its triggers wrote it (pghistory): who, when, which value became which.

It sees what the admin, the API, imports and SQL did alike. Only the newest changes are read.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from locations.access import Scope, is_admin, scope_of, visible_to
from locations.admin_format import moment
from locations.connectors import described

NEWEST = 100
ADMIN = Scope(everything=True)
VERBS = {"insert": gettext_lazy("added"), "update": gettext_lazy("changed"), "delete": gettext_lazy("removed")}
Names = dict[tuple[type[models.Model], Any], str | None]


@dataclass(slots=True)
class Entry:
    """One change of `about`. `changes`: (label, before, after); `what` names the row where it is not the object
    itself."""

    at: datetime
    number: int
    label: str
    who: str
    what: str
    about: models.Model
    changes: list[tuple[str, str, str]] = field(default_factory=list)


class Recorded(NamedTuple):
    """A row of a history. before: the row's state until then. told: the fields to tell; of a part, what it points at.

    link: of a part, its foreign key to the object; empty for the object's own.
    """

    event: Any
    before: Any
    about: models.Model
    told: list[Any]
    link: str = ""


def is_tracked(model: type[models.Model]) -> bool:
    return hasattr(model, "pgh_event_models")


def entries(
    obj: models.Model, parts: Sequence[tuple[type[models.Model], str]] = (), scope: Scope = ADMIN
) -> list[Entry]:
    """The newest changes of `obj` and of its `parts`: (model, the name of its foreign key to the object).

    scope: whose eyes read it; what that user may not see stands there without its name.
    """
    return tell(recorded([obj], parts), scope, NEWEST)


def recorded(
    objects: Sequence[models.Model], parts: Sequence[tuple[type[models.Model], str]], since: datetime | None = None
) -> list[Recorded]:
    """What is recorded of objects of one model, a query for the model and one for each part. since: only what is newer,
    and one query more for how it was before that."""
    about = {obj.pk: obj for obj in objects}
    events = _events(type(objects[0]), since, pgh_obj_id__in=list(about))
    found = [_own(event, before, about) for event, before in _with_before(events, since)]
    for model, link in parts:
        for event in _events(model, since, **{f"{link}_id__in": list(about)}):
            found.append(Recorded(event, None, about[getattr(event, f"{link}_id")], _pointing(event, link), link))
    return [row for row in found if row.told or row.link or row.before is None]


def tell(rows: Iterable[Recorded], scope: Scope, at_most: int) -> list[Entry]:
    """The newest of them in words, newest first. Names are asked for once for each model."""
    newest = sorted(rows, key=lambda row: (row.event.pgh_created_at, row.event.pgh_id), reverse=True)[:at_most]
    names, people = _names(newest, scope), users([row.event for row in newest], scope)
    return [_entry(row, names, people) for row in newest]


def _events(model: type[models.Model], since: datetime | None, **where: Any) -> list[Any]:
    events = model.events.rel.related_model.objects.filter(**where)  # type: ignore[attr-defined]
    if since is not None:
        events = events.filter(pgh_created_at__gt=since)
    return list(events.select_related("pgh_context").order_by("-pgh_id")[: NEWEST + 1])


def _with_before(events: list[Any], since: datetime | None) -> list[tuple[Any, Any]]:
    """Each event with the one before it of the same row, None where that is not known."""
    later: dict[Any, Any] = {}
    before: dict[int, Any] = {}
    for event in events:
        if (known := later.get(event.pgh_obj_id)) is not None:
            before[known.pgh_id] = event
        later[event.pgh_obj_id] = event
    first = [event for event in later.values() if event.pgh_label == "update"]
    if since is not None and first:
        older = type(first[0]).objects.filter(
            pgh_obj_id__in=[event.pgh_obj_id for event in first], pgh_created_at__lte=since
        )
        states = {event.pgh_obj_id: event for event in older.order_by("pgh_obj_id", "-pgh_id").distinct("pgh_obj_id")}
        before |= {event.pgh_id: states.get(event.pgh_obj_id) for event in first}
    shown = events if since is not None else events[:NEWEST]
    return [(event, before.get(event.pgh_id)) for event in shown]


def _own(event: Any, before: Any, about: dict[Any, models.Model]) -> Recorded:
    before = before if event.pgh_label == "update" else None
    changed = [] if before is None else [f for f in _fields(event) if _raw(f, event) != _raw(f, before)]
    return Recorded(event, before, about[event.pgh_obj_id], changed)


def _raw(f: Any, event: Any) -> Any:
    return getattr(event, f.attname)


def _entry(row: Recorded, names: Names, people: dict[int, str]) -> Entry:
    event, before = row.event, row.before
    what, changes = "", []
    if row.link:
        kind = event._meta.get_field("pgh_obj").related_model._meta.verbose_name
        what = f"{kind} " + ", ".join(_text(f, event, names) for f in row.told)
    else:
        changes = [(str(f.verbose_name), _text(f, before, names), _text(f, event, names)) for f in row.told]
    verb = str(VERBS.get(event.pgh_label, event.pgh_label))
    return Entry(event.pgh_created_at, event.pgh_id, verb, who(event, people), what, row.about, changes)


def _fields(event: Any) -> Iterable[Any]:
    return (f for f in event._meta.fields if not f.name.startswith("pgh_") and f.name != "id")


def _pointing(event: Any, link: str) -> list[Any]:
    """A part by what it points at: the member of a group, the customer on a list."""
    shown = [f for f in _fields(event) if f.is_relation and f.name != link and _raw(f, event) is not None]
    plain = [f for f in _fields(event) if f.name in ("identity", "evse_id", "uid", "name") and _raw(f, event)]
    return (plain or shown)[:2]


def _text(f: Any, event: Any, names: Names) -> str:
    value = _raw(f, event)
    if value in (None, "", []):
        return _("(empty)")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return moment(value) + (" UTC" if value.tzinfo else "")
    if f.name == "connectors":
        return described(value)
    if not f.is_relation:
        return str(dict(f.flatchoices).get(value, value))
    if (f.related_model, value) not in names:
        return _("no. %(number)s, removed since") % {"number": value}
    # Of another's token the Auth ID as it was named here.
    named_as = getattr(event, "auth_id_entered", None) or getattr(event, "auth_id", None)
    return names[f.related_model, value] or (named_as if f.name == "token" else None) or _("another party's")


def _names(rows: Iterable[Recorded], scope: Scope) -> Names:
    """What the foreign keys in these point at today, None for what the user may not see: two queries for each model."""
    wanted: dict[Any, set[Any]] = defaultdict(set)
    for row in rows:
        for f in row.told:
            if f.is_relation:
                wanted[f.related_model] |= {_raw(f, event) for event in (row.event, row.before) if event is not None}
    found: Names = {}
    for model, pks in wanted.items():
        all_of_them = model._default_manager.filter(pk__in=pks - {None})
        seen = visible_to(scope, all_of_them).in_bulk()
        hidden = () if scope.everything else all_of_them.values_list("pk", flat=True)
        found |= {(model, pk): None for pk in hidden}
        found |= {(model, pk): str(row) for pk, row in seen.items()}
    return found


def users(events: list[Any], scope: Scope) -> dict[int, str]:
    """Who did it: oneself and one's colleagues by name, others by what they are."""
    pks = {(e.pgh_context.metadata or {}).get("user") for e in events if e.pgh_context} - {None}
    users = get_user_model().objects.in_bulk(pks)
    return {pk: called(user, scope) for pk, user in users.items()}


def called(user: Any, scope: Scope) -> str:
    """A user's name, for whom it is to be read; else what the user is."""
    return user.get_username() if _knows(scope, user) else _("an Admin") if is_admin(user) else _("another user")


def _knows(scope: Scope, user: Any) -> bool:
    """Whether they are the same person, or manage a party in common."""
    if scope.everything or user.pk == scope.user:
        return True
    other = scope_of(user)
    return any(pks & scope.granted.get(permission, frozenset()) for permission, pks in other.granted.items())


def who(event: Any, users: dict[int, str]) -> str:
    user = (event.pgh_context.metadata or {}).get("user") if event.pgh_context else None
    if user is None:
        return _("outside the portal") if event.pgh_context is None else _("the system")
    return users.get(user) or _("a user removed since")
