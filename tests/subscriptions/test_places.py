"""What a partner pulls of places: whole, valid, page by page, and only what it may use."""

import json
from datetime import UTC, datetime
from io import BytesIO

import pytest

from locations.models import EVSE, Location
from locations.ocpi_import import import_locations
from subscriptions.models import LocationStamp
from tests import factories
from tests.subscriptions.conftest import Make
from tests.subscriptions.shapes import block, needs_ocpi, valid

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


PLUG = {"id": "1", "standard": "IEC_62196_T2_COMBO", "format": "CABLE", "power_type": "DC"}
KEPT = PLUG | {
    "max_voltage": 920, "max_amperage": 500, "max_electric_power": 350_000, "tariff_ids": ["11", "12"],
    "terms_and_conditions": "https://example.org/terms",
}  # fmt: skip


@needs_ocpi
def test_connectors_come_back_as_they_were_brought(partner: Make) -> None:
    """The example of OCPI's text, imported and pulled."""
    cpo = factories.cpo()
    example = block("mod_locations_L432")
    import_locations(cpo, BytesIO(json.dumps(example).encode()), lambda refusal: pytest.fail(str(refusal)))
    platform = partner(cpo)
    (place,) = platform.get("locations/").data
    valid(place, "locations")
    for given, shown in zip(example["evses"], place["evses"], strict=True):
        assert shown["uid"] == given["uid"]
        assert shown["connectors"] == [
            connector | {"last_updated": place["last_updated"]} for connector in given["connectors"]
        ]
        for connector in shown["connectors"]:
            valid(connector, "connector")
            at = f"locations/LOC1/{shown['uid']}/{connector['id']}"
            assert platform.get(at).data == connector
            v221 = platform.speaking("2.2.1").get(at).data
            assert (v221["max_voltage"], v221["max_amperage"]) == (220, 16)
            assert v221["tariff_ids"] == [connector["tariff_id"]]
            assert not v221.keys() & {"voltage", "amperage", "tariff_id"}
    # The second EVSE has one, and it is another one's.
    for missing in ("3256/3", "3257/2", "3257/2/", "none/1"):
        for version in ("2.1.1", "2.2.1"):
            answer = platform.speaking(version).get(f"locations/LOC1/{missing}")
            assert (answer.http, answer.code) == (404, 2003), missing
    assert partner(factories.cpo()).get("locations/LOC1/3256/1").http == 404


@needs_ocpi
def test_each_version_says_what_it_has_words_for(partner: Make) -> None:
    nema = KEPT | {"id": "2", "standard": "NEMA_14_50", "power_type": "AC_2_PHASE_SPLIT"}
    evse = factories.evse(connectors=[KEPT, nema])
    alone = factories.evse(evse.location, connectors=[nema])
    old = partner(evse.location.cpo)
    new = old.speaking("2.2.1")
    at = f"locations/{evse.location.location_id}/{evse.uid}"
    shown = old.get(at).data
    valid(shown, "evse")
    assert shown["connectors"] == [
        PLUG | {
            "voltage": 920, "amperage": 500, "tariff_id": "11", "terms_and_conditions": "https://example.org/terms",
            "last_updated": shown["last_updated"],
        }
    ]  # fmt: skip
    assert old.get(f"{at}/2").http == 404
    whole = new.get(at).data
    assert whole["connectors"] == [each | {"last_updated": whole["last_updated"]} for each in (KEPT, nema)]
    assert new.get(f"{at}/2").data == whole["connectors"][1]
    # Without one that it can say, an EVSE has the one of no voltage.
    at = f"locations/{evse.location.location_id}/{alone.uid}"
    (connector,) = old.get(at).data["connectors"]
    assert (connector["id"], connector["voltage"], connector["amperage"]) == ("1", 0, 0)
    assert old.get(f"{at}/1").data == connector
    assert new.get(f"{at}/1").http == 404


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
        lambda: EVSE.objects.filter(pk=evse.pk).update(connectors=[KEPT]),
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
        assert (stamped(other) > long_ago) == (number in (4, 8)), number
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
