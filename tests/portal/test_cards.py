"""Pages of eMSPs, customers, drivers and charge tokens: their tabs, blocking, the directory, and whose they are."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from authorization.services import create_key
from locations.models import CPO
from tests import factories
from tests.conftest import ApiClient
from tests.portal.pages import errors, filled, said, send
from tests.portal.test_admin import decision, url
from tokens.models import EMSP, Customer, DirectoryGrant, Driver, Token

pytestmark = pytest.mark.django_db
MODELS = (EMSP, Customer, Driver, Token)
TABS = {
    EMSP: ["change", "customers", "tokens", "directory", "exceptions", "log", "history"],
    Customer: ["change", "drivers", "tokens", "exceptions", "locations", "log", "history"],
    Driver: ["change", "tokens", "exceptions", "log", "history"],
    Token: ["change", "exceptions", "locations", "log", "history"],
}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def tnm(db: None) -> EMSP:
    return factories.emsp(country_code="NL", party_id="TNM", name="New Motion")


@pytest.fixture
def emsp_client(tnm: EMSP) -> Client:
    return signed_in(factories.manager(tnm))


@pytest.fixture
def card(tnm: EMSP) -> Token:
    fleet = factories.customer(tnm, name="Fleet A", external_id="C1")
    return factories.token(driver=factories.driver(fleet, name="Ann"), uid="04A2", auth_id="NL-TNM-C00122045-K")


def chain(card: Token) -> dict[type[Any], Any]:
    return {EMSP: card.emsp, Customer: card.customer, Driver: card.driver, Token: card}


@pytest.mark.parametrize("model", MODELS)
def test_tabs_open_for_admin_and_manager(boss: Client, emsp_client: Client, card: Token, model: type[Any]) -> None:
    for client in (boss, emsp_client):
        for tab in TABS[model]:
            page = client.get(url(model, tab, chain(card)[model].pk))
            assert page.status_code == 200, tab
            assert [shown["slug"] for shown in page.context["object_tabs"]] == TABS[model]


def test_tabs_hold_what_belongs_to_it(emsp_client: Client, card: Token, django_assert_max_num_queries: Any) -> None:
    stranger = factories.token(driver=factories.driver(name="Stranger"))
    place = factories.location(name="Depot North")
    factories.listed(place, token=card), factories.listed(factories.location(), token=stranger)
    decision(token=card, location=place, reason="BLACKLISTED")
    for _ in range(30):
        factories.token(driver=factories.driver(card.customer))
    for model, tab, holds in (
        (EMSP, "customers", "Fleet A"), (EMSP, "tokens", "Charge tokens"), (Customer, "drivers", "Ann"),
        (Driver, "tokens", "NL-TNM-C00122045-K"), (Token, "locations", "Depot North"), (Token, "log", "BLACKLISTED"),
        (Customer, "log", "BLACKLISTED"), (Customer, "tokens", "04"),
    ):  # fmt: skip
        with django_assert_max_num_queries(20):
            text = emsp_client.get(url(model, tab, chain(card)[model].pk)).content.decode()
        assert holds in text, (model, tab)
        assert "Stranger" not in text
    found = emsp_client.get(url(Customer, "tokens", card.customer_id), {"tokens-q": "nltnmc00122045"})
    assert [row.object for row in found.context["listings"][0]] == [card]


def dangers(page: Any) -> list[str]:
    """What takes something away, but for the erasure of personal data, which is always offered."""
    buttons = page.context["object_buttons"]
    return [button.title for button in buttons if button.danger and button.title != "Erase personal data"]


@pytest.mark.parametrize("model", MODELS)
def test_blocking_says_first_and_then_does(boss: Client, card: Token, model: type[Any]) -> None:
    obj = chain(card)[model]
    shown = boss.get(url(model, "change", obj.pk))
    assert dangers(shown) == ["Block"]
    asked = boss.get(url(model, "block", obj.pk))
    assert "will be refused everywhere" in asked.content.decode()
    if model is not Token:
        assert "1 charge token of this" in asked.content.decode()
    assert boss.post(url(model, "block", obj.pk)).status_code == 200
    obj.refresh_from_db()
    assert not getattr(obj, "blocked", not getattr(obj, "valid", True))
    done = boss.post(url(model, "block", obj.pk), {"confirmed": "yes"})
    assert "is blocked now" in said(boss, done)
    again = boss.get(url(model, "change", obj.pk))
    assert "Unblock" in [button.title for button in again.context["object_buttons"]]
    assert not dangers(again)
    assert again.context["notices"][0][0] == "warning"
    assert "may charge again" in boss.get(url(model, "unblock", obj.pk)).content.decode()
    boss.post(url(model, "unblock", obj.pk), {"confirmed": "yes"})
    obj.refresh_from_db()
    assert getattr(obj, "valid", True)
    assert not getattr(obj, "blocked", False)


def test_unblocking_below_somebody_blocked(boss: Client, card: Token) -> None:
    Customer.objects.update(blocked=True)
    Token.objects.update(valid=False)
    assert "Fleet A is blocked" in boss.get(url(Token, "unblock", card.pk)).content.decode()


def test_other_cards_of_the_contract_are_mentioned(boss: Client, card: Token) -> None:
    factories.token(card.emsp, uid="05", auth_id="nltnmc00122045")
    assert "1 other charge token with the same Auth ID" in boss.get(url(Token, "block", card.pk)).content.decode()


def test_who_may_block(emsp_client: Client, card: Token) -> None:
    """An eMSP's manager its own customers, drivers and cards; the eMSP itself an Admin alone."""
    stranger = factories.token(driver=factories.driver())
    for model in (Customer, Driver, Token):
        assert emsp_client.post(url(model, "block", chain(card)[model].pk), {"confirmed": "yes"}).status_code == 302
        answer = emsp_client.post(url(model, "block", chain(stranger)[model].pk), {"confirmed": "yes"})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    for emsp in (card.emsp, stranger.emsp):
        assert emsp_client.post(url(EMSP, "block", emsp.pk), {"confirmed": "yes"}).status_code == 403
    buttons = emsp_client.get(url(EMSP, "change", card.emsp_id)).context["object_buttons"]
    assert [button.title for button in buttons] == ["Import charge tokens"]
    stranger.refresh_from_db()
    assert stranger.valid
    assert not Customer.objects.get(pk=stranger.customer_id).blocked
    assert Customer.objects.get(pk=card.customer_id).blocked


@pytest.mark.parametrize("model", [Customer, Driver, Token])
def test_blocking_in_bulk(emsp_client: Client, card: Token, model: type[Any]) -> None:
    own = [chain(card)[model].pk, chain(factories.token(driver=factories.driver(card.customer)))[model].pk]
    stranger = chain(factories.token(driver=factories.driver()))[model].pk
    body = {"action": "block_selected", "_selected_action": [*own, stranger], "index": "0"}
    asked = emsp_client.post(url(model, "changelist"), body)
    assert "Refused everywhere from then on" in asked.content.decode()
    fields = dict(asked.context["fields"])
    assert fields["action"] == "block_selected"
    blocked = model.objects.filter(**({"valid": False} if model is Token else {"blocked": True}))
    assert not blocked.exists()
    assert "Blocked: " in said(emsp_client, emsp_client.post(url(model, "changelist"), body | {"confirmed": "yes"}))
    assert set(blocked.values_list("pk", flat=True)) == set(own)
    body |= {"action": "unblock_selected", "confirmed": "yes"}
    emsp_client.post(url(model, "changelist"), body)
    assert not blocked.exists()


def test_too_many_at_once_are_refused(boss: Client, card: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokens.admin_blocking.AT_ONCE", 0)
    body = {"action": "block_selected", "_selected_action": [card.pk], "index": "0", "confirmed": "yes"}
    assert "at most 0" in said(boss, boss.post(url(Token, "changelist"), body))
    card.refresh_from_db()
    assert card.valid


def test_a_manager_makes_customers_drivers_and_tokens(emsp_client: Client, tnm: EMSP) -> None:
    assert filled(emsp_client, url(Customer, "add"))["emsp"] == str(tnm.pk)
    assert send(emsp_client, url(Customer, "add"), name="Fleet").status_code == 302
    fleet = Customer.objects.get()
    assert send(emsp_client, url(Driver, "add"), name="Ann", customer=fleet.pk).status_code == 302
    driver = Driver.objects.get()
    assert send(emsp_client, url(Token, "add"), uid="04:AA", driver=driver.pk).status_code == 302
    token = Token.objects.get()
    assert (token.emsp, token.customer, token.driver) == (tnm, fleet, driver)
    address = url(Token, "change", token.pk)
    assert send(emsp_client, address, auth_id="NL-TNM-1", visual_number="7").status_code == 302
    token.refresh_from_db()
    assert (token.auth_id, token.visual_number) == ("NL-TNM-1", "7")


def test_choices_lead_to_ones_own(emsp_client: Client, card: Token) -> None:
    stranger = factories.driver(factories.customer(name="canary"))
    for model, field, pk in (
        (Customer, "emsp", stranger.customer.emsp_id), (Driver, "customer", stranger.customer_id),
        (Token, "emsp", stranger.customer.emsp_id), (Token, "customer", stranger.customer_id),
        (Token, "driver", stranger.pk),
    ):  # fmt: skip
        for address in (url(model, "add"), url(model, "change", chain(card)[model].pk)):
            answer = send(emsp_client, address, **{"name": "x", "uid": "04BB"} | {field: pk})
            missing = send(emsp_client, address, **{"name": "x", "uid": "04BB"} | {field: 987654})
            assert field in errors(answer), (model, field)
            assert errors(answer) == errors(missing)
            assert "canary" not in answer.content.decode()


class TestAuthIds:
    """The rules that the API has, in the form."""

    def test_of_another_party(self, emsp_client: Client, tnm: EMSP) -> None:
        factories.token(auth_id="FA54320")
        factories.group("token", factories.external("FA2"), owner_cpo=factories.cpo())
        for taken in ("FA54320", "fa2"):
            assert errors(send(emsp_client, url(Token, "add"), uid="04", auth_id=taken)) == {
                "auth_id": ["This Auth ID is taken."]
            }
        own = factories.token(tnm, uid="05", auth_id="FA7")
        factories.token(auth_id="FA7")
        address = url(Token, "change", own.pk)
        assert send(emsp_client, address, issuer="x").status_code == 302  # what was its own stays so
        assert "auth_id" in errors(send(emsp_client, address, auth_id="FA54320"))
        assert send(emsp_client, url(Token, "add"), uid="04", auth_id="NL-TNM-C00000009").status_code == 302

    def test_an_admin_gives_any(self, boss: Client, tnm: EMSP) -> None:
        factories.token(auth_id="FA54320")
        assert send(boss, url(Token, "add"), emsp=tnm.pk, uid="04", auth_id="FA54320").status_code == 302

    def test_an_external_one_is_taken_over(self, emsp_client: Client, tnm: EMSP) -> None:
        external = factories.external("NLTNM122045")
        place = factories.location()
        factories.listed(place, token=external)
        assert send(emsp_client, url(Token, "add"), uid="04", auth_id="NL-TNM-122045-0").status_code == 302
        token = Token.objects.get()
        assert (token.pk, token.external, token.emsp) == (external.pk, False, tnm)

    def test_the_chain_is_kept(self, emsp_client: Client, card: Token) -> None:
        address = url(Token, "change", card.pk)
        assert "customer" in errors(send(emsp_client, address, customer=""))
        assert send(emsp_client, address, customer="", driver="").status_code == 302
        card.refresh_from_db()
        assert (card.customer, card.driver) == (None, None)

    def test_an_emaid_is_one_id(self, emsp_client: Client, tnm: EMSP) -> None:
        assert send(emsp_client, url(Token, "add"), type="EMAID", auth_id="NL-TNM-C00000001").status_code == 302
        token = Token.objects.get()
        assert token.uid == token.auth_id
        address = url(Token, "change", token.pk)
        assert send(emsp_client, address, auth_id="NL-TNM-C00000002").status_code == 302
        token.refresh_from_db()
        assert token.uid == "NL-TNM-C00000002"
        assert "uid" in errors(send(emsp_client, address, auth_id="NL-TNM-C00000003", uid="NL-TNM-C00000004"))


class TestDirectory:
    def test_an_emsps_manager_opens_and_closes_it(self, emsp_client: Client, card: Token) -> None:
        cpo = factories.cpo(name="Goflux")
        reader = signed_in(factories.manager(cpo))
        page, seen = url(EMSP, "directory", card.emsp_id), url(Customer, "change", card.customer_id)
        assert reader.get(seen).status_code == 302
        asked = emsp_client.post(page, {"add": "yes", "cpo": cpo.pk})
        assert "will see every customer" in asked.content.decode()
        assert not DirectoryGrant.objects.exists()
        done = emsp_client.post(page, {"add": "yes", "cpo": cpo.pk, "confirmed": "yes"})
        assert "may search this directory now" in said(emsp_client, done)
        shown = reader.get(seen)
        assert shown.status_code == 200
        assert not shown.context["object_buttons"]
        assert reader.post(seen, {"name": "x"}).status_code == 403
        for name in ("block", "unblock"):
            assert reader.post(url(Token, name, card.pk), {"confirmed": "yes"}).status_code == 403
        assert reader.post(page, {"add": "yes", "cpo": cpo.pk, "confirmed": "yes"}).status_code == 403
        grant = DirectoryGrant.objects.get()
        assert "any more" in emsp_client.post(page, {"grant": grant.pk, "enabled": "no"}).content.decode()
        emsp_client.post(page, {"grant": grant.pk, "enabled": "no", "confirmed": "yes"})
        assert reader.get(seen).status_code == 302
        emsp_client.post(page, {"add": "yes", "cpo": cpo.pk, "confirmed": "yes"})
        assert reader.get(seen).status_code == 200

    def test_another_emsps_is_not_there(self, emsp_client: Client, tnm: EMSP) -> None:
        grant = factories.directory()
        for address, body in (
            (url(EMSP, "directory", grant.emsp_id), {"add": "yes", "cpo": grant.cpo_id, "confirmed": "yes"}),
            (url(EMSP, "directory", tnm.pk), {"grant": grant.pk, "enabled": "no", "confirmed": "yes"}),
        ):
            emsp_client.post(address, body)
        grant.refresh_from_db()
        assert grant.enabled
        assert DirectoryGrant.objects.count() == 1

    def test_a_cpos_manager_sees_no_other_grants(self, tnm: EMSP) -> None:
        cpo, other = factories.cpo(name="Goflux"), factories.cpo(name="Canary")
        factories.directory(tnm, cpo), factories.directory(tnm, other)
        text = signed_in(factories.manager(cpo)).get(url(EMSP, "directory", tnm.pk)).content.decode()
        assert "Goflux" in text
        assert "Canary" not in text


@pytest.mark.parametrize("term", ["04A2B3C4D5E680", "04:a2:b3:c4", "04-A2-B3", "nl-tnm-c00122045-k", "NLTNMC00122045"])
def test_a_manager_finds_a_token_however_it_is_written(emsp_client: Client, tnm: EMSP, term: str) -> None:
    ids = {"uid": "04:A2:B3:C4:D5:E6:80", "auth_id": "NL-TNM-C00122045-K"}
    wanted, _ = factories.token(tnm, **ids), factories.token(tnm)
    factories.token(uid="04:A2:B3:C4:D5:E6:81", auth_id=ids["auth_id"])
    found = emsp_client.get(url(Token, "changelist"), {"q": term}).context["cl"].result_list
    assert [row.pk for row in found] == [wanted.pk]


def test_lists_are_shown_where_the_place_is_known(card: Token) -> None:
    own, other = factories.cpo(), factories.location(name="Canary")
    place = factories.location(own, name="Depot North")
    for where in (place, other):
        factories.listed(where, token=card), factories.listed(where, customer=card.customer)
    factories.directory(card.emsp, own)
    reader = signed_in(factories.manager(own))
    for model in (Customer, Token):
        text = reader.get(url(model, "locations", chain(card)[model].pk)).content.decode()
        assert "Depot North" in text
        assert "Canary" not in text


def test_a_blocked_card_is_refused_by_authorize(emsp_client: Client, card: Token) -> None:
    place = factories.location()
    asker = ApiClient(create_key(cpo=CPO.objects.get(pk=place.cpo_id))[1])
    question = {"id_token": "04A2", "location_id": place.location_id}
    for page, reason in (("block", "TOKEN_BLOCKED"), ("unblock", "ALLOWED")):
        emsp_client.post(url(Token, page, card.pk), {"confirmed": "yes"})
        assert asker.post("/api/v1/authorize", question).json()["reason"] == reason
