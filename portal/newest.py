"""The newest changes of what a user manages, as the history's triggers recorded them."""

from datetime import datetime
from typing import Any, NamedTuple

from django.urls import reverse

from authorization.models import AuthorizationListEntry, ChargeException, ExceptionGroup
from locations import admin_history
from locations.access import Scope, managed_by
from locations.models import ChargeStation, Location
from tokens.models import Customer, Driver, Token

WATCHED = (
    Location, ChargeStation, AuthorizationListEntry, ExceptionGroup, ChargeException, Customer, Driver, Token,
)  # fmt: skip
NAMES = ("name", "identity", "auth_id", "uid", "location_id")
SHOWN = 8
# A manager's own are looked for among so many of the newest, whoever's they are.
LOOKED_AT = 5000


class Newest(NamedTuple):
    """what: which object, or which kind and how many changed together. link: where the rest is told; may be empty."""

    at: datetime
    who: str
    what: str
    verb: str
    link: str


def changes(scope: Scope) -> list[Newest]:
    """The newest SHOWN of them, what changed together in one line."""
    found = [(event, model) for model in WATCHED for event in _events(scope, model)]
    found.sort(key=lambda item: (item[0].pgh_created_at, item[0].pgh_id), reverse=True)
    people = admin_history.users([event for event, _ in found], scope)
    together: dict[tuple[Any, ...], list[Any]] = {}
    for event, model in found:
        key = (event.pgh_created_at, admin_history.who(event, people), model, event.pgh_label)
        if key not in together and len(together) == SHOWN:
            break
        together.setdefault(key, []).append(event)
    return [_line(key, events) for key, events in together.items()]


def _events(scope: Scope, model: Any) -> list[Any]:
    rows = model.events.rel.related_model.objects.order_by("-pgh_id")
    if not scope.everything:
        newest = rows.values_list("pgh_id", flat=True).first() or 0
        rows = rows.filter(pgh_id__gt=newest - LOOKED_AT)
        if model is AuthorizationListEntry:
            rows = rows.filter(location__in=managed_by(scope, Location.objects.all()).values("pk"))
        else:
            rows = rows.filter(pgh_obj__in=managed_by(scope, model.objects.all()).values("pk"))
    return list(rows.select_related("pgh_context")[: SHOWN * 4])


def _line(key: tuple[Any, ...], events: list[Any]) -> Newest:
    at, who, model, label = key
    on_list = model is AuthorizationListEntry
    options = (Location if on_list else model)._meta
    first = events[0]
    pk = first.location_id if on_list else first.pgh_obj_id
    alone = len({event.location_id if on_list else event.pgh_obj_id for event in events}) == 1
    if len(events) > 1:
        what = f"{len(events)} {model._meta.verbose_name_plural}"
    else:
        name = next((value for field in NAMES if (value := getattr(first, field, ""))), "") if not on_list else ""
        what = f"{model._meta.verbose_name} {name}".strip()
    link = reverse(f"admin:{options.app_label}_{options.model_name}_history", args=(pk,)) if alone and pk else ""
    return Newest(at, who, what, admin_history.VERBS.get(label, label), link)
