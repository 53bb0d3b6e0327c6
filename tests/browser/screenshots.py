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
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from portal.stack.ports import free
from tests.browser.chromium import ARGUMENTS, chromium

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
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


def main() -> None:
    path = chromium()
    if path is None:
        sys.exit("No Chromium here: install Debian's chromium package.")
    FOLDER.mkdir(exist_ok=True)
    with portal() as (address, demo), sync_playwright() as playwright:
        users = demo["users"]
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = log_in(browser, address, "admin", users["admin"], WIDE)
        page.screenshot(path=FOLDER / "dashboard.png")
        open_first(page, "Charge locations", "hoofdkantoor")
        page.get_by_role("link", name="Authorization", exact=True).click()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=FOLDER / "authorization-list.png")
        open_first(page, "Exceptions", "couriers")
        page.screenshot(path=FOLDER / "exception.png")
        page.goto("/admin/authorization/decision/?reason=BLACKLISTED")
        page.locator("#result_list tbody tr a").first.click()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=FOLDER / "decision.png")
        open_first(page, "Charge tokens")
        page.screenshot(path=FOLDER / "charge-token.png")
        phone = log_in(browser, address, "cpo", users["cpo"], PHONE)
        phone.screenshot(path=FOLDER / "phone.png")
        browser.close()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
