"""axe-core on every page: nothing that keeps a keyboard, a screen reader or weak eyes from using it."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from playwright.sync_api import Page

from authorization.models import ChargeException, ExceptionGroup
from locations.models import Location
from tests.browser.test_admin import log_in
from tests.portal.test_admin import MODELS, READ_ONLY, ROWS, url
from tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True)
GRAVE = ("serious", "critical")


def grave(page: Page, address: str) -> list[str]:
    """What axe finds on a page that is not minor: the rule, how often, and the first place."""
    page.goto(address)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{address}: {violation['id']} × {len(violation['nodes'])}: {violation['nodes'][0]['html'][:200]}"
        for violation in found
        if violation["impact"] in GRAVE
    ]


def pages_of(model: Any) -> list[str]:
    """Every list, form and tab of a model, once."""
    with transaction.atomic():
        row = ROWS[model]()
    tabs = [page.slug.replace("-", "_") for page in admin.site._registry[model].object_pages if page.title]  # type: ignore[attr-defined]
    lists = [url(model, "changelist")] if model in READ_ONLY else [url(model, page) for page in ("changelist", "add")]
    return [*lists, *(url(model, page, row.pk) for page in ("change", "history", *tabs))]


def test_pages_of_no_model(page: Page, superuser: User) -> None:
    wanting = grave(page, "/admin/login/")
    log_in(page, "admin", "secret")
    assert wanting + [each for address in ("/admin/", "/admin/why/") for each in grave(page, address)] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_pages_of_a_model(page: Page, superuser: User, model: Any) -> None:
    log_in(page, "admin", "secret")
    assert [each for address in pages_of(model) for each in grave(page, address)] == []


def test_in_the_dark(page: Page, superuser: User) -> None:
    log_in(page, "admin", "secret")
    page.evaluate("""localStorage.setItem('adminTheme', '"dark"')""")
    with transaction.atomic():
        exception = ROWS[ChargeException]()
    some = [url(Location, "change", ROWS[Location]().pk), url(Token, "changelist"), "/admin/", "/admin/why/"]
    some += [
        url(ChargeException, "change", exception.pk),
        url(ExceptionGroup, "members", exception.cpo_groups.get().pk),
    ]
    found = [each for address in some for each in grave(page, address)]
    assert "dark" in (page.locator("html").get_attribute("class") or "")
    assert found == []
