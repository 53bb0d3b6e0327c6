"""The whole product as `make run` starts it: web server, worker, follower, compiled copy. What an operator does in the
portal, chargers hear from the copy, no later than the page says."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screenshots import WIDE, log_in, open_first, portal

CARD = "04A2B3C4D5E680"


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[tuple[str, dict[str, Any]]]:
    """Its address, and what the demo's people need to begin."""
    with portal() as running:
        yield running


def decided(page: Page, demo: dict[str, Any], **place: str) -> dict[str, Any]:
    """What a charger is answered: from the copy, at a revision that is not older than the page's last word."""
    said = page.get_by_text(re.compile(r"In force at revision"))
    least = int(re.sub(r"\D", "", said.first.inner_text())) if said.count() else 0
    for _ in range(40):
        headers = {"Authorization": f"Token {demo['api_key']}"}
        answer = page.request.post("/api/v1/authorize", headers=headers, data=demo["curl_body"] | place)
        found: dict[str, Any] = answer.json()
        if found["revision"] >= least:
            return found
        page.wait_for_timeout(50)
    raise AssertionError(f"revision {least} did not come within two seconds")


def test_private_and_public_again(browser: Browser, stack: tuple[str, dict[str, Any]]) -> None:
    address, demo = stack
    page = log_in(browser, address, "cpo", demo["users"]["cpo"], WIDE)
    first = decided(page, demo)
    assert (first["status"], first["reason"]) == ("accepted", "ALLOWED")

    open_first(page, "Charge locations", first["location_id"])
    page.get_by_label("Pages of this object").get_by_role("link", name="Authorization").click()
    page.get_by_role("link", name="Add charge tokens").click()
    page.get_by_label("Auth IDs").fill("NL-XTR-000001")
    page.get_by_role("button", name="Add to the list").click()
    page.get_by_role("button", name="Add, and make it private").click()
    expect(page.get_by_text("is private now, and not published.")).to_be_visible()
    assert decided(page, demo)["reason"] == "NOT_ON_AUTHORIZATION_LIST"

    page.get_by_role("button", name="Remove NL-XTR-000001").click()
    page.get_by_role("button", name="Remove, and close the location").click()
    expect(page.get_by_text("it is closed until somebody publishes it")).to_be_visible()
    assert decided(page, demo)["reason"] == "LOCATION_NOT_PUBLISHED"
    page.get_by_role("link", name="Publish").click()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("is public now.")).to_be_visible()
    assert decided(page, demo)["reason"] == "ALLOWED"
    status = page.request.get("/api/v1/status", headers={"Authorization": f"Token {demo['api_key']}"}).json()
    assert status["source"] == "cache"

    # The driver who was refused meanwhile, in the log that the copy's answers fill.
    page.goto("/admin/authorization/decision/?reason=NOT_ON_AUTHORIZATION_LIST")
    page.locator("#result_list tbody tr a").first.click()
    expect(page.get_by_text("another answer")).to_be_visible()
    page.context.close()


def test_the_followers_figures_are_told_by_its_web_node(browser: Browser, stack: tuple[str, dict[str, Any]]) -> None:
    address, demo = stack
    page = browser.new_page()
    answer = page.request.get(f"{address}/metrics", headers={"Authorization": f"Token {demo['api_key']}"})
    made = re.search(r'^chargeward_copy_seconds_count\{how="anew"\} (\d+)', answer.text(), re.MULTILINE)
    assert made is not None
    assert int(made[1]) >= 1
    page.close()
