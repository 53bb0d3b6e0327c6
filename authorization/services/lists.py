"""Changing the authorization list of a location, and publishing the location."""

from collections.abc import Iterable, Sequence

from django.db import transaction

from authorization.models import AuthorizationListEntry
from authorization.services.groups import existing, named, named_by
from locations.models import Location
from tokens.models import Customer, Token

CLEAR = ("customers", "tokens", "all")


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
) -> None:
    """Clears (one of CLEAR, or nothing), then removes, then adds: all or nothing.

    The first entry unpublishes the location. A token with an Auth ID comes and goes by that, as in a group.
    Raises ValidationError by field.
    """
    with transaction.atomic():
        _lock(location)
        customers = existing(Customer, add_customers, "add_customers")
        tokens = existing(Token, add_tokens, "add_tokens")
        customers_gone = existing(Customer, remove_customers, "remove_customers")
        tokens_gone = existing(Token, remove_tokens, "remove_tokens")
        entries = AuthorizationListEntry.objects.filter(location=location)
        if clear in ("customers", "all"):
            entries.filter(customer__isnull=False).delete()
        if clear in ("tokens", "all"):
            entries.filter(token__isnull=False).delete()
        entries.filter(named_by("customer", customers_gone)).delete()
        entries.filter(named_by("token", tokens_gone)).delete()
        tokens += named(add_auth_ids)
        AuthorizationListEntry.objects.bulk_create(
            [AuthorizationListEntry(location=location, customer_id=pk) for pk in customers]
            + [AuthorizationListEntry(location=location, token_id=pk) for pk in dict.fromkeys(tokens)],
            ignore_conflicts=True,
        )
        location.refresh_from_db(fields=["published"])


def publish(location: Location) -> None:
    """Shows the location to everybody. Raises PrivateLocation while its authorization list is not empty."""
    with transaction.atomic():
        # An entry added at the same time locks the row too: it unpublishes, or is seen here.
        _lock(location)
        if AuthorizationListEntry.objects.filter(location=location).exists():
            raise PrivateLocation
        _set_published(location, True)


def unpublish(location: Location) -> None:
    """Takes the location from the public."""
    _set_published(location, False)


def _lock(location: Location) -> None:
    Location.objects.select_for_update(no_key=True).get(pk=location.pk)


def _set_published(location: Location, published: bool) -> None:
    Location.objects.filter(pk=location.pk, published=not published).update(published=published)
    location.published = published
