"""axe-core on every page: nothing that keeps a keyboard, a screen reader or weak eyes from using it."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule
from playwright.sync_api import Page

from authorization.models import ChargeException, Decision, ExceptionGroup
from locations.models import Location
from tests import factories
from tests.browser.test_admin import enter
from tests.portal.test_admin import MODELS, READ_ONLY, ROWS, url
from tokens.models import Driver, Token

pytestmark = pytest.mark.django_db(transaction=True)
GRAVE = ("serious", "critical")
# Forms that are the theme's own, and alike: the task's, which has one of them, is looked at.
SCHEDULES = {ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule}


def grave(page: Page, address: str, *, dark: bool = True) -> list[str]:
    """What axe finds on a page that is not minor: the rule, how often, and the first place; then the colours again in
    the dark."""
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 200, address
    found = _grave(Axe().run(page, options={"resultTypes": ["violations"]}).response)
    if not dark:
        return [f"{address}: {violation}" for violation in found]
    page.evaluate("document.documentElement.classList.add('dark')")
    page.wait_for_function("!document.getAnimations().some(one => one.playState == 'running')")
    found += _grave(page.evaluate("axe.run(document, {resultTypes: ['violations'], runOnly: ['color-contrast']})"))
    return [f"{address}: {violation}" for violation in found]


def _grave(response: dict[str, Any]) -> list[str]:
    return [
        f"{violation['id']} × {len(violation['nodes'])}: {violation['nodes'][0]['html'][:200]}"
        for violation in response["violations"]
        if violation["impact"] in GRAVE
    ]


def pages_of(model: Any) -> list[tuple[str, bool]]:
    """Every list, form and tab of a model, once; and whether to look in the dark too: an empty form has the colours of
    a filled one, and lists have the same ones, and tabs are those of two models. Histories are all alike."""
    with transaction.atomic():
        row = ROWS[model]()
    tabs = [page.slug.replace("-", "_") for page in admin.site._registry[model].object_pages if page.title]  # type: ignore[attr-defined]
    lists = [url(model, "changelist")] if model in READ_ONLY else [url(model, page) for page in ("changelist", "add")]
    pages = {address: address == lists[0] and model in (Token, Decision) for address in lists}
    history = ["history"] if model is Token else []
    pages |= {
        url(model, page, row.pk): page == "change" or model in (Token, Location) for page in ("change", *history, *tabs)
    }
    return list(pages.items())


def test_pages_of_no_model(page: Page, superuser: User) -> None:
    wanting = grave(page, "/admin/login/")
    enter(page, "admin", "")
    assert wanting + [each for address in ("/admin/", "/admin/why/") for each in grave(page, address)] == []


@pytest.mark.parametrize(
    "model", [each for each in MODELS if each not in SCHEDULES], ids=lambda model: model._meta.label
)
def test_pages_of_a_model(page: Page, superuser: User, model: Any) -> None:
    enter(page, "admin", "")
    assert [each for address, dark in pages_of(model) for each in grave(page, address, dark=dark)] == []


@pytest.mark.parametrize("role", ["cpo", "emsp"])
def test_pages_of_a_role(page: Page, role: str) -> None:
    """What managers see of their own, which is less than an Admin's page of it, or only to read."""
    with transaction.atomic():
        location, driver = factories.location(), factories.driver()
        token = factories.token(driver=driver)
        user = factories.manager(location.cpo if role == "cpo" else token.emsp)
        station = factories.station(location)
        owner: dict[str, Any] = {"owner_cpo": location.cpo} if role == "cpo" else {"owner_emsp": token.emsp}
        groups = factories.group("location", location, **owner), factories.group("token", token, **owner)
        rule = factories.exception(
            "whitelist", "emsp_for_cpo", [groups[0]], [groups[1]], name="Ours", **owner
        )  # fmt: skip
        factories.listed(location, token=token)
    own = {
        "cpo": [location.cpo, location, station, groups[0], rule],
        "emsp": [token.emsp, token.customer, driver, token, groups[1], rule],
    }[role]
    enter(page, user.username, "")
    addresses = ["/admin/", "/admin/why/", "/admin/authorization/decision/", "/admin/imports/import/"]
    addresses += [url(type(row), "change", row.pk) for row in own]
    addresses += [url(Location, "authorization", location.pk), url(Location, "add")] if role == "cpo" else []
    addresses += [url(Token, "add"), url(Token, "exceptions", token.pk)] if role == "emsp" else []
    addresses += [url(Driver, "erase", driver.pk)] if role == "emsp" else []
    addresses += [url(ExceptionGroup, "members", own[-2].pk), url(ChargeException, "add")]
    assert [each for address in addresses for each in grave(page, address, dark=False)] == []


def test_by_the_wish_of_the_reader(page: Page, superuser: User) -> None:
    """The dark page that is chosen is the dark page that was looked at."""
    enter(page, "admin")
    page.evaluate("""localStorage.setItem('adminTheme', '"dark"')""")
    assert grave(page, "/admin/") == []
    page.reload()
    assert "dark" in (page.locator("html").get_attribute("class") or "")
