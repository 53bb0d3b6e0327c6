"""Bad input in the admin's forms: an error beside the field or a message, never a 500; good input is saved."""

from typing import Any

import pytest
from django.test import Client

from authorization.models import ChargeException, ExceptionGroup
from locations.models import CPO, EVSE, ChargeStation, Location
from tests import factories
from tests.portal.pages import errors, filled, said, send
from tests.portal.test_admin import an_exception, url
from tokens.models import EMSP, Customer, Driver, Token

pytestmark = pytest.mark.django_db


def add_row(client: Client, address: str, prefix: str, **values: Any) -> Any:
    """Sends the form with one new row in the inline of this prefix."""
    data = filled(client, address)
    number = int(str(data[f"{prefix}-TOTAL_FORMS"]))
    data |= {f"{prefix}-TOTAL_FORMS": str(number + 1)} | {f"{prefix}-{number}-{name}": v for name, v in values.items()}
    return client.post(address, data)


def test_party_is_unique_in_any_case(boss: Client) -> None:
    CPO.objects.create(country_code="NL", party_id="GFX", name="one")
    answer = send(boss, url(CPO, "add"), country_code="nl", party_id="gfx", name="two")
    assert "taken" in str(errors(answer))


def test_cpo_above_itself(boss: Client) -> None:
    above = factories.cpo()
    below = factories.cpo(parent=above)
    assert "parent" in errors(send(boss, url(CPO, "change", above.pk), parent=below.pk))


def test_location_id_is_taken(boss: Client) -> None:
    place = factories.location()
    answer = send(boss, url(Location, "add"), cpo=place.cpo_id, location_id=place.location_id)
    assert "This location ID is taken." in str(errors(answer))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("location_id", "LОC"),  # a Cyrillic О
        ("location_id", ""),
        ("country", "NL"),
        ("latitude", "91"),
        ("latitude", "x"),
        ("time_zone", "Mars/Olympus"),
        ("cpo", "999999999"),
        ("cpo", "x"),
        ("cpo", "99999999999999999999999"),
        ("name", "x" * 300),
    ],
)
def test_location_refuses(boss: Client, field: str, value: str) -> None:
    good = {"cpo": factories.cpo().pk, "location_id": "L1", "longitude": "5", "latitude": "52"}
    assert errors(send(boss, url(Location, "add"), **good | {field: value}))
    assert send(boss, url(Location, "add"), **good).status_code == 302


def test_evse_id_is_taken_in_normal_form(boss: Client) -> None:
    evse = factories.evse(evse_id="NL*GFX*E1")
    answer = send(boss, url(EVSE, "add"), location=factories.location().pk, uid="1", evse_id="nlgfxe1")
    assert errors(answer) == {"evse_id": ["This EVSE ID is taken."]}
    assert EVSE.objects.get() == evse


def test_station_stays_with_its_evses(boss: Client) -> None:
    station = factories.station()
    factories.evse(station.location, station=station)
    elsewhere = factories.location()
    answer = send(boss, url(ChargeStation, "change", station.pk), location=elsewhere.pk)
    assert list(errors(answer)) == ["location"]
    answer = send(boss, url(EVSE, "add"), location=elsewhere.pk, uid="9", station=station.pk)
    assert list(errors(answer)) == ["station"]


def test_station_identity_and_modes(boss: Client) -> None:
    station = factories.station(identity="CS-1")
    answer = send(boss, url(ChargeStation, "add"), location=station.location_id, identity="cs-1 ")
    assert list(errors(answer)) == ["identity"]
    answer = send(boss, url(ChargeStation, "change", station.pk), local_pre_authorize="on")
    assert "cannot pre-authorize" in str(errors(answer))


def test_token_uid_is_taken_in_normal_form(boss: Client) -> None:
    token = factories.token(uid="04:A2:B3:C4")
    answer = send(boss, url(Token, "add"), emsp=token.emsp_id, uid="04a2b3c4")
    assert errors(answer) == {"uid": ["This Chip ID is taken."]}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"uid": "04XY"}, "uid"),
        ({"uid": "", "auth_id": ""}, "__all__"),
        ({"uid": "", "auth_id": "---"}, "auth_id"),
        ({"auth_id": "NL\u0422NM"}, "auth_id"),
        ({"emsp": ""}, "emsp"),
        ({"type": "NONE"}, "type"),
        ({"expires_at_0": "yesterday"}, "expires_at"),
    ],
)
def test_token_refuses(boss: Client, changes: dict[str, str], field: str) -> None:
    good = {"emsp": factories.emsp().pk, "uid": "04AA", "type": "RFID"}
    assert field in errors(send(boss, url(Token, "add"), **good | changes))


def test_token_is_of_one_emsp(boss: Client) -> None:
    driver, emsp = factories.driver(), factories.emsp()
    other = factories.customer(driver.customer.emsp)
    address = url(Token, "add")
    assert "customer" in errors(send(boss, address, uid="04AA", emsp=emsp.pk, customer=driver.customer_id))
    assert "driver" in errors(send(boss, address, uid="04AA", customer=other.pk, driver=driver.pk))
    assert send(boss, address, uid="04AA", driver=driver.pk).status_code == 302
    assert Token.objects.get().emsp == driver.customer.emsp


def test_owner_with_tokens_does_not_move(boss: Client) -> None:
    driver = factories.driver()
    factories.token(driver=driver)
    answer = send(boss, url(Driver, "change", driver.pk), customer=factories.customer(driver.customer.emsp).pk)
    assert list(errors(answer)) == ["customer"]
    answer = send(boss, url(Customer, "change", driver.customer_id), emsp=factories.emsp().pk)
    assert list(errors(answer)) == ["emsp"]


def test_external_id_is_taken(boss: Client) -> None:
    customer = factories.customer(external_id="C1")
    answer = send(boss, url(Customer, "add"), emsp=customer.emsp_id, name="x", external_id="C1")
    assert "This external ID is taken." in str(errors(answer))


def test_wrong_check_digit_is_a_warning(boss: Client) -> None:
    saved = send(boss, url(Token, "add"), emsp=factories.emsp().pk, uid="04AA", auth_id="NL-TNM-C00122045-X")
    assert "computed is K" in said(boss, saved)


def test_token_takes_the_place_of_an_external_one(boss: Client) -> None:
    external = factories.external("NLTNMC00122045")
    place = factories.location()
    place.authorization_list.create(token=external)
    saved = send(boss, url(Token, "add"), emsp=factories.emsp().pk, uid="04AA", auth_id="NL-TNM-C00122045-K")
    assert saved.status_code == 302
    assert place.authorization_list.get().token == Token.objects.get()


def test_external_token_is_edited_in_little(boss: Client) -> None:
    external = factories.external("NLTNMC00122045")
    changes = {"visual_number": "7", "auth_id": "OTHER", "emsp": factories.emsp().pk}
    assert send(boss, url(Token, "change", external.pk), **changes).status_code == 302
    external.refresh_from_db()
    assert (external.auth_id, external.emsp, external.visual_number) == ("NLTNMC00122045", None, "7")


def test_group_has_one_owner(boss: Client) -> None:
    owners = {"owner_cpo": factories.cpo().pk, "owner_emsp": factories.emsp().pk}
    answer = send(boss, url(ExceptionGroup, "add"), name="x", category="cpo", **owners)
    assert "Owned by a CPO or by an eMSP, not by both." in str(errors(answer))


def exception_form(**changes: Any) -> dict[str, Any]:
    places, cards = factories.group("location", factories.location()), factories.group("emsp", factories.emsp())
    good = {"name": "X", "action": "whitelist", "direction": "emsp_for_cpo", "enabled": "on"}
    return {**good, "places": [places.pk], "cards": [cards.pk], **changes}


def test_exception_is_saved_with_its_groups(boss: Client) -> None:
    validity = {"valid_from_0": "2026-12-01", "valid_from_1": "08:00"}
    saved = send(boss, url(ChargeException, "add"), **exception_form(**validity))
    assert saved.status_code == 302
    row = ChargeException.objects.get()
    assert (row.cpo_groups.count(), row.emsp_groups.count()) == (1, 1)
    assert str(row.valid_from) == "2026-12-01 08:00:00"
    notice = boss.get(url(ChargeException, "change", row.pk)).context["notices"][0][1]
    place, card = row.cpo_groups.get(), row.emsp_groups.get()
    assert notice.endswith(
        f"Only cards of {card} may charge at {place}, from 1 Dec 2026 08:00, local time at each charger."
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"places": []}, "places"),
        ({"cards": []}, "cards"),
        ({"cards": ["999999"]}, "cards"),
        ({"places": ["x"]}, "places"),
        ({"action": "maybe"}, "action"),
        ({"direction": ""}, "direction"),
        ({"valid_from_0": "2026-12-01"}, "valid_from"),
        ({"valid_from_0": "2026-12-01", "valid_from_1": "08:00Z"}, "valid_from"),
        (
            {
                "valid_from_0": "2026-12-01",
                "valid_from_1": "08:00",
                "valid_until_0": "2026-12-01",
                "valid_until_1": "08:00",
            },
            "valid_until",
        ),
    ],
)
def test_exception_refuses(boss: Client, changes: dict[str, Any], field: str) -> None:
    assert list(errors(send(boss, url(ChargeException, "add"), **exception_form(**changes)))) == [field]


def test_exception_takes_groups_of_the_right_side(boss: Client) -> None:
    cards, places = factories.group("emsp").pk, factories.group("cpo").pk
    answer = send(boss, url(ChargeException, "add"), **exception_form(places=[cards], cards=[places]))
    assert set(errors(answer)) == {"places", "cards"}


def test_exception_keeps_a_group_on_each_side(boss: Client) -> None:
    row = an_exception()
    answer = send(boss, url(ChargeException, "change", row.pk), places=[])
    assert "places" in errors(answer)
    assert row.cpo_groups.count() == 1


def test_what_is_in_use_is_not_deleted(boss: Client) -> None:
    row = an_exception()
    group = row.cpo_groups.get()
    place = factories.location()
    for model, used in ((ExceptionGroup, group), (CPO, place.cpo)):
        assert boss.post(url(model, "delete", used.pk), {"post": "yes"}).status_code in (200, 403)
        bulk = {"action": "delete_selected", "_selected_action": [used.pk], "post": "yes"}
        assert boss.post(url(model, "changelist"), bulk).status_code == 200
        assert model.objects.filter(pk=used.pk).exists()


def test_token_that_a_blacklist_names_is_not_deleted(boss: Client) -> None:
    token = factories.token(uid="04AA")
    places, cards = factories.group("cpo", factories.cpo()), factories.group("token", token)
    factories.exception("blacklist", "emsp_for_cpo", [places], [cards])
    deleted = boss.post(url(Token, "delete", token.pk), {"post": "yes"})
    assert "block it instead" in said(boss, _absolute(deleted, url(Token, "delete", token.pk)))
    bulk = {"action": "delete_selected", "_selected_action": [token.pk], "post": "yes"}
    answer = boss.post(url(Token, "changelist"), bulk)
    text = said(boss, answer)
    assert "block it instead" in text
    assert "Successfully" not in text
    assert Token.objects.filter(pk=token.pk).exists()


def _absolute(response: Any, base: str) -> Any:
    from urllib.parse import urljoin

    response.headers["Location"] = urljoin(base, response.headers["Location"])
    return response


def test_unused_is_deleted(boss: Client) -> None:
    group = factories.group("token", factories.token())
    assert boss.post(url(ExceptionGroup, "delete", group.pk), {"post": "yes"}).status_code == 302
    place = factories.evse().location
    bulk = {"action": "delete_selected", "_selected_action": [place.pk], "post": "yes"}
    assert boss.post(url(Location, "changelist"), bulk).status_code == 302
    assert not Location.objects.filter(pk=place.pk).exists()
    assert not ExceptionGroup.objects.exists()


def test_too_many_at_once(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locations.admin_base.DELETED_AT_ONCE", 1)
    rows = [factories.emsp().pk, factories.emsp().pk]
    answer = boss.post(url(EMSP, "changelist"), {"action": "delete_selected", "_selected_action": rows, "post": "yes"})
    assert "at most 1" in said(boss, answer)
    assert EMSP.objects.count() == 2
