"""Changing the authorization list of a location, and publishing the location."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, Q

from authorization.handles import handle, split
from authorization.models import AuthorizationListEntry
from authorization.services.groups import ADMIN, existing, named, named_by
from locations.access import Scope, visible_to
from locations.models import Location
from tokens.models import Customer, Token

CLEAR = ("customers", "tokens", "all")


class OnList(NamedTuple):
    """How many of each stand on an authorization list."""

    customers: int
    tokens: int

    @property
    def all(self) -> int:
        return self.customers + self.tokens


def on_list(location: Location) -> OnList:
    entries = AuthorizationListEntry.objects.filter(location=location)
    return OnList(**entries.aggregate(customers=Count("customer"), tokens=Count("token")))


class PrivateLocation(Exception):
    """A location with an authorization list cannot be published."""

    def __init__(self) -> None:
        super().__init__("A private location cannot be published: empty its authorization list first.")


def change_authorization_list(
    location: Location,
    *,
    add_customers: Iterable[int] = (),
    add_tokens: Iterable[int] = (),
    add_auth_ids: Sequence[str] = (),
    remove_customers: Iterable[int] = (),
    remove_tokens: Iterable[int] = (),
    clear: str = "",
    scope: Scope = ADMIN,
) -> None:
    """Clears (one of CLEAR, or nothing), then removes, then adds: all or nothing.

    The first entry unpublishes the location. A token with an Auth ID comes and goes by that, as in a group.
    scope: whose request it is; what that user may not see is not found. Raises ValidationError by field.
    """
    with transaction.atomic():
        lock(location)
        known = visible_to(scope, Customer.objects.all()), visible_to(scope, Token.objects.all())
        customers = existing(known[0], add_customers, "add_customers")
        tokens = dict.fromkeys(existing(known[1], add_tokens, "add_tokens"))
        entries = AuthorizationListEntry.objects.filter(location=location)
        gone = _going("customer", known[0], entries, remove_customers) | _going(
            "token", known[1], entries, remove_tokens
        )
        if clear in ("customers", "all"):
            entries.filter(customer__isnull=False).delete()
        if clear in ("tokens", "all"):
            entries.filter(token__isnull=False).delete()
        entries.filter(gone).delete()
        tokens |= {pk: entered for pk, entered in named(add_auth_ids).items() if pk not in tokens}
        AuthorizationListEntry.objects.bulk_create(
            [AuthorizationListEntry(location=location, customer_id=pk) for pk in customers]
            + [
                AuthorizationListEntry(location=location, token_id=pk, auth_id_entered=entered)
                for pk, entered in tokens.items()
            ],
            ignore_conflicts=True,
        )
        location.refresh_from_db(fields=["published"])


def _going(column: str, known: Any, entries: Any, ids: Iterable[int]) -> Q:
    """The entries that these ids mean: of customers or tokens, or handles of entries."""
    objects, rows = split(ids)
    field = f"remove_{column}s"
    existing(entries.filter(**{f"{column}__isnull": False}), rows, field, shown=handle)
    return named_by(column, existing(known, objects, field)) | Q(pk__in=rows)


def refuse_private(location: Location) -> None:
    """Raises PrivateLocation while the location's authorization list is not empty."""
    if AuthorizationListEntry.objects.filter(location=location).exists():
        raise PrivateLocation


def publish(location: Location) -> None:
    """Shows the location to everybody. Raises PrivateLocation while its authorization list is not empty."""
    with transaction.atomic():
        # An entry added at the same time locks the row too: it unpublishes, or is seen here.
        lock(location)
        refuse_private(location)
        _set_published(location, True)


def unpublish(location: Location) -> None:
    """Takes the location from the public."""
    _set_published(location, False)


def lock(location: Location) -> None:
    """Until the transaction ends nobody else changes the location or its list."""
    Location.objects.select_for_update(no_key=True).get(pk=location.pk)


def _set_published(location: Location, published: bool) -> None:
    Location.objects.filter(pk=location.pk, published=not published).update(published=published)
    location.published = published
