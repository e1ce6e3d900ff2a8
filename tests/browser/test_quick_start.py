"""A new partner walks the Quick Start, from its first sign-in to a phone that rings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from carillon.demo.background import background
from carillon.demo.browser import new_page, sign_in
from carillon.demo.world import PASSWORD
from carillon.useragent import Account, UserAgent
from tests.browser.conftest import Portal
from tests.browser.test_setting_up import pick_up, put_in_force, ready, sell
from tests.support.waiting import wait_until
from tests.support.whole import Whole

pytestmark = pytest.mark.browser

BROOK, STAFF, SECRET = "Brook Talk", "bea@brook.example", "brook talk only"


@pytest.fixture
def olga(whole: Whole, browser: Browser) -> Iterator[Portal]:
    """The operator's administrator."""
    yield from at_portal(whole, browser, "olga@level.example", PASSWORD)


@pytest.fixture
def bea(whole: Whole, browser: Browser, olga: Portal) -> Iterator[Portal]:
    """The first administrator of a partner that has a wholesale price and money, and nothing else."""
    olga.add("partners", name=BROOK, country="GB", currency="EUR")
    olga.add("staff", email=STAFF, name="Bea", role="administrator", partner_id=BROOK)
    come_in(whole, browser)
    sell(olga, "Brook wholesale", "0.02", {}, buyer_partner_id=BROOK)
    olga.add("transactions", partner_id=BROOK, amount_micro="20", reference="first payment")
    yield from at_portal(whole, browser, STAFF, SECRET)


def come_in(whole: Whole, browser: Browser) -> None:
    """Follow the link of the invitation, which a worker without a mail server writes into its log."""
    seen = re.compile(r"http://\S+/accounts/invitation/\S+/")
    wait_until(lambda: bool(seen.search(whole.platform.log("worker"))))
    complaints: list[str] = []
    page = new_page(browser, complaints)
    page.goto(seen.findall(whole.platform.log("worker"))[-1])
    for field in ("password1", "password2"):
        page.fill(f"input[name={field}]", SECRET)
    page.get_by_role("button", name="Come in").click()
    page.wait_for_selector("nav.side")
    page.context.close()
    assert complaints == []


def at_portal(whole: Whole, browser: Browser, email: str, password: str) -> Iterator[Portal]:
    complaints: list[str] = []
    page = new_page(browser, complaints)
    sign_in(page, whole.origin, email, password)
    yield Portal(page, whole.origin)
    page.context.close()
    assert complaints == []


def test_from_first_sign_in_to_a_phone_that_rings(bea: Portal, whole: Whole) -> None:
    assert bea.page.url.endswith("/pages/quick-start/")
    assert step(bea, "Add a web product").endswith("/panels/web-products/")
    bea.add(
        "web-products",
        name="Brook Home",
        hostname="brook.localhost",
        sip_domain="brook.test",
        country="GB",
        currencies="EUR",
    )
    assert step(bea, "Make a price list").endswith("/panels/price-lists/")
    bea.add("price-lists", name="Brook retail", currency="EUR")
    put_in_force(bea, "Brook retail", "0.06")
    assert step(bea, "Say who pays by it").endswith("/panels/price-lists/")
    bea.choose("Brook retail", "Assign")
    bea.save()
    assert step(bea, "Add your first customer").endswith("/panels/customers/")
    bea.add("customers", web_product_id="Brook Home", name="Mill Ltd")
    assert step(bea, "Give them something to spend").endswith("/panels/transactions/")
    bea.add("transactions", customer_id="Mill Ltd", amount_micro="5", reference="cash")
    assert step(bea, "Add a user with a SIP endpoint").endswith("/panels/sip-endpoints/")
    account = phone_of(bea)
    assert step(bea, "Connect their phone").endswith("/panels/sip-locations/")
    with background() as phones:
        phone = UserAgent(account, whole.platform.proxy, on_call=pick_up)
        phones.run(ready(phone))
        ring(bea)
        expect(bea.page.locator("#tests tbody tr")).to_contain_text("sound came back", timeout=30_000)
        assert [call.caller for call in phone.calls if hasattr(call, "caller")]
        phone.close()
    expect(bea.page.locator(".note-success")).to_contain_text("You are live")
    bea.page.goto(f"{bea.origin}/")
    assert not bea.page.url.endswith("/pages/quick-start/")


def step(bea: Portal, title: str) -> str:
    """Follow the step that Quick Start names next; where it leads."""
    bea.page.goto(f"{bea.origin}/pages/quick-start/")
    following = bea.page.locator(".golive-step.is-next")
    expect(following).to_contain_text(title)
    following.get_by_role("link").click()
    bea.rows()
    return bea.page.url


def phone_of(bea: Portal) -> Account:
    """A user's SIP account, with the secret that the portal shows."""
    bea.add("users", customer_id="Mill Ltd", name="Mia", extension="201")
    bea.add("sip-endpoints", customer_id="Mill Ltd", user_id="Mia", username="mia")
    bea.choose("mia", "Show secret")
    bea.send()
    bea.page.wait_for_selector("dialog[open] [data-result]")
    shown = [bea.page.inner_text(f"dialog [data-result={name}]") for name in ("username", "domain", "secret")]
    return Account(*shown)


def ring(bea: Portal) -> None:
    """Press the last step's button and choose whose phone."""
    bea.page.goto(f"{bea.origin}/pages/quick-start/")
    expect(bea.page.locator(".golive-step.is-next")).to_contain_text("Make it ring", timeout=30_000)
    bea.page.get_by_role("button", name="Ring a phone").click()
    bea.page.wait_for_selector("dialog[open] form")
    bea.fill(user_id="Mia")
    bea.send()
