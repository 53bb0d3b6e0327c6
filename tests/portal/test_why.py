"""Why? and the pages of the log: the answer in a sentence, its steps, what would change it; scoped like the rest."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from authorization.models import Decision
from authorization.questions import parse
from authorization.services import Caller, authorize, create_key, publish
from tests import factories

pytestmark = pytest.mark.django_db
CARD = "04:A2:B3:C4:D5:E6:80"


def ask(client: Client, **fields: str) -> str:
    answer = client.post("/admin/why/", fields)
    assert answer.status_code == 200
    return answer.content.decode()


def of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def decided(body: dict[str, str], station: Any) -> Decision:
    """The row of the log that a station's question left."""
    key, _ = create_key(station=station)
    authorize([parse(body)], Caller(key.pk, "a station", station=station.pk), timezone.now())
    return Decision.objects.latest("pk")


def test_a_private_location_and_what_would_open_it(boss: Client) -> None:
    location = factories.location(name="Depot North")
    factories.evse(location, evse_id="NL*ABC*E1")
    factories.listed(location, customer=factories.customer())
    factories.token(uid=CARD, auth_id="NL-TNM-C00122045-K")
    page = ask(boss, token=CARD.lower().replace(":", ""), place="nlabce1")
    assert "Rejected: This location is private" in page
    assert f"/admin/locations/location/{location.pk}/" in page
    assert "Put the token or its customer on the location" in page
    assert page.count('class="cw-pass"') == 9
    assert not Decision.objects.exists()


@pytest.mark.parametrize("typed", ["NL-TNM-C00122045-K", "nltnmc00122045"])
def test_an_auth_id_is_asked_as_a_contract(boss: Client, typed: str) -> None:
    factories.evse(evse_id="NL*ABC*E1")
    factories.token(uid=CARD, auth_id="NL-TNM-C00122045-K")
    factories.token(uid="04A2B3C4D5E681", auth_id="NL-TNM-C00122045-K", valid=False)
    assert "Accepted" in ask(boss, token=typed, place="NL*ABC*E1")


def test_several_places_are_chosen_from(boss: Client) -> None:
    one, other = factories.location(name="Depot North"), factories.location(name="Depot South", published=False)
    factories.token(uid=CARD)
    page = ask(boss, token=CARD, place="depot")
    assert f'name="location" value="{one.pk}"' in page
    assert "not open to the public" in ask(boss, token=CARD, place="depot", location=str(other.pk))


def test_the_clock_at_the_place(boss: Client) -> None:
    """08:00 in Amsterdam, where a blacklist has just begun; 08:00 in UTC is an hour after it, 07:00 before."""
    location = factories.location(time_zone="Europe/Amsterdam")
    evse, token = factories.evse(location), factories.token(uid=CARD)
    factories.exception(
        "blacklist", "emsp_for_cpo", [factories.group("location", location)], [factories.group("token", token)],
        valid_from="2026-12-01T08:00:00",
    )  # fmt: skip
    said = {
        (at, clock): "BLACKLISTED ·" in ask(boss, token=CARD, place=evse.evse_id, at=f"2026-12-01T{at}", clock=clock)
        for at in ("06:59", "07:00", "07:59", "08:00")
        for clock in ("place", "utc")
    }
    assert [when for when, covered in said.items() if covered] == [
        ("07:00", "utc"), ("07:59", "utc"), ("08:00", "place"), ("08:00", "utc"),
    ]  # fmt: skip
    assert "skip this time" in ask(boss, token=CARD, place=evse.evse_id, at="2027-03-28T02:30", clock="place")
    assert "twice" in ask(boss, token=CARD, place=evse.evse_id, at="2027-10-31T02:30", clock="place")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"token": CARD}, "This field is required"),
        ({"place": "NL*ABC*E1"}, "Say which charge token"),
        ({"token": "\u0410\u0412", "place": "NL*ABC*E1"}, "ASCII"),
        ({"token": CARD, "place": "NL*ABC*E1", "at": "0001-01-01T00:00"}, "Choose a year"),
        ({"token": CARD, "place": "nowhere"}, "This charging location is not known"),
        ({"token_type": "no_authorization", "place": "NL*ABC*E1"}, "requires a charge token"),
    ],
)
def test_whatever_is_typed(boss: Client, fields: dict[str, str], said: str) -> None:
    factories.evse(evse_id="NL*ABC*E1")
    assert said in ask(boss, **fields)


def test_another_partys_rule_has_no_name() -> None:
    cpo = factories.cpo()
    evse, token = factories.evse(factories.location(cpo)), factories.token(uid=CARD)
    factories.exception(
        "blacklist", "cpo_for_emsp", [factories.group("cpo", cpo)], [factories.group("token", token)],
        owner_emsp=token.emsp, name="canary",
    )  # fmt: skip
    page = ask(of(factories.manager(cpo)), token=CARD, place=evse.evse_id)
    assert "BLACKLISTED" in page
    assert "exception of another party" in page
    assert "canary" not in page


def test_another_partys_place_is_an_unknown_one() -> None:
    foreign, missing = factories.evse(evse_id="NL*QQX*E1"), "NL*QQX*E2"
    manager = of(factories.manager(factories.cpo()))
    pages = [ask(manager, token=CARD, place=place).replace(place, "") for place in (str(foreign.evse_id), missing)]
    assert "UNKNOWN_LOCATION" in pages[0]
    for page in pages:
        assert "Which place" not in page
    unlike = {word for page in pages for word in page.split()} - set(pages[0].split()) & set(pages[1].split())
    assert not [word for word in unlike if "csrf" not in word and len(word) < 30 and "value=" not in word], unlike


@pytest.mark.django_db(transaction=True)
def test_then_and_today(boss: Client) -> None:
    location = factories.location(published=False)
    station, token = factories.station(location), factories.token(uid=CARD)
    decision = decided({"id_token": CARD, "station": station.identity}, station)
    assert decision.reason == "LOCATION_NOT_PUBLISHED"
    address = f"/admin/authorization/decision/{decision.pk}/change/"
    assert "the same answer" in boss.get(address).content.decode()
    publish(location)
    page = boss.get(address).content.decode()
    assert "another answer" in page
    assert "published: no → yes" in page
    assert "Accepted: This charge token may charge here." in page
    assert str(token) in page


def test_an_unknown_card_is_asked_again(boss: Client) -> None:
    station = factories.station()
    decision = decided({"id_token": CARD, "station": station.identity}, station)
    address = f"/admin/authorization/decision/{decision.pk}/change/"
    assert CARD in boss.get(address).content.decode()
    factories.token(uid=CARD)
    assert "another answer" in boss.get(address).content.decode()
    manager = of(factories.manager(station.location.cpo))
    page = manager.get(address).content.decode()
    assert CARD not in page
    assert "unknown card" in page


def test_a_log_that_outlived_everything(boss: Client) -> None:
    location = factories.location()
    station, token = factories.station(location), factories.token(uid=CARD)
    decision = decided({"id_token": CARD}, station)
    token.delete(), station.delete(), location.delete()
    page = boss.get(f"/admin/authorization/decision/{decision.pk}/change/").content.decode()
    assert "cannot be asked again" in page or "not kept any more" in page


@pytest.mark.django_db(transaction=True)
def test_a_decision_costs_the_same_for_many_rules(boss: Client, django_assert_max_num_queries: Any) -> None:
    """With eight exceptions, sixteen groups and what changed of each since, as with one of them."""
    station, token = factories.station(), factories.token(uid=CARD, driver=factories.driver())
    decision = decided({"id_token": CARD}, station)
    for number in range(8):
        places, cards = factories.group("location", station.location), factories.group("token", token)
        with transaction.atomic():
            rule = factories.exception("whitelist", "emsp_for_cpo", [places], [cards], name=f"rule {number}")
        rule.notes = "seen to"
        rule.save()
    with django_assert_max_num_queries(50):
        page = boss.get(f"/admin/authorization/decision/{decision.pk}/change/").content.decode()
    assert "rule 7" in page
    assert "notes: (empty) → seen to" in page


def test_the_list_costs_the_same_for_many_rows(boss: Client, django_assert_max_num_queries: Any) -> None:
    station = factories.station()
    for number in range(12):
        factories.token(uid=f"04A2B3C4D5E6{number:02d}")
        decided({"id_token": f"04A2B3C4D5E6{number:02d}"}, station)
    with django_assert_max_num_queries(10):
        boss.get("/admin/authorization/decision/")
