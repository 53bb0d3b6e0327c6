"""A location's manager makes it private and public again, puts cards on its list, and shares its pages with another."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from authorization.services import create_key
from locations.models import Location
from tests import factories
from tests.browser.test_admin import enter, press
from tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(live_server: object) -> Location:
    return factories.location(name="Depot North", location_id="LOC1")


@pytest.fixture
def manager(page: Page, place: Location) -> Page:
    """Signed in as the location's manager, in the list of locations."""
    enter(page, factories.manager(place.cpo).username)
    page.locator("#nav-sidebar-apps span:text-is('Charge locations')").click()
    return page


@pytest.fixture
def answer(page: Page, place: Location) -> Callable[[Token], str]:
    """What the location's charger is answered for a card, over HTTP."""
    station = factories.station(place)
    key = create_key(station=station)[1]

    def ask(token: Token) -> str:
        question = {"id_token": token.uid, "token_type": "ISO14443", "station": station.identity}
        headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
        return str(page.request.post("/api/v1/authorize", data=question, headers=headers).json()["reason"])

    return ask


def open_list(page: Page) -> None:
    page.get_by_role("link", name="Depot North").first.click()
    page.get_by_label("Pages of this object").get_by_role("link", name="Authorization").click()


def test_private_and_public_again(manager: Page, place: Location, answer: Callable[[Token], str]) -> None:
    page, guest, stranger = manager, factories.token(auth_id="NL-TNM-C00122045-K", uid="04AA"), factories.token()
    assert (answer(guest), answer(stranger)) == ("ALLOWED", "ALLOWED")
    open_list(page)
    expect(page.get_by_text("Public: every valid charge token")).to_be_visible()

    page.get_by_role("link", name="Add charge tokens").click()
    page.get_by_label("Auth IDs").fill("nl-tnm-c00122045-k\nBE-XTR-C1\n")
    page.get_by_role("button", name="Add to the list").click()
    expect(page.get_by_text("It makes the location private")).to_be_visible()
    assert answer(stranger) == "ALLOWED"
    page.get_by_role("button", name="Add, and make it private").click()
    expect(page.get_by_text("Depot North is private now, and not published.")).to_be_visible()
    expect(page.get_by_text("Private: only the 2 charge tokens")).to_be_visible()
    expect(page.get_by_text("In force at revision")).to_be_visible()
    assert (answer(guest), answer(stranger)) == ("ALLOWED", "NOT_ON_AUTHORIZATION_LIST")

    page.get_by_role("link", name="Publish").click()
    expect(
        page.get_by_text("A private location cannot be published: empty its authorization list first.")
    ).to_be_visible()

    # The menu behind the arrow, by keyboard alone.
    page.get_by_label("More for Authorised charge tokens").focus()
    page.keyboard.press("Enter")
    remove_all = page.get_by_role("button", name="Remove all").last
    expect(remove_all).to_be_visible()
    for _ in range(page.locator("details[open] li").count()):
        page.keyboard.press("Tab")
    expect(remove_all).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The list is empty then: Depot North will be closed")).to_be_visible()
    page.get_by_role("button", name="Remove, and close the location").click()
    expect(page.get_by_text("it is closed until somebody publishes it")).to_be_visible()
    assert answer(guest) == "LOCATION_NOT_PUBLISHED"

    page.get_by_role("link", name="Publish").click()
    expect(page.get_by_text("Depot North becomes public")).to_be_visible()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Depot North is public now.")).to_be_visible()
    assert (answer(guest), answer(stranger)) == ("ALLOWED", "ALLOWED")


def test_cards_and_customers_come_and_go(manager: Page, place: Location, answer: Callable[[Token], str]) -> None:
    page, emsp = manager, factories.emsp(name="The Fleet Company")
    factories.directory(emsp, place.cpo)
    fleet = factories.customer(emsp, name="Fleet A", external_id="A-77")
    card, car = factories.token(emsp, uid="04A2B3C4"), factories.token(customer=fleet, uid="04BB")
    factories.listed(place, token=factories.external("BE-XTR-C1"))
    assert (answer(card), answer(car)) == ("NOT_ON_AUTHORIZATION_LIST", "NOT_ON_AUTHORIZATION_LIST")
    open_list(page)

    page.get_by_role("link", name="Add charge tokens").click()
    page.get_by_label("Auth ID or Chip ID").fill("04:a2:b3")
    page.keyboard.press("Enter")
    page.get_by_role("row").filter(has_text="04A2B3C4").get_by_role("checkbox").check()
    page.get_by_label("Auth ID or Chip ID").fill("nothing like it")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("group", name="Chosen before, and kept").get_by_role("checkbox")).to_be_checked()
    page.get_by_role("button", name="Add to the list").click()
    expect(page.get_by_text("1 entry added.")).to_be_visible()
    page.get_by_role("link", name="Add customers").click()
    page.get_by_label("Name or external ID").fill("A-77")
    page.get_by_role("button", name="Search").click()
    page.get_by_label("Select Fleet A").check()
    page.get_by_role("button", name="Add to the list").click()
    expect(page.get_by_role("link", name="Open Fleet A")).to_be_visible()
    assert (answer(card), answer(car)) == ("ALLOWED", "ALLOWED")

    page.get_by_role("button", name="Remove Fleet A").click()
    expect(page.get_by_text("Depot North stays private")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("1 entry removed.")).to_be_visible()
    assert (answer(card), answer(car)) == ("ALLOWED", "NOT_ON_AUTHORIZATION_LIST")


@pytest.fixture
def colleague(browser: Browser, live_server: object, place: Location) -> Iterator[Page]:
    """Another manager of the same location, in another browser."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=str(live_server))
    window = context.new_page()
    enter(window, factories.manager(place.cpo).username)
    yield window
    context.close()


def test_two_operators_on_the_same_page(manager: Page, colleague: Page, place: Location) -> None:
    one, two = manager, colleague
    address = f"/admin/locations/location/{place.pk}/change/"
    for page in (one, two):
        page.goto(address)
    one.locator("[name=city]").fill("Utrecht")
    one.locator("[name=name]").fill("Depot North I")
    press(one, "Save")
    two.locator("[name=name]").fill("Depot North II")
    press(two, "Save")
    expect(two.get_by_text("Somebody else changed this to “Depot North I”")).to_be_visible()
    expect(two.get_by_text("Not saved yet")).to_be_visible()
    expect(two.locator("[name=name]")).to_have_value("Depot North II")
    expect(two.locator("[name=city]")).to_have_value("Utrecht")
    place.refresh_from_db()
    assert place.name == "Depot North I"
    press(two, "Save")
    expect(two.get_by_text("was changed successfully")).to_be_visible()
    place.refresh_from_db()
    assert (place.name, place.city) == ("Depot North II", "Utrecht")


def test_two_operators_at_the_same_list(manager: Page, colleague: Page, place: Location) -> None:
    entries = [factories.listed(place, token=factories.external(f"BE-XTR-C{n}")) for n in (1, 2)]
    for page, entry in ((manager, "BE-XTR-C1"), (colleague, "BE-XTR-C2")):
        page.goto(f"/admin/locations/location/{place.pk}/authorization/")
        page.get_by_role("button", name=f"Remove {entry}").click()
        expect(page.get_by_text("stays private")).to_be_visible()
    manager.get_by_role("button", name="Remove").click()
    expect(manager.get_by_text("1 entry removed.")).to_be_visible()
    colleague.get_by_role("button", name="Remove").click()
    expect(colleague.get_by_text("Somebody else has changed the list meanwhile.")).to_be_visible()
    expect(colleague.get_by_text("Depot North will be closed")).to_be_visible()
    assert place.authorization_list.get() == entries[1]


def test_pages_hold_at_a_phones_width(manager: Page, place: Location) -> None:
    for n in range(3):
        factories.evse(place, station=factories.station(place, identity=f"A-STATION-WITH-A-LONG-IDENTITY-OF-{n:030}"))
    manager.set_viewport_size({"width": 390, "height": 844})
    for slug in ("publish", "add-tokens", "add-customers", "change", "chargers", "authorization"):
        if slug == "change":
            factories.listed(place, token=factories.external(f"BE-XTR-{1:0200}"))
        manager.goto(f"/admin/locations/location/{place.pk}/{slug}/")
        assert manager.evaluate("document.documentElement.scrollWidth") <= 390, slug
    manager.get_by_label("More for Authorised charge tokens").click()
    last = manager.get_by_role("button", name="Remove all").last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=1)
    assert manager.evaluate("document.documentElement.scrollWidth") <= 390
