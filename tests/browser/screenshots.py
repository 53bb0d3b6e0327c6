"""`make screenshots`: the pictures of docs/pictures, taken of the demo world in a portal of their own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FilePayload, Page, sync_playwright

from portal.stack.ports import free
from tests.browser.chromium import ARGUMENTS, chromium
from tests.browser.png import smaller

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# Of the guides: what stands beside the left bar.
NARROW = {"width": 1120, "height": 640}
CARDS = b"""Chip ID;Auth ID;Visual number;Customer external ID
04AB12CD34EF80;NL-TVM-C00050001;TV 5001;TV-5
04AB12CD34EF81;NL-TVM-C00050002;TV 5002;TV-5
4.0E+12;NL-TVM-C00050003;TV 5003;TV-5
04C0FFEE000001;;BUS 1 (new);
"""
PATIENCE = 120  # seconds until the portal is up


@contextmanager
def portal() -> Iterator[tuple[str, dict[str, Any]]]:
    """A portal with demo data: its address, and what its demo's file says (`users`: passwords by name)."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        port = free()
        environment = os.environ | {"DATA_DIR": folder, "PORT": str(port), "DATABASE_URL": "", "REDIS_URL": ""}
        stack = subprocess.Popen([sys.executable, "-m", "portal.stack", "run"], env=environment)
        try:
            address = f"http://127.0.0.1:{port}"
            _await(f"{address}/readyz")
            yield address, json.loads(Path(folder, "demo.json").read_text())
        finally:
            stack.send_signal(signal.SIGTERM)
            stack.wait()


def _await(address: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def log_in(browser: Browser, address: str, name: str, password: str, size: dict[str, int]) -> Page:
    page = browser.new_context(viewport=size, base_url=address).new_page()  # type: ignore[arg-type]
    page.goto("/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_load_state("networkidle")
    return page


def open_first(page: Page, line: str, text: str = "") -> None:
    """From the left bar to a list, and to its first row, or the first with this text."""
    page.goto("/admin/")
    page.locator(f"#nav-sidebar-apps span:text-is('{line}')").click()
    rows = page.locator("#result_list tbody tr", has_text=text) if text else page.locator("#result_list tbody tr")
    rows.first.locator("a").first.click()
    page.wait_for_load_state("networkidle")


def take(page: Page, name: str, height: int = 0) -> None:
    """The window, or as much of it from the top."""
    page.wait_for_load_state("networkidle")
    size: Any = page.viewport_size
    if height:
        page.set_viewport_size(size | {"height": height})
    (FOLDER / f"{name}.png").write_bytes(smaller(page.screenshot()))
    page.set_viewport_size(size)


def of_the_readme(browser: Browser, address: str, users: dict[str, str]) -> None:
    page = log_in(browser, address, "admin", users["admin"], WIDE)
    take(page, "dashboard")
    open_first(page, "Charge locations", "hoofdkantoor")
    page.get_by_role("link", name="Authorization", exact=True).click()
    take(page, "authorization-list")
    open_first(page, "Exceptions", "couriers")
    take(page, "exception")
    page.goto("/admin/authorization/decision/?reason=BLACKLISTED")
    page.locator("#result_list tbody tr a").first.click()
    take(page, "decision")
    open_first(page, "Charge tokens")
    take(page, "charge-token")
    take(log_in(browser, address, "cpo", users["cpo"], PHONE), "phone")


def of_places(page: Page) -> None:
    """What a CPO's manager does in the operator's guide."""
    find(page, "locations/location", "Marktplein")
    page.get_by_label("Pages of this object").get_by_role("link", name="Authorization").click()
    page.get_by_role("link", name="Add charge tokens").click()
    page.get_by_label("Auth IDs").fill("NL-TVM-C00020040")
    page.get_by_role("button", name="Add to the list").click()
    take(page, "make-private", 360)
    page.get_by_role("button", name="Add, and make it private").click()
    take(page, "private")
    group(page, "City garages", "Locations", "Papendorp")
    take(page, "group-members", 640)
    begin_exception(page, "Depot: a weekend for couriers", "Depots", "Courier companies")
    today = datetime.now(UTC).date()
    monday = today + timedelta(days=7 - today.weekday())
    for field, day, hour in (("valid_from", monday - timedelta(days=2), "08:00"), ("valid_until", monday, "06:00")):
        page.locator(f"[name={field}_0]").fill(f"{day}")
        page.locator(f"[name={field}_1]").fill(hour)
    page.get_by_role("cell", name="Europe/Amsterdam").wait_for()
    take(page, "exception-new", 1100)
    page.goto("/admin/authorization/decision/?reason=NOT_WHITELISTED_AT_LOCATION")
    take(page, "log")


def of_cards(page: Page) -> None:
    """What an eMSP's manager does in it."""
    find(page, "tokens/token", "NL-TVM-C00020001")
    for role in ("link", "button"):
        page.get_by_role(role, name="Block", exact=True).click()  # type: ignore[arg-type]
    take(page, "card-blocked", 480)
    page.get_by_role("link", name="Unblock").click()
    page.get_by_role("button", name="Unblock").click()
    group(page, "The van's site", "Locations", "Papendorp")
    group(page, "The van's cards", "Charge tokens", "NL-TVM-C00020040")
    begin_exception(page, "The van stays at Papendorp", "The van's site", "The van's cards")
    page.locator(".cw-sentence", has_text="may charge only at").wait_for()
    take(page, "exception-tied", 760)
    find(page, "tokens/emsp", "Tanvolt")
    page.get_by_role("link", name="Import charge tokens").click()
    file: FilePayload = {"name": "new-cards.csv", "mimeType": "text/csv", "buffer": CARDS}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload and preview").click()
    take(page, "import-preview", 820)
    page.goto("/admin/why/")
    page.get_by_label("Charge token").fill("04C0FFEE000001")
    page.get_by_label("Place").fill("NL*GFX*EDEPOT*1")
    page.get_by_role("button", name="Ask").click()
    take(page, "why", 760)


def find(page: Page, model: str, text: str) -> None:
    page.goto(f"/admin/{model}/?q={text}")
    page.locator("#result_list tbody tr", has_text=text).first.locator("a").first.click()


def group(page: Page, name: str, kind: str, member: str) -> None:
    page.goto("/admin/authorization/exceptiongroup/add/")
    page.locator("[name=name]").fill(name)
    page.get_by_label(f"{kind} –").check()
    page.get_by_role("button", name="Save", exact=True).click()
    choose(page, "chosen", member)
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("1 member added.").wait_for()


def begin_exception(page: Page, name: str, places: str, cards: str) -> None:
    page.goto("/admin/authorization/chargeexception/add/")
    page.locator("[name=name]").fill(name)
    page.get_by_label("Whitelist").check()
    choose(page, "places", places)
    choose(page, "cards", cards)


def choose(page: Page, field: str, term: str) -> None:
    """Types into an autocomplete and takes the first row, which has the term."""
    page.locator(f"#id_{field} + .select2").click()
    page.locator(".select2-search__field:focus").fill(term)
    page.locator(".select2-results__option--highlighted", has_text=term).click()


def main() -> None:
    path = chromium()
    if path is None:
        sys.exit("No Chromium here: install Debian's chromium package.")
    FOLDER.mkdir(exist_ok=True)
    with portal() as (address, demo), sync_playwright() as playwright:
        users = demo["users"]
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        of_the_readme(browser, address, users)
        of_places(log_in(browser, address, "cpo", users["cpo"], NARROW))
        of_cards(log_in(browser, address, "emsp", users["emsp"], NARROW))
        browser.close()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
