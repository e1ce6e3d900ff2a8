"""Signing in: e-mail and password, then the second factor; passkeys by a virtual authenticator (WebAuthn over CDP)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import Page, expect

from carillon.demo.browser import sign_in
from carillon.demo.world import CAST, PASSWORD
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
    expect(page.locator("details.drop > .drop-box > .drop-text")).to_contain_text("Fjord Voice")


@pytest.fixture
def key(page: Page) -> str:
    """A security key that is plugged in and touched whenever it is asked; its id."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "usb",
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made: str = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    return made


@pytest.fixture
def harbour_wants_passkeys(site: Site) -> Iterator[str]:
    """Harbour Telecom asks its staff for passkeys; the person's address."""
    change = "update partners_partner set second_factor = %s where name = %s"
    site.sql(change, "passkey", "Harbour Telecom")
    yield next(seller.staff.email for seller in CAST.sellers if seller.name == "Harbour Telecom")
    site.sql(change, "optional", "Harbour Telecom")
    site.sql(
        "delete from mfa_authenticator where user_id in (select id from partners_login where email like %s)",
        "%harbour%",
    )


def confirm(page: Page) -> None:
    if "reauthenticate" in page.url:
        page.fill("input[name=password]", PASSWORD)
        page.click("main button[type=submit]")


def test_a_passkey_is_set_up_right_after_the_password_and_then_signs_in(
    page: Page, site: Site, key: str, harbour_wants_passkeys: str
) -> None:
    sign_in(page, site.origin, harbour_wants_passkeys, PASSWORD)
    page.goto(f"{site.origin}/panels/customers/")
    expect(page.locator("main .notice")).to_contain_text("Your role asks for a passkey")
    page.get_by_role("link", name="Add a passkey").click()
    confirm(page)
    page.fill("input[name=name]", "Blue key")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/recovery-codes/**")
    page.goto(f"{site.origin}/panels/customers/")
    page.wait_for_selector("nav.side")

    page.context.clear_cookies()
    sign_in(page, site.origin, harbour_wants_passkeys, PASSWORD)
    assert "/2fa/authenticate" in page.url
    page.goto(f"{site.origin}/panels/customers/")
    assert "/2fa/authenticate" in page.url
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_selector("nav.side")


def test_passkeys_are_renamed_and_removed(page: Page, site: Site, key: str, harbour_wants_passkeys: str) -> None:
    sign_in(page, site.origin, harbour_wants_passkeys, PASSWORD)
    page.goto(f"{site.origin}/accounts/2fa/webauthn/add/")
    confirm(page)
    page.fill("input[name=name]", "Blue key")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/recovery-codes/**")
    page.goto(f"{site.origin}/accounts/2fa/")
    page.get_by_role("link", name="Rename").click()
    page.fill("input[name=name]", "Red key")
    page.click("main button[type=submit]")
    expect(page.locator(".keys")).to_contain_text("Red key")
    page.get_by_role("link", name="Remove", exact=True).click()
    page.click("main button[type=submit]")
    expect(page.locator("main .notice")).to_contain_text("Your role asks for a passkey")
    expect(page.locator(".keys")).to_have_count(0)


def test_a_passkey_of_another_hostname_is_not_offered(
    page: Page, site: Site, key: str, harbour_wants_passkeys: str
) -> None:
    sign_in(page, site.origin, harbour_wants_passkeys, PASSWORD)
    page.goto(f"{site.origin}/accounts/2fa/webauthn/add/")
    confirm(page)
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/recovery-codes/**")
    elsewhere = site.origin.replace("portal.localhost", "own.localhost")
    site.sql("update partners_partner set portal_hostname = %s where name = %s", "own.localhost", "Harbour Telecom")
    page.goto(f"{elsewhere}/accounts/login/")
    sign_in(page, elsewhere, harbour_wants_passkeys, PASSWORD)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("[data-problem]")).to_be_visible()
    site.sql("update partners_partner set portal_hostname = null where name = %s", "Harbour Telecom")
