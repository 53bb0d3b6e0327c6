"""An eMSP's manager brings a spreadsheet of cards; a CPO's manager replaces a list, and takes that back."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from playwright.sync_api import FilePayload, Page, expect

from authorization.models import AuthorizationListEntry
from imports import work
from imports.models import Import
from tests import factories
from tests.browser.test_accessible import GRAVE
from tests.browser.test_admin import enter, press
from tests.portal.test_admin import url
from tokens.models import EMSP, Token

pytestmark = pytest.mark.django_db(transaction=True)


def csv(name: str, *lines: str) -> FilePayload:
    return {"name": name, "mimeType": "text/csv", "buffer": "\r\n".join(lines).encode()}


def holds(page: Page) -> None:
    """Nothing grave for a keyboard or a screen reader, and no wider than a phone."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [each for each in found if each["impact"] in GRAVE] == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1440, "height": 900})


def upload(page: Page, file: FilePayload) -> None:
    page.locator("input[type=file]").set_input_files(file)
    press(page, "Upload and preview")


def test_cards_from_a_spreadsheet(page: Page, tmp_path: Path) -> None:
    with transaction.atomic():
        emsp = factories.emsp(country_code="NL", party_id="TNM", name="New Motion")
        user = factories.manager(emsp)
    enter(page, user.username)
    page.goto(url(EMSP, "change", emsp.pk))
    page.get_by_role("link", name="Import charge tokens").click()
    expect(page.get_by_role("heading", name="Import into New Motion").first).to_be_visible()
    expect(page.get_by_text("Nothing was imported into this list yet.")).to_be_visible()
    with page.expect_download() as template:
        page.get_by_role("link", name="Download a template").click()
    assert "visual_number" in Path(template.value.path()).read_text("utf-8-sig")
    holds(page)

    # Large enough for a worker, of which none runs here: the page waits, over a reload too, and says how far it is.
    notes = "x" * 250
    rows = [f"04{n:012X}\tNL-TNM-C{n:08d}\tcard {n}\t31.12.2031\t{notes}" for n in range(2_000)]
    upload(page, csv("fleet.csv", "Chip ID\tContract ID\tLabel\tExpires\tNotes", *rows, "4.0E+12\tNL-TNM-C9\t\t\t"))
    made = Import.objects.get()
    for percent in (17, 42):
        Import.objects.update(phase="reading", percent=percent, rows_done=500)
        expect(page.get_by_text(f"Reading the rows: {percent} %")).to_be_visible()
        assert page.locator("progress").get_attribute("value") == str(percent)
        page.reload()
    holds(page)
    work.work_on(made.pk)
    expect(page.locator(".cw-numbers")).to_contain_text("2,000 new")
    expect(page.locator("summary", has_text="How the file was read")).to_contain_text("UTF-8, tab, day first")
    error = page.get_by_role("row").filter(has_text="4.0E+12")
    expect(error).to_contain_text("2002")
    expect(error).to_contain_text("uid")
    expect(error).to_contain_text("rounded number")
    with page.expect_download() as errors:
        page.get_by_role("link", name="Download all as CSV").click()
    assert "2002,uid,4.0E+12," in Path(errors.value.path()).read_text("utf-8-sig")
    holds(page)

    page.get_by_role("button", name="Finalise import").click()
    expect(page.get_by_text("finalise without these rows")).to_be_visible()
    assert not Token.objects.exists()
    page.get_by_label("Leave out the row with an error").check()
    press(page, "Finalise import")
    Import.objects.update(phase="applying", percent=71, rows_done=1_500)
    expect(page.get_by_text("Applying: 71 %")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Applying: 71 %")).to_be_visible()
    work.work_on(made.pk)
    expect(page.get_by_text("in force at revision")).to_be_visible()
    assert Token.objects.count() == 2_000
    page.get_by_role("link", name="Show the rows").click()
    expect(page.get_by_role("link", name="NL-TNM-C00001999", exact=True)).to_be_visible()
    page.get_by_role("link", name="Export").click()
    page.locator("select[name=format]").select_option(label="csv")
    with page.expect_download() as export:
        page.get_by_role("button", name="Submit").click()
    assert len(Path(export.value.path()).read_text("utf-8-sig").splitlines()) == 2_001


def test_a_list_is_replaced_and_taken_back(page: Page) -> None:
    with transaction.atomic():
        place = factories.location(name="Depot North")
        for auth_id in ("DE-OLD-C1", "DE-OLD-C2", "NL-TNM-C00122045-K"):
            factories.listed(place, token=factories.token(auth_id=auth_id))
        before = entries(place)
        user = factories.manager(place.cpo)
    enter(page, user.username)
    page.goto(url(type(place), "authorization", place.pk))
    page.get_by_label("More for Authorised charge tokens").click()
    page.get_by_role("link", name="Import charge tokens").click()
    expect(page.get_by_label("Clear charge token list before importing")).not_to_be_checked()
    page.get_by_label("Clear charge token list before importing").check()
    upload(page, csv("list.csv", "Auth ID;Name", "nltnmc00122045;Ann", "DE-NEW-C9;Bob"))
    expect(page.locator(".cw-numbers")).to_contain_text("2 removed")
    expect(page.locator(".cw-numbers")).to_contain_text("1 new")
    assert entries(place) == before
    holds(page)
    page.get_by_role("button", name="Finalise import").click()
    expect(page.get_by_text("The import is finalised.")).to_be_visible()
    assert [name for name, _ in entries(place)] == ["DENEWC9", "NLTNMC00122045"]
    page.get_by_role("link", name="Undo this import").click()
    expect(page.get_by_text("1 charge tokens come off the list")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The import is undone.")).to_be_visible()
    assert entries(place) == before
    page.get_by_role("link", name="Imports into this list").click()
    expect(page.locator("#imports")).to_contain_text("undone")
    holds(page)


def entries(place: Any) -> list[tuple[str | None, str | None]]:
    rows = AuthorizationListEntry.objects.filter(location=place)
    return sorted(rows.values_list("auth_id", "auth_id_entered"))  # type: ignore[type-var]
