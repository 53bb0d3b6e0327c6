"""What a partner pulls of places: whole, valid, page by page, and only what it may use."""

from datetime import UTC, datetime

import pytest

from locations.models import EVSE, Location
from subscriptions.models import LocationStamp
from tests import factories
from tests.subscriptions.conftest import Make
from tests.subscriptions.shapes import needs_ocpi, valid

pytestmark = pytest.mark.django_db


def ids(rows: list[dict[str, object]]) -> list[object]:
    return [row["id"] for row in rows]


def stamped(location: Location) -> datetime:
    return LocationStamp.objects.get(pk=location.pk).at


def test_a_partner_finds_its_modules_from_the_versions(partner: Make) -> None:
    platform = partner(modules=["tokens", "locations"])
    for path in ("versions", "versions/"):
        assert platform.ask("get", path).data == [
            {"version": version, "url": f"http://testserver/ocpi/{version}/"} for version in ("2.1.1", "2.2.1")
        ]
    details = platform.ask("get", "2.1.1").data
    assert [(each["identifier"], each["url"]) for each in details["endpoints"]] == [
        ("credentials", "http://testserver/ocpi/2.1.1/credentials/"),
        ("locations", "http://testserver/ocpi/2.1.1/locations/"),
        ("tokens", "http://testserver/ocpi/2.1.1/tokens/"),
    ]
    assert platform.get("sessions/").http == 404
    assert platform.get("no-such-module/").http == 404
    assert platform.ask("post", "versions").http == 405


@needs_ocpi
def test_what_is_pulled_is_valid_ocpi(partner: Make) -> None:
    bare = factories.location(factories.cpo(country_code="DE"), name="")
    whole = factories.location(
        bare.cpo, address="x" * 60, city="Gent", postal_code="9000 and more", country="BEL",
        latitude="-51.0475991", longitude="-123.7299444",
    )  # fmt: skip
    evse = factories.evse(whole)
    EVSE.objects.create(location=whole, uid="no-evse-id")
    platform = partner(bare.cpo)
    valid(platform.get("").data, "version")
    first, second = platform.get("locations/").data
    valid(first, "locations")
    valid(second, "locations")
    assert first["country"] == "DEU"
    assert second["coordinates"] == {"latitude": "-51.047599", "longitude": "-123.729944"}
    address = f"locations/{whole.location_id}"
    assert platform.get(address).data == second
    assert platform.get(f"{address}/{evse.uid}/").data == second["evses"][0]
    assert platform.get(f"{address}/{evse.uid}/1").data == second["evses"][0]["connectors"][0]
    valid(second["evses"][1], "evse")
    valid(second["evses"][1]["connectors"][0], "connector")
    for missing in ("locations/nowhere", f"{address}/none", f"{address}/{evse.uid}/2"):
        answer = platform.get(missing)
        assert (answer.http, answer.code) == (404, 2003)


def test_every_row_comes_once_while_rows_change(partner: Make) -> None:
    cpo = factories.cpo()
    places = [factories.location(cpo) for _ in range(7)]
    platform = partner(cpo)
    answer = platform.get("locations/", limit=2)
    assert (answer.headers["X-Total-Count"], answer.headers["X-Limit"]) == ("7", "2")
    assert "offset=2&limit=2" in answer.headers["Link"]
    # The first is gone and the second was changed: by offset alone the third would be missed.
    places[0].delete()
    Location.objects.filter(pk=places[1].pk).update(name="other")
    rest = platform.ask("get", answer.headers["Link"].partition("/ocpi/")[2].partition(">")[0])
    assert ids(rest.data) == [place.location_id for place in places[2:4]]
    assert ids(platform.walk("locations/", limit=1)) == [place.location_id for place in places[1:]]
    assert ids(platform.get("locations/", offset=5).data) == [places[6].location_id]
    assert platform.get("locations/", offset=99).data == []
    assert "Link" not in platform.get("locations/", limit=0).headers
    for wrong in ({"limit": "-1"}, {"offset": "x"}, {"date_from": "yesterday"}, {"limit": "9" * 30}):
        assert platform.get("locations/", **wrong).code == 2001


def test_dates_ask_for_what_changed(partner: Make) -> None:
    cpo = factories.cpo()
    place, other = factories.location(cpo), factories.location(cpo)
    platform = partner(cpo)
    middle = datetime(2026, 1, 1, 12, tzinfo=UTC)
    LocationStamp.objects.filter(pk=place.pk).update(at=middle)
    assert ids(platform.get("locations/", date_to="2026-01-01T12:00:01Z").data) == [place.location_id]
    assert ids(platform.get("locations/", date_from="2026-01-01T12:00:01").data) == [other.location_id]
    answer = platform.get("locations/", date_from="2025-01-01T00:00:00Z", limit=1)
    assert "date_from=2025-01-01T00%3A00%3A00Z" in answer.headers["Link"]
    assert platform.get(f"locations/{place.location_id}").data["last_updated"] == "2026-01-01T12:00:00Z"


def test_whatever_touches_a_place_is_its_change() -> None:
    cpo = factories.cpo()
    place, other = factories.location(cpo), factories.location(cpo)
    evse = factories.evse(place)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    entry = None

    def list_somebody() -> None:
        nonlocal entry
        entry = factories.listed(place, customer=factories.customer())

    changes = [
        lambda: Location.objects.filter(pk=place.pk).update(city="Gent"),
        lambda: EVSE.objects.filter(pk=evse.pk).update(evse_id=None),
        lambda: EVSE.objects.bulk_create([EVSE(location=place, uid=uid) for uid in ("another", "third")]),
        lambda: EVSE.objects.filter(pk=evse.pk).update(location=other),
        lambda: EVSE.objects.filter(location=place).delete(),
        list_somebody,
        lambda: entry and entry.delete(),
        lambda: type(cpo).objects.filter(pk=cpo.pk).update(name="other"),
    ]
    for number, change in enumerate(changes):
        LocationStamp.objects.update(at=long_ago)
        change()
        assert stamped(place) > long_ago, number
        assert (stamped(other) > long_ago) == (number in (3, 7)), number
    EVSE.objects.filter(location=other).delete()
    other.delete()
    assert set(LocationStamp.objects.values_list("pk", flat=True)) == {place.pk}


def test_private_places_are_left_out_for_who_may_not_use_them(partner: Make) -> None:
    above = factories.cpo()
    below = factories.cpo(parent=above)
    public, private, closed = (factories.location(cpo) for cpo in (below, below, above))
    Location.objects.filter(pk=closed.pk).update(published=False)
    card = factories.token(auth_id="NL-TNM-C00122045-K")
    factories.listed(private, token=card)
    # The list names the Auth ID: so is every other card that carries it.
    second = factories.token(auth_id=card.auth_id)
    everything = [public.location_id, private.location_id, closed.location_id]
    assert ids(partner(above).walk("locations/")) == everything[:1]
    assert ids(partner(all_cpos=True).walk("locations/")) == everything[:1]
    assert ids(partner(above, card.emsp).walk("locations/")) == everything[:2]
    assert ids(partner(above, second.emsp).walk("locations/")) == everything[:2]
    assert ids(partner(above, factories.emsp()).walk("locations/")) == everything[:1]
    # What a CPO's platform is let see of eMSPs lets it see no places.
    assert ids(partner(above, card.emsp, role="CPO").walk("locations/")) == everything[:1]
    own = {"country_code": above.country_code, "party_id": above.party_id, "role": "CPO"}
    assert ids(partner(above, **own).walk("locations/")) == everything
    assert partner(above).get(f"locations/{private.location_id}").http == 404
    assert partner(factories.cpo()).walk("locations/") == []
