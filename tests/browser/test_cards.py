"""An eMSP's manager blocks a card and unblocks it; a CPO's manager makes a key for a station, and the station asks."""

import re

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from authorization.models import ApiKey
from authorization.services import create_key
from tests import factories
from tests.browser.test_admin import choose, enter, save
from tests.portal.test_admin import url
from tokens.models import EMSP, Customer, Token

pytestmark = pytest.mark.django_db(transaction=True)
CARD = "04:A2:B3:C4:D5:E6:80"


def ask(page: Page, key: str, **question: str) -> str:
    """The reason that a charger is given."""
    answer = page.request.post("/api/v1/authorize", data=question, headers={"Authorization": f"Token {key}"})
    return str(answer.json()["reason"])


def test_a_card_is_lost_and_found(page: Page) -> None:
    with transaction.atomic():
        emsp = factories.emsp(country_code="NL", party_id="TNM", name="New Motion")
        fleet = factories.customer(emsp, name="Fleet A")
        factories.token(driver=factories.driver(fleet, name="Ann"), uid=CARD, auth_id="NL-TNM-C00122045-K")
        place = factories.location()
        key = create_key(cpo=place.cpo)[1]
        user = factories.manager(emsp)
    question = {"id_token": CARD, "location_id": place.location_id}
    assert ask(page, key, **question) == "ALLOWED"

    enter(page, user.username)
    page.locator("#nav-sidebar-apps span:text-is('Charge tokens')").click()
    page.locator("#searchbar").fill("nltnmc00122045")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="NL-TNM-C00122045-K").click()
    page.get_by_role("link", name="Block", exact=True).click()
    expect(page.get_by_text("This charge token will be refused everywhere.")).to_be_visible()
    assert ask(page, key, **question) == "ALLOWED"
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_text("NL-TNM-C00122045-K is blocked now.")).to_be_visible()
    expect(page.get_by_text("In force at revision")).to_be_visible()
    assert ask(page, key, **question) == "TOKEN_BLOCKED"

    page.get_by_role("link", name="Unblock").click()
    page.get_by_role("button", name="Unblock").click()
    expect(page.get_by_text("is not blocked any more")).to_be_visible()
    assert ask(page, key, **question) == "ALLOWED"

    # The whole customer, from its list.
    page.locator("#nav-sidebar-apps span:text-is('Customers')").click()
    page.get_by_role("row").filter(has_text="Fleet A").get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option("block_selected")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Refused everywhere from then on: 1 charge token.")).to_be_visible()
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_text("Blocked: 1 of 1 customer.")).to_be_visible()
    assert ask(page, key, **question) == "TOKEN_BLOCKED"


def test_a_new_card_and_who_may_search_for_it(page: Page) -> None:
    with transaction.atomic():
        emsp = factories.emsp(name="New Motion")
        fleet, cpo = factories.customer(emsp, name="Fleet A"), factories.cpo(name="Goflux")
        user = factories.manager(emsp)
    enter(page, user.username)
    page.goto(url(Customer, "tokens", fleet.pk))
    page.get_by_role("link", name="Add charge token").click()
    page.locator("[name=uid]").fill(CARD)
    save(page)
    assert Token.objects.get().customer == fleet

    page.goto(url(EMSP, "directory", emsp.pk))
    choose(page, "cpo", "Goflux")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("will see every customer, driver and charge token")).to_be_visible()
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("may search this directory now")).to_be_visible()
    page.get_by_label(re.compile("Select Goflux")).check()
    page.get_by_role("button", name="Close to selected").click()
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_text(f"The directory is closed to {cpo}.")).to_be_visible()


def test_a_station_gets_a_key(page: Page) -> None:
    with transaction.atomic():
        station = factories.station(identity="CS-77")
        factories.station(identity="CS-78")
        factories.token(uid=CARD)
        user = factories.manager(station.location.cpo)
    enter(page, user.username)
    page.goto(url(ApiKey, "changelist"))
    page.locator("a[href$='/add/']").first.click()
    expect(page.locator("[name=user]")).to_have_count(0)
    page.locator("[name=name]").fill("north")
    choose(page, "station", "CS-77")
    page.get_by_role("button", name="Save", exact=True).click()
    shown = page.get_by_label("The key", exact=True)
    text = shown.input_value()
    expect(shown).to_be_focused()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert ask(page, text, id_token=CARD) == "ALLOWED"

    # A reload makes no second key, and shows this one no more.
    page.reload()
    assert text not in page.content()
    assert ApiKey.objects.count() == 1
    page.get_by_role("link", name="Rotate").click()
    page.get_by_label("Hours that the old key works on").fill("0")
    page.get_by_role("button", name="Rotate").click()
    new = page.get_by_label("The key", exact=True).input_value()
    page.get_by_role("link", name="I have copied it").click()
    answers = [
        page.request.post("/api/v1/authorize", data={"id_token": CARD}, headers={"Authorization": f"Token {key}"})
        for key in (text, new)
    ]
    assert [answer.status for answer in answers] == [401, 200]
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("refused from now on")).to_be_visible()


def test_pages_hold_at_a_phones_width(page: Page) -> None:
    with transaction.atomic():
        emsp = factories.emsp(name="A mobility service provider with a name that is longer than a phone is wide")
        card = factories.token(driver=factories.driver(factories.customer(emsp)), auth_id="X" * 40, uid="04" * 20)
        factories.directory(emsp)
        key = create_key(cpo=factories.cpo())[0]
        admin = factories.admin()
    enter(page, admin.username)
    page.set_viewport_size({"width": 390, "height": 844})
    for address in (
        url(EMSP, "directory", emsp.pk), url(EMSP, "tokens", emsp.pk), url(EMSP, "block", emsp.pk),
        url(Customer, "tokens", card.customer_id), url(Token, "change", card.pk), url(ApiKey, "change", key.pk),
        url(ApiKey, "rotate", key.pk), url(ApiKey, "revoke", key.pk), "/admin/auth/group/add/", "/admin/auth/user/add/",
    ):  # fmt: skip
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
