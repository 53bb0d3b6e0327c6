"""A real Chromium against the live server. Without one these tests are skipped, and say so."""

import os
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chromium import ARGUMENTS, chromium

POLICY = "Content Security Policy"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium here (looked for chromium, chromium-browser, google-chrome): browser tests not run")
    # Playwright's loop runs in this thread, so Django takes the test's own queries for asynchronous ones.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=15_000)
    try:
        with sync_playwright() as playwright:
            found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            yield found
            found.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Browser, live_server: object) -> Iterator[Page]:
    """A new window, 1440 wide. A script that fails, a page that answers 500, and what the page's policy refuses
    fail the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=str(live_server))
    window = context.new_page()
    window.set_default_timeout(15_000)
    problems: list[str] = []
    window.on("pageerror", lambda error: problems.append(str(error)))
    window.on("console", lambda said: problems.append(said.text) if POLICY in said.text else None)
    window.on("response", lambda answer: problems.append(answer.url) if answer.status >= 500 else None)
    yield window
    context.close()
    assert not problems


@pytest.fixture
def superuser(live_server: object) -> User:
    return User.objects.create_superuser("admin", "admin@example.com", "secret")
