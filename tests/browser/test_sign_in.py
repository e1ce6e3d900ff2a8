"""Signing in: e-mail and password, then the second factor."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import Page, expect

from carillon.demo.browser import sign_in
from carillon.demo.world import PASSWORD
from tests.browser.conftest import Portal, Site

pytestmark = pytest.mark.browser


def code_of(secret: str) -> str:
    code: str = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    return code


def test_wrong_password_says_so_and_lets_nobody_in(page: Page, site: Site) -> None:
    page.goto(f"{site.origin}/")
    page.fill("input[name=login]", "paul@northwind.example")
    page.fill("input[name=password]", "wrong words")
    page.click("main button[type=submit]")
    expect(page.get_by_role("alert")).to_contain_text("password is not right")
    page.goto(f"{site.origin}/panels/customers/")
    assert "/accounts/login" in page.url


def test_second_factor_is_asked_for(enter: Callable[[str], Portal], page: Page, site: Site) -> None:
    enter("petra@fjord.example")
    page.goto(f"{site.origin}/accounts/2fa/totp/activate/")
    if "reauthenticate" in page.url:
        page.fill("input[name=password]", PASSWORD)
        page.click("main button[type=submit]")
    page.wait_for_url("**/totp/activate/**")
    secret = page.locator("main img").get_attribute("alt") or ""
    page.fill("input[name=code]", code_of(secret))
    page.click("main button[type=submit]")
    page.wait_for_url(lambda url: "activate" not in url)
    page.context.clear_cookies()
    sign_in(page, site.origin, "petra@fjord.example", PASSWORD)
    assert "/2fa/authenticate" in page.url
    page.goto(f"{site.origin}/panels/customers/")
    assert "/2fa/authenticate" in page.url
    page.fill("input[name=code]", code_of(secret))
    page.click("main button[type=submit]")
    page.wait_for_selector("nav.side")
    expect(page.locator(".side-brand")).to_contain_text("Fjord Voice")
