"""A second factor, from its set-up to the day on which the phone is gone."""

from base64 import b32decode

import pytest
from django.contrib.auth.models import User
from django_otp.oath import totp
from playwright.sync_api import Page, expect

from tests.browser.test_admin import give_password, log_in, press

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_recovery_code_lets_in_once(page: Page, superuser: User) -> None:
    log_in(page, "admin", "secret")
    page.goto("/admin/second-factor/")
    page.get_by_text("It cannot be scanned?").click()
    key = b32decode(page.locator(".cw-door-typed code").inner_text().replace(" ", ""))
    page.locator("[name=code]").fill(f"{totp(key):06}")
    press(page, "Turn it on")
    codes = page.locator(".cw-door-codes code").all_inner_texts()
    assert len(codes) == len(set(codes)) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()

    for code in codes[:2]:
        _log_in_as_far_as_the_code(page)
        page.locator("[name=code]").fill(code)
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()

    _log_in_as_far_as_the_code(page)
    page.locator("[name=code]").fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("This code is wrong, or used")).to_be_visible()
    page.goto("/admin/")
    expect(page.get_by_label("Password")).to_be_visible()


def _log_in_as_far_as_the_code(page: Page) -> None:
    page.context.clear_cookies()
    give_password(page, "admin", "secret")
    expect(page.get_by_text("one of your recovery codes")).to_be_visible()
