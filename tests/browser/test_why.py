"""A driver was refused: an operator finds out why, mends it, and sees it mended; and each role sees its own."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from playwright.sync_api import Page, expect

from authorization.models import ChargeException
from authorization.services import create_key
from locations.models import Location
from tests import factories
from tests.browser.test_admin import enter
from tests.portal.test_admin import url
from tokens.models import Token

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

    enter(page, "ops")
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
    enter(page, "admin")
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


BARS = {
    "admin": ["CPOs", "Charge locations", "Charge stations", "EVSEs", "In use", "Commands", "eMSPs", "Customers",
              "Drivers", "Charge tokens", "Erasures", "Exception groups", "Exceptions", "Authorization log", "Imports",
              "Why?", "Users", "Roles", "Log-ins", "API keys", "Subscriptions", "Schedules"],
    "cpo": ["CPOs", "Charge locations", "Charge stations", "EVSEs", "In use", "Commands", "Exception groups",
            "Exceptions", "Authorization log", "Imports", "Why?", "API keys"],
    "emsp": ["eMSPs", "Customers", "Drivers", "Charge tokens", "Erasures", "Exception groups", "Exceptions",
             "Authorization log", "Imports", "Why?", "API keys"],
}  # fmt: skip


@pytest.mark.parametrize("role", ["admin", "cpo", "emsp"])
def test_what_each_role_sees(page: Page, role: str) -> None:
    """The left bar, the lists behind it, a page typed by hand, a choice; of the other party nothing anywhere."""
    with transaction.atomic():
        own = Side(role, "own")
        other = Side(role, "foreign")
        if role == "admin":
            User.objects.create_superuser("ops", password="secret")
        else:
            person(own.cpo if role == "cpo" else own.emsp)
    enter(page, "ops")
    bar = page.locator("#nav-sidebar-apps")
    lines = [text.strip() for text in bar.locator("a span:not(.material-symbols-outlined)").all_text_contents()]
    assert [line for line in lines if line] == ["Dashboard", *BARS[role]]

    for line in [line for line in own.names if line in BARS[role]]:
        bar.locator(f"span:text-is('{line}')").click()
        rows = page.locator("#result_list tbody")
        expect(rows.get_by_text(own.names[line])).to_be_visible()
        expect(rows.get_by_text(other.names[line])).to_have_count(1 if role == "admin" else 0)
    for address in (url(Location, "change", other.location.pk), url(Token, "change", other.token.pk),
                    url(ChargeException, "change", other.rule.pk)):  # fmt: skip
        page.goto(address)
        expect(page.get_by_text("doesn’t exist")).to_have_count(0 if role == "admin" else 1)
        expect(page.get_by_text("foreign")).to_have_count(0) if role != "admin" else None
    if role != "admin":
        for address in ("/admin/auth/user/", "/admin/auth/group/", "/admin/django_celery_beat/periodictask/"):
            assert page.goto(address).status == 403  # type: ignore[union-attr]


class Side:
    """A CPO with a location, an eMSP with a card, and a rule that one of them made."""

    def __init__(self, role: str, word: str) -> None:
        self.cpo, self.emsp = factories.cpo(name=f"{word} CPO"), factories.emsp(name=f"{word} eMSP")
        self.location = factories.location(self.cpo, name=f"{word} depot")
        self.token = factories.token(self.emsp, auth_id=f"NL-TNM-{word}")
        owner: dict[str, Any] = {"owner_emsp": self.emsp} if role == "emsp" else {"owner_cpo": self.cpo}
        self.rule = factories.exception(
            "whitelist", "emsp_for_cpo", [factories.group("location", self.location, **owner)],
            [factories.group("token", self.token, **owner)], name=f"{word} rule", **owner,
        )  # fmt: skip
        self.names = {
            "Charge locations": f"{word} depot",
            "Charge tokens": f"NL-TNM-{word}",
            "Exceptions": f"{word} rule",
        }
