"""Two people at one form: nothing is overwritten unseen."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.forms import modelform_factory
from django.test import Client

from authorization.models import ChargeException
from locations.admin_versions import _shown
from locations.models import ChargeStation, Location
from tests import factories
from tests.portal.pages import _Form, errors, filled
from tests.portal.test_admin import url
from tokens.models import Customer, Driver, Token

pytestmark = pytest.mark.django_db


def shown(answer: Any) -> dict[str, Any]:
    form = _Form()
    form.feed(answer.content.decode())
    return {name: value for name, value in form.fields.items() if name != "_save"}


def test_a_stale_save_shows_what_changed_and_saves_the_second_time(boss: Client) -> None:
    row = factories.customer(name="Fleet A", external_id="A")
    address = url(Customer, "change", row.pk)
    opened = filled(boss, address)
    Customer.objects.filter(pk=row.pk).update(name="Fleet B", external_id="B")
    answer = boss.post(address, opened | {"name": "Fleet C"})
    said = errors(answer)
    assert "to “Fleet B”" in said["name"][0]
    assert "new value" in said["external_id"][0]
    assert "Not saved yet" in said["__all__"][0]
    again = shown(answer)
    assert (again["name"], again["external_id"]) == ("Fleet C", "B")
    assert boss.post(address, again).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.external_id) == ("Fleet C", "B")


def test_what_the_form_does_not_hold_may_change_meanwhile(boss: Client) -> None:
    place = factories.location(name="Depot")
    address = url(Location, "change", place.pk)
    opened = filled(boss, address)
    factories.listed(place, customer=factories.customer())
    assert boss.post(address, opened | {"name": "Depot North"}).status_code == 302
    place.refresh_from_db()
    assert (place.name, place.published) == ("Depot North", False)


def test_both_meant_the_same(boss: Client) -> None:
    row = factories.customer(name="Fleet A")
    opened = filled(boss, url(Customer, "change", row.pk))
    Customer.objects.filter(pk=row.pk).update(name="Fleet B")
    assert boss.post(url(Customer, "change", row.pk), opened | {"name": "Fleet B"}).status_code == 302


def test_an_unchanged_form_is_saved_whatever_its_fields(boss: Client) -> None:
    """Numbers, dates, choices, references: what is read and what is sent back are the same."""
    place = factories.location(latitude="52.1", longitude="5", country="NLD")
    station = factories.station(place)
    evse = factories.evse(place, station=station)
    token = factories.token(expires_at="2027-01-01T08:00:00+02:00", visual_number="7")
    exception = factories.exception(
        "whitelist", "emsp_for_cpo", [factories.group("cpo"), factories.group("location")], [factories.group("token")],
        valid_from="2026-12-01T08:00", notes="first line\nsecond line",
    )  # fmt: skip
    user = User.objects.create_user("ann", email="ann@example.org")
    for row in (place, station, evse, token, token.emsp, place.cpo, exception, user):
        address = url(type(row), "change", row.pk)
        opened = filled(boss, address)
        assert opened["_version"], address
        assert boss.post(address, opened).status_code == 302, address


def test_dates_and_references_are_shown_as_they_are_now(boss: Client) -> None:
    token, other = factories.token(), factories.customer()
    address = url(Token, "change", token.pk)
    opened = filled(boss, address)
    Token.objects.filter(pk=token.pk).update(expires_at="2027-01-01T08:00:00Z", emsp=other.emsp, customer=other)
    answer = boss.post(address, opened | {"issuer": "me"})
    assert set(errors(answer)) == {"expires_at", "emsp", "customer", "__all__"}
    again, fresh = shown(answer), filled(boss, address)
    for name in ("expires_at_0", "expires_at_1", "emsp", "customer"):
        assert again[name] == fresh[name] != opened[name], name
    assert again["issuer"] == "me"


def test_switches_are_shown_as_they_are_now(boss: Client) -> None:
    station = factories.station()
    address = url(ChargeStation, "change", station.pk)
    opened = filled(boss, address)
    ChargeStation.objects.filter(pk=station.pk).update(authorization_required=False, smart_button=True)
    answer = boss.post(address, opened | {"identity": "NEW"})
    assert set(errors(answer)) == {"authorization_required", "smart_button", "__all__"}
    again = shown(answer)
    assert "authorization_required" not in again
    assert again["smart_button"] == "on"


def test_another_partys_name_is_not_told() -> None:
    own, other = factories.customer(name="ours"), factories.customer(name="canary")
    form = modelform_factory(Driver, fields=["customer"])(instance=factories.driver(own))
    form.fields["customer"].queryset = Customer.objects.filter(pk=own.pk)  # type: ignore[attr-defined]
    assert (_shown(form, "customer", own.pk), _shown(form, "customer", other.pk)) == ("ours", "another one")


def test_groups_of_an_exception(boss: Client) -> None:
    places, cards = factories.group("cpo", name="Places"), factories.group("emsp")
    row = factories.exception("blacklist", "emsp_for_cpo", [places], [cards])
    address = url(ChargeException, "change", row.pk)
    opened = filled(boss, address)
    more = factories.group("location", name="More places")
    row.cpo_groups.add(more)
    answer = boss.post(address, opened | {"name": "New"})
    assert set(errors(answer)) == {"places", "__all__"}
    assert sorted(shown(answer)["places"]) == sorted([str(places.pk), str(more.pk)])


def test_whoever_sends_no_version_is_not_asked(boss: Client) -> None:
    row = factories.customer(name="Fleet A")
    opened = filled(boss, url(Customer, "change", row.pk))
    del opened["_version"]
    assert boss.post(url(Customer, "change", row.pk), opened | {"name": "B"}).status_code == 302


def test_the_row_is_gone(boss: Client) -> None:
    row = factories.customer()
    opened = filled(boss, url(Customer, "change", row.pk))
    row.delete()
    assert boss.post(url(Customer, "change", row.pk), opened).headers["Location"] == "/admin/"
