"""A private location is never published, and an emptied list opens nothing: by the ORM, in bulk and by SQL."""

from typing import Any

import pytest

from authorization.models import AuthorizationListEntry
from locations.models import Location
from tests import factories
from tests.refusals import refused, sql

pytestmark = pytest.mark.django_db


def row(item: Any) -> Any:
    """The row as a queryset, for update() past save()."""
    return type(item)._default_manager.filter(pk=item.pk)


def test_the_first_entry_unpublishes_and_a_private_location_cannot_be_published() -> None:
    place = factories.location()
    assert place.published
    factories.listed(place, customer=factories.customer())
    assert not place.published
    with refused("private_location_is_not_published"):
        row(place).update(published=True)
    place.published = True
    with refused("private_location_is_not_published"):
        place.save()
    with refused("private_location_is_not_published"):
        sql("UPDATE locations_location SET published = true, name = 'x'")


def test_an_emptied_list_stays_closed_until_somebody_publishes() -> None:
    place = factories.location()
    factories.listed(place, customer=factories.customer())
    sql("DELETE FROM authorization_authorizationlistentry")
    assert not row(place).get().published
    row(place).update(published=True)
    assert row(place).get().published


def test_entries_by_bulk_and_by_sql_unpublish_each_of_their_locations() -> None:
    one, two, three, untouched = (factories.location() for _ in range(4))
    customer = factories.customer()
    entries = [AuthorizationListEntry(location=place, customer=customer) for place in (one, two)]
    AuthorizationListEntry.objects.bulk_create(entries)
    sql(
        "INSERT INTO authorization_authorizationlistentry (location_id, customer_id, added_at) VALUES (%s, %s, now())",
        three.pk,
        customer.pk,
    )
    assert list(Location.objects.filter(published=True)) == [untouched]
    # An entry that moves closes where it comes to, and does not open where it was.
    AuthorizationListEntry.objects.filter(location=one).update(location=untouched)
    assert not Location.objects.filter(published=True).exists()


def test_a_location_written_after_its_list_begins_unpublished() -> None:
    cpo, customer = factories.cpo(), factories.customer()
    with refused("private_location_is_not_published"):
        sql(
            "INSERT INTO authorization_authorizationlistentry (location_id, customer_id, added_at)"
            " VALUES (999999, %s, now())",
            customer.pk,
        )
        factories.location(cpo, pk=999_999)


def test_an_entry_is_one_customer_or_one_token_once() -> None:
    place, customer, token = factories.location(), factories.customer(), factories.token()
    rule = "list_entry_is_a_customer_or_a_token"
    for wrong in ({}, {"customer": customer, "token": token}, {"customer": customer, "auth_id": "A1"}):
        with refused(rule):
            factories.listed(place, **wrong)
    for named in ({"customer": customer}, {"token": token}):
        factories.listed(place, **named)
        with refused(f"list_entry_{next(iter(named))}_is_unique"):
            factories.listed(place, **named)
