"""A driver was refused: an operator finds out why, mends it, and sees it mended; and each role sees its own."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from playwright.sync_api import Page, expect

from authorization.services import create_key
from tests import factories
from tests.browser.test_admin import log_in

pytestmark = pytest.mark.django_db(transaction=True)
CARD = "04:A2:B3:C4:D5:E6:80"


def person(*parties: Any) -> User:
    user = factories.manager(*parties, username="ops")
    user.is_staff = True
    user.set_password("secret")
    user.save()
    return user


def ask(page: Page, key: str, **body: str) -> dict[str, str]:
    """As a charger asks."""
    answer = page.request.post("/api/v1/authorize", data=body, headers={"Authorization": f"Token {key}"})
    assert answer.status == 200
    found: dict[str, str] = answer.json()
    return found


def test_why_was_this_driver_refused(page: Page) -> None:
    with transaction.atomic():
        location = factories.location(name="Depot North", published=False)
        station = factories.station(location)
        factories.token(uid=CARD, auth_id="NL-TNM-C00122045-K")
        person(location.cpo)
        _, key = create_key(station=station)
    assert ask(page, key, id_token=CARD)["reason"] == "LOCATION_NOT_PUBLISHED"

    log_in(page, "ops", "secret")
    page.locator("#nav-sidebar-apps").get_by_text("Authorization log").click()
    row = page.get_by_role("row").filter(has_text="Depot North")
    expect(row).to_contain_text("LOCATION_NOT_PUBLISHED")
    # Another provider's card: told apart, not named.
    expect(row).to_contain_text("another's card")
    row.get_by_role("link").first.click()
    expect(page.get_by_text("the same answer")).to_be_visible()
    page.get_by_role("link", name="Publish the location.").click()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("In force at revision")).to_be_visible()

    assert ask(page, key, id_token=CARD)["reason"] == "ALLOWED"
    page.locator("#nav-sidebar-apps").get_by_text("Authorization log").click()
    page.get_by_role("row").filter(has_text="LOCATION_NOT_PUBLISHED").get_by_role("link").first.click()
    expect(page.get_by_text("another answer")).to_be_visible()
    expect(page.get_by_text("published: no → yes")).to_be_visible()


def test_asking_before_a_driver_comes(page: Page, superuser: User) -> None:
    with transaction.atomic():
        location = factories.location(name="Depot North", time_zone="Europe/Amsterdam")
        factories.evse(location, evse_id="NL*GFX*E1")
        token = factories.token(uid=CARD)
        factories.exception(
            "blacklist", "emsp_for_cpo", [factories.group("location", location)], [factories.group("token", token)],
            name="Works on the car park", valid_from="2030-06-01T08:00:00",
        )  # fmt: skip
    log_in(page, "admin", "secret")
    page.locator("#nav-sidebar-apps").get_by_text("Why?").click()
    page.get_by_label("Charge token").fill(CARD)
    page.get_by_label("Place").fill("depot")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("heading", name="Accepted")).to_be_visible()
    expect(page.get_by_text("the answer changes on 1 Jun 2030 06:00 UTC")).to_be_visible()
    page.get_by_label("When").fill("2030-06-01T08:00")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Rejected")).to_be_visible()
    page.get_by_role("link", name="End or disable “Works on the car park”").click()
    expect(page.get_by_role("heading", name="Works on the car park").first).to_be_visible()


@pytest.mark.parametrize(
    ("side", "seen", "unseen"),
    [
        ("cpo", ["CPOs", "Charge locations", "Exceptions", "API keys"], ["Customers", "Charge tokens", "Users"]),
        ("emsp", ["Customers", "Charge tokens", "Exceptions"], ["CPOs", "Charge locations", "Users"]),
    ],
)
def test_what_each_role_sees(page: Page, side: str, seen: list[str], unseen: list[str]) -> None:
    with transaction.atomic():
        party = factories.cpo(name="Own party") if side == "cpo" else factories.emsp(name="Own party")
        person(party)
        foreign = factories.location(name="Foreign depot")
        factories.token(auth_id="NL-TNM-C00122045-K")
    log_in(page, "ops", "secret")
    bar = page.locator("#nav-sidebar-apps")
    for line in seen:
        expect(bar.locator(f"span:text-is('{line}')")).to_have_count(1)
    for line in unseen:
        expect(bar.locator(f"span:text-is('{line}')")).to_have_count(0)
    page.goto(f"/admin/locations/location/{foreign.pk}/change/")
    expect(page.get_by_text("doesn’t exist")).to_be_visible()
    expect(page.get_by_text("Foreign depot")).to_have_count(0)
