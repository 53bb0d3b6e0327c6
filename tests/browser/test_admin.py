"""An Admin makes a world in the browser, from the log-in to an exception; and the pages hold at a phone's width."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from playwright.sync_api import Page, expect

from authorization.models import ChargeException
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def give_password(page: Page, name: str, password: str) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def log_in(page: Page, name: str, password: str) -> None:
    give_password(page, name, password)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def enter(page: Page, name: str, address: str = "/admin/") -> None:
    """As log_in(), without its form; "": no page is opened."""
    client = Client()
    client.force_login(User.objects.get(username=name))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "domain": "localhost", "path": "/"}])
    if address:
        page.goto(address)


def add(page: Page, group: str, **fields: str) -> None:
    """From the sidebar to the list, and on to its form; fills in fields by their names."""
    page.locator(f"#nav-sidebar-apps span:text-is('{group}')").click()
    page.locator("a[href$='/add/']").first.click()
    for name, value in fields.items():
        page.locator(f"[name='{name}']").fill(value)


def choose(page: Page, field: str, term: str, typed: str = "") -> None:
    """Types into an autocomplete (the term itself, or something else) and takes the first row, which has the term."""
    wanted = [typed or term]
    page.locator(f"#id_{field} + .select2").click()
    # A row that is replaced while it is clicked is not chosen: the rows of what was typed have to be there.
    with page.expect_response(lambda answer: parse_qs(urlsplit(answer.url).query).get("term") == wanted):
        page.locator(".select2-search__field:focus").fill(*wanted)
    expect(page.locator(".loading-results")).to_have_count(0)
    page.locator(".select2-results__option--highlighted", has_text=term).click()


def press(page: Page, name: str) -> None:
    """Presses a button and waits for the page that it leads to, which a click alone does not."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def save(page: Page) -> None:
    press(page, "Save")
    expect(page.locator(".errornote")).to_have_count(0)


def test_from_log_in_to_an_exception(page: Page, superuser: User) -> None:
    log_in(page, "admin", "secret")
    add(page, "CPOs", name="GreenFlux", country_code="nl", party_id="gfx", time_zone="Europe/Amsterdam")
    save(page)
    add(page, "Charge locations", name="Depot North", location_id="LOC1", city="Utrecht")
    choose(page, "cpo", "GreenFlux")
    save(page)
    add(page, "eMSPs", name="The Fleet Company", country_code="NL", party_id="TFC")
    save(page)
    add(page, "Charge tokens", uid="04:A2:B3:C4", auth_id="NL-TFC-C00122045-X")
    choose(page, "emsp", "Fleet Company")
    save(page)
    expect(page.get_by_text("computed is")).to_be_visible()

    for name, category, member, shown in (
        ("Places", "location", "Depot North", "Depot North"),
        ("Cards", "token", "04a2b3c4", "NL-TFC-C00122045-X"),
    ):
        add(page, "Exception groups", name=name)
        page.locator(f"[name=category][value={category}]").check()
        save(page)
        choose(page, "chosen", shown, typed=member)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_text("1 member added.")).to_be_visible()

    add(page, "Exceptions", name="Only our cards")
    page.locator("[name=action][value=whitelist]").check()
    page.locator("[name=direction][value=emsp_for_cpo]").check()
    choose(page, "places", "Places")
    choose(page, "cards", "Cards")
    save(page)

    row = page.get_by_role("row").filter(has_text="Only our cards")
    expect(row).to_contain_text("active", ignore_case=True)
    row.get_by_role("link", name="Only our cards").click()
    expect(page.get_by_text("Active. Only cards of Cards may charge at Places.")).to_be_visible()
    exception = ChargeException.objects.get()
    assert exception.emsp_groups.get().members.get().token.uid_normal == "04A2B3C4"


def test_pages_hold_at_a_phones_width(page: Page, superuser: User) -> None:
    places, cards = factories.group("location", factories.location()), factories.group("token", factories.token())
    with transaction.atomic():
        owner = factories.cpo(name="A charge point operator with a name that is longer than a phone is wide")
        exception = factories.exception("whitelist", "emsp_for_cpo", [places], [cards], owner_cpo=owner)
    enter(page, "admin")
    page.set_viewport_size({"width": 390, "height": 844})
    for address in (
        "",
        "locations/location/",
        "tokens/token/add/",
        f"authorization/chargeexception/{exception.pk}/change/",
        f"authorization/chargeexception/{exception.pk}/history/",
        "authorization/decision/",
    ):
        page.goto(f"/admin/{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
