"""Managers whitelist and blacklist in the browser, see first what it will do, and chargers answer by it at once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from authorization.models import ChargeException, ExceptionGroup
from authorization.services import create_key
from locations.models import CPO, Location
from tests import factories
from tests.browser.test_admin import choose, enter, save
from tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True)
Answer = Callable[[Token, Location], str]


@pytest.fixture
def cpo(live_server: object) -> CPO:
    return factories.cpo(name="Greenways", country_code="NL", party_id="GRW")


@pytest.fixture
def answer(page: Page, cpo: CPO) -> Answer:
    """What the CPO's chargers are answered for a card, over HTTP."""
    key = create_key(cpo=cpo)[1]

    def ask(token: Token, place: Location) -> str:
        question = {"id_token": token.uid, "location_id": place.location_id}
        headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
        return str(page.request.post("/api/v1/authorize", data=question, headers=headers).json()["reason"])

    return ask


@pytest.fixture
def manager(page: Page, cpo: CPO) -> Page:
    enter(page, factories.manager(cpo).username)
    return page


def begin(page: Page, what: str) -> None:
    page.locator(f"#nav-sidebar-apps span:text-is('{what}')").click()
    page.locator("a[href$='/add/']").first.click()


def in_force(page: Page) -> None:
    expect(page.get_by_text("In force at revision")).to_be_visible()


def test_blacklist_an_emsp_at_a_sub_cpo_for_a_week(manager: Page, cpo: CPO, answer: Answer) -> None:
    page = manager
    sub = factories.cpo(parent=cpo, name="Greenways South", country_code="NL", party_id="GRS")
    here, there = factories.location(sub), factories.location(cpo)
    guest, other = factories.token(), factories.token()
    factories.group("emsp", guest.emsp, name="Roaming friends")
    assert answer(guest, here) == "ALLOWED"

    begin(page, "Exception groups")
    page.locator("[name=name]").fill("The south")
    page.get_by_label("CPOs –").check()
    save(page)
    page.get_by_text("Paste a list of ids").click()
    page.get_by_label("Party codes").fill("nl-grs\nNL-XXX")
    page.get_by_role("button", name="Add these").click()
    expect(page.get_by_text("Line 2: NL-XXX – No party with this code may be added here.")).to_be_visible()
    page.get_by_role("button", name="Add the one that is known").click()
    expect(page.locator("#members").get_by_role("link", name="Greenways South")).to_have_count(1)
    expect(page.get_by_label("Party codes")).to_have_value("NL-XXX")

    begin(page, "Exceptions")
    page.locator("[name=name]").fill("Works in the south")
    sentence = page.locator(".cw-sentence")
    expect(sentence).to_contain_text("Choose whether")
    page.get_by_label("Blacklist").check()
    choose(page, "places", "The south")
    choose(page, "cards", "Roaming")
    expect(sentence).to_have_text("Cards of Roaming friends may not charge at The south.")
    today = datetime.now(UTC).replace(tzinfo=None)
    for name, day in (("valid_from", today - timedelta(days=1)), ("valid_until", today + timedelta(days=6))):
        page.locator(f"[name={name}_0]").fill(f"{day:%Y-%m-%d}")
        page.locator(f"[name={name}_1]").fill("08:00")
    expect(sentence).to_contain_text("08:00, local time at each charger.")
    expect(page.get_by_role("cell", name="Europe/Amsterdam")).to_be_visible()
    save(page)
    in_force(page)
    row = page.get_by_role("row").filter(has_text="Works in the south")
    expect(row).to_contain_text("active", ignore_case=True)
    assert ChargeException.objects.get().owner_cpo == cpo
    assert [answer(guest, here), answer(other, here), answer(guest, there)] == ["BLACKLISTED", "ALLOWED", "ALLOWED"]


def test_whitelist_and_un_whitelist(manager: Page, cpo: CPO, answer: Answer) -> None:
    page, depot = manager, factories.location(cpo, name="Depot North")
    ours, stranger = factories.token(auth_id="NL-TFC-000001", uid="04AA"), factories.token()
    factories.group("location", depot, owner_cpo=cpo, name="Depot North")
    fleet = factories.group("token", ours, owner_cpo=cpo, name="Fleet A")

    begin(page, "Exceptions")
    page.locator("[name=name]").fill("Fleet only")
    page.get_by_label("Whitelist").check()
    choose(page, "places", "Depot")
    choose(page, "cards", "Fleet")
    expect(page.locator(".cw-sentence")).to_have_text("Only cards of Fleet A may charge at Depot North.")
    save(page)
    in_force(page)
    assert [answer(card, depot) for card in (ours, stranger)] == ["ALLOWED", "NOT_WHITELISTED_AT_LOCATION"]

    page.goto(f"/admin/authorization/exceptiongroup/{fleet.pk}/members/")
    page.get_by_role("button", name="Remove NL-TFC-000001").click()
    expect(page.get_by_text("a whitelist of it lets nobody in")).to_be_visible()
    expect(page.get_by_text("It takes effect at once in “Fleet only”.")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    in_force(page)
    assert answer(ours, depot) == "NOT_WHITELISTED_AT_LOCATION"

    page.get_by_label("Pages of this object").get_by_role("link", name="Where it is used").click()
    page.get_by_role("link", name="Fleet only").click()
    page.get_by_role("link", name="Disable").click()
    expect(page.get_by_text("Disable 1 exception?").first).to_be_visible()
    assert answer(stranger, depot) == "NOT_WHITELISTED_AT_LOCATION"
    page.get_by_role("button", name="Disable").click()
    in_force(page)
    assert [answer(card, depot) for card in (ours, stranger)] == ["ALLOWED", "ALLOWED"]


def test_tie_a_card_to_a_site(page: Page, cpo: CPO, answer: Answer) -> None:
    """An eMSP's manager: from then on the card charges there and nowhere else, and others charge as before."""
    emsp = factories.emsp(name="The Fleet Company", country_code="NL", party_id="TFC")
    site, elsewhere = factories.location(cpo, name="Depot North"), factories.location(cpo, name="Depot South")
    card, other = factories.token(emsp, uid="04A2B3C4", auth_id="NL-TFC-000001"), factories.token(emsp)
    assert [answer(card, place) for place in (site, elsewhere)] == ["ALLOWED", "ALLOWED"]
    enter(page, factories.manager(emsp).username)

    for name, category, term in (
        ("Its site", "Locations", "Depot North"),
        ("The van's card", "Charge tokens", "04a2b3"),
    ):
        begin(page, "Exception groups")
        page.locator("[name=name]").fill(name)
        page.get_by_label(f"{category} –").check()
        save(page)
        choose(page, "chosen", "Depot North" if category == "Locations" else "NL-TFC-000001", typed=term)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_text("1 member added.")).to_be_visible()

    begin(page, "Exceptions")
    page.locator("[name=name]").fill("The van stays north")
    page.get_by_label("Whitelist").check()
    choose(page, "places", "Its site")
    choose(page, "cards", "The van")
    expect(page.locator(".cw-sentence")).to_have_text("Cards of The van's card may charge only at Its site.")
    assert answer(card, elsewhere) == "ALLOWED"
    save(page)
    in_force(page)
    assert [answer(card, place) for place in (site, elsewhere)] == ["ALLOWED", "TOKEN_TIED_ELSEWHERE"]
    assert [answer(other, place) for place in (site, elsewhere)] == ["ALLOWED", "ALLOWED"]


def test_a_group_keeps_its_category(manager: Page, cpo: CPO) -> None:
    page, group = manager, factories.group("location", owner_cpo=cpo, name="Sites")
    page.locator("#nav-sidebar-apps span:text-is('Exception groups')").click()
    page.get_by_role("link", name="Sites").click()
    expect(page.locator("[name=category]")).to_have_count(0)
    expect(page.locator("fieldset").first).to_contain_text("Category locations")
    page.locator("[name=name]").fill("Depots")
    page.locator("[name=notes]").fill("the northern ones")
    save(page)
    page.locator("#result_list").get_by_role("link", name="Depots").click()
    expect(page.locator("[name=notes]")).to_have_value("the northern ones")
    expect(page.locator("fieldset").first).to_contain_text("Category locations")
    assert [(row.name, row.category) for row in ExceptionGroup.objects.filter(pk=group.pk)] == [("Depots", "location")]
