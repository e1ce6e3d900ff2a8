"""From nothing to a charged call: everything a new partner needs, by the portal's forms alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from carillon.demo.background import Background, background
from carillon.demo.browser import new_page, sign_in
from carillon.demo.world import PASSWORD
from carillon.useragent import Account, IncomingCall, UserAgent
from tests.browser.conftest import Portal
from tests.support.waiting import wait_until
from tests.support.whole import Whole

pytestmark = pytest.mark.browser

RATES = (
    "prefix,name,rate,connection fee,initial,increment\n44,United Kingdom,{rate},0,30,6\n33,France,{rate},0.01,30,6\n"
)
NUMBER, DIALLED, CALLED = "+441632960801", "0033199008801", "+33199008801"
PHONE_HZ, CARRIER_HZ = 440, 620


@pytest.fixture
def olga(whole: Whole, browser: Browser) -> Iterator[Portal]:
    """The operator's administrator, at the portal of a platform that carries calls."""
    complaints: list[str] = []
    page = new_page(browser, complaints)
    sign_in(page, whole.origin, "olga@level.example", PASSWORD)
    yield Portal(page, whole.origin)
    page.context.close()
    assert complaints == []


def test_partner_to_call(olga: Portal, whole: Whole) -> None:
    with background() as phones:
        carrier = UserAgent(Account("carrier", "127.0.0.1"), whole.platform.proxy, tone_hz=CARRIER_HZ, on_call=pick_up)
        phones.run(carrier.open())
        olga.add("partners", name="Meadow Voice", country="GB", currency="EUR")
        olga.add(
            "web-products",
            name="Meadow Business",
            partner_id="Meadow Voice",
            hostname="meadow.localhost",
            sip_domain="meadow.test",
            country="GB",
            currencies="EUR",
        )
        sell_by_lists(olga)
        route_calls(olga, carrier.port)
        erin = phones.run(ready(UserAgent(open_customer(olga), whole.platform.proxy, tone_hz=PHONE_HZ)))
        call_and_hang_up(olga, phones, erin, carrier)
        read_cdr(olga)
        change_prices(olga, whole)
        phones.run(ready(erin))
        call_and_hang_up(olga, phones, erin, carrier)
        carrier.close()
    read_why(olga)
    charge_again(olga)


def sell_by_lists(olga: Portal) -> None:
    sell(olga, "Meadow wholesale", "0.02", {}, buyer_partner_id="Meadow Voice")
    sell(olga, "Meadow retail", "0.06", {"partner_id": "Meadow Voice"}, web_product_id="Meadow Business")


def sell(olga: Portal, name: str, rate: str, owner: dict[str, str], **buyer: str) -> None:
    olga.add("price-lists", name=name, currency="EUR", **owner)
    put_in_force(olga, name, rate)
    olga.open("price-lists")
    olga.choose(name, "Assign")
    olga.fill(**buyer)
    olga.save()


def put_in_force(olga: Portal, name: str, rate: str) -> None:
    olga.choose(name, "New version")
    olga.fill(file=RATES.format(rate=rate))
    olga.save()
    olga.choose(name, "Versions")
    assert any("Draft" in row for row in olga.rows())
    olga.choose("Draft", "Approve")
    olga.save()
    assert any("Approved" in row for row in olga.rows())


def route_calls(olga: Portal, port: int) -> None:
    olga.add("costs", name="Third carrier", currency="EUR")
    put_in_force(olga, "Third carrier", "0.008")
    olga.add("gateways", name="Carrier C", host="127.0.0.1", port=str(port), cost_list_id="Third carrier")
    olga.add("routes", name="Meadow France", prefix="331990088", strategy="least_cost", gateway_ids=["Carrier C"])
    assert any("Meadow France" in row for row in olga.rows())


def open_customer(olga: Portal) -> Account:
    """Money, people, a number and a device; the secret is what the portal shows."""
    olga.add("customers", web_product_id="Meadow Business", name="Garden Ltd")
    olga.add("transactions", partner_id="Meadow Voice", amount_micro="50", reference="bank transfer 1")
    olga.add("transactions", customer_id="Garden Ltd", amount_micro="5", reference="bank transfer 2")
    olga.add("users", customer_id="Garden Ltd", name="Erin", extension="301")
    olga.add("numbers", e164=NUMBER, partner_id="Meadow Voice")
    olga.choose(NUMBER, "Assign")
    olga.fill(customer_id="Garden Ltd", user_id="Erin", is_default_caller_id=True)
    olga.save()
    olga.add("sip-endpoints", customer_id="Garden Ltd", user_id="Erin", username="erin")
    assert any("erin" in row and "meadow.test" in row for row in olga.rows())
    olga.choose("erin", "Show secret")
    olga.send()
    olga.page.wait_for_selector("dialog[open] [data-result]")
    shown = [olga.page.inner_text(f"dialog [data-result={name}]") for name in ("username", "domain", "secret")]
    return Account(*shown)


async def pick_up(call: IncomingCall) -> None:
    call.ring()
    call.answer()


async def ready(phone: UserAgent) -> UserAgent:
    await phone.open()
    assert (await phone.register()).status == 200
    return phone


def call_and_hang_up(olga: Portal, phones: Background, erin: UserAgent, carrier: UserAgent) -> None:
    """Both sides hear each other until Olga ends the call from the list of live calls."""
    call = phones.run(erin.call(DIALLED))
    phones.run(call.answered())
    phones.run(call.hears(CARRIER_HZ))
    phones.run(carrier.calls[-1].hears(PHONE_HZ))
    wait_until(lambda: bool(rows_with(olga, "live-calls", CALLED, "Answered")))
    first = olga.page.locator(".ticking").first.inner_text()
    expect(olga.page.locator(".ticking").first).not_to_have_text(first)
    olga.choose(CALLED, "Hang up")
    assert "disconnected at once" in olga.dialog()
    olga.send()
    expect(olga.page.get_by_role("status").filter(has_text="The call is being ended.")).to_be_visible()
    phones.run(call.ended(5))
    assert call.ended_by == "them"
    wait_until(lambda: not rows_with(olga, "live-calls", CALLED))
    erin.close()


def read_cdr(olga: Portal) -> None:
    """Price, reason and ladder of that call."""
    wait_until(lambda: bool(rows_with(olga, "cdrs", CALLED)))
    (row,) = rows_with(olga, "cdrs", CALLED)
    assert "Garden Ltd" in row
    assert "0.04" in row
    olga.choose(CALLED, "Price and trace")
    wait_until(lambda: has_ladder(olga))
    content = olga.page.locator(".main-scroll").inner_text()
    for wanted in (
        "Meadow retail, version 1",
        "Meadow wholesale, version 1",
        "Third carrier, version 1",
        "Staff hung up",
    ):
        assert wanted in content
    names = olga.page.locator(".ladder-name").all_text_contents()
    assert names == ["Erin", "Platform", "Carrier C"]
    olga.page.locator(".ladder-message", has_text="BYE").first.click()
    expect(olga.page.locator("#ladder-message pre")).to_contain_text("BYE sip:")


def has_ladder(olga: Portal) -> bool:
    """Whether the page, fetched again, has its ladder: messages are written down a moment after the call."""
    olga.page.wait_for_load_state()
    olga.page.goto(olga.page.url)
    return olga.page.locator("#ladder svg").count() > 0


def rows_with(olga: Portal, slug: str, *texts: str) -> list[str]:
    """The rows of a panel, opened afresh, that hold all the texts."""
    olga.open(slug)
    return [row for row in olga.rows() if all(text in row for text in texts)]


def test_file_with_errors_names_lines_and_changes_nothing(enter: Callable[[str], Portal], page: Page) -> None:
    paul = enter("paul@northwind.example")
    paul.add("price-lists", name="Bad news", currency="GBP")
    paul.choose("Bad news", "New version")
    paul.fill(file="prefix,name,rate\n44,United Kingdom,0.01\n0x,Nowhere,0.02\n33,France,-1\n44,Again,0.03\n")
    paul.send()
    expect(page.locator("#line-errors tbody tr")).to_have_count(3)
    lines = page.locator("#line-errors tbody tr").all_inner_texts()
    assert [line.split("\t")[:2] for line in lines] == [["3", "prefix"], ["4", "per_minute"], ["5", "prefix"]]
    assert "nothing was imported" in paul.dialog()
    page.keyboard.press("Escape")
    paul.choose("Bad news", "Versions")
    assert paul.rows() == []


def change_prices(olga: Portal, whole: Whole) -> None:
    """A new version of the retail list: imported, compared, tried on the call that was made, approved."""
    olga.open("price-lists")
    olga.choose("Meadow retail", "New version")
    olga.fill(file=RATES.format(rate="0.12"))
    olga.save()
    olga.choose("Meadow retail", "Versions")
    olga.choose("Draft", "Open")
    expect(olga.page.locator(".main-scroll")).to_contain_text("France")
    assert "100" in olga.page.locator(".main-scroll").inner_text()  # per cent dearer
    olga.page.go_back()
    olga.choose("Draft", "What if")
    olga.save()
    olga.choose("Draft", "What-ifs")
    wait_until(lambda: bool(re_read(olga, "Done")))
    olga.choose("Meadow retail", "Open")
    told = olga.page.locator(".main-scroll").inner_text()
    assert "Garden Ltd" in told and "0.07" in told  # 0.01 and half a minute of 0.12
    olga.open("price-lists")
    olga.choose("Meadow retail", "Versions")
    before = rates_known(whole)
    olga.choose("Draft", "Approve")
    olga.save()
    wait_until(lambda: rates_known(whole) > before)


def rates_known(whole: Whole) -> int:
    """How often the call path has taken up prices."""
    return int(whole.platform.status("/health")[1]["generations"].get("rate", 0))


def re_read(olga: Portal, text: str) -> list[str]:
    olga.page.reload()
    return [row for row in olga.rows() if text in row]


def read_why(olga: Portal) -> None:
    """The second call has the new price; its page says of which pieces it is made."""
    wait_until(lambda: len(rows_with(olga, "cdrs", CALLED)) == 2)
    olga.choose("0.07", "Price and trace")
    expect(olga.page.locator(".price-pieces").first).to_contain_text("0.12")
    expect(olga.page.locator(".price-line").first).to_be_visible()


def charge_again(olga: Portal) -> None:
    """The first call is charged by the new version too, once somebody has looked at it; it says what it had cost."""
    today = datetime.now(UTC)
    olga.open("reratings")
    olga.page.click("#grid-add")
    olga.page.wait_for_selector("dialog[open] form")
    olga.fill(
        since=f"{today - timedelta(days=1):%Y-%m-%d %H:%M}",
        until=f"{today + timedelta(days=1):%Y-%m-%d %H:%M}",
        customer_id="Garden Ltd",
        reason="the old list was wrong",
    )
    olga.page.locator("dialog #f-version_id").fill("Meadow retail")
    olga.page.locator("#o-version_id [role=option]", has_text="v2").first.click()
    olga.save()
    wait_until(lambda: bool(rows_with(olga, "reratings", "Garden Ltd", "To be confirmed")))
    olga.choose("Garden Ltd", "Open")
    expect(olga.page.locator(".main-scroll")).to_contain_text("Nothing is changed yet")
    assert "0.07" in olga.page.locator(".main-scroll").inner_text()
    olga.open("reratings")
    olga.choose("Garden Ltd", "Apply")
    olga.save()
    wait_until(lambda: bool(rows_with(olga, "reratings", "Garden Ltd", "Applied")))
    assert [len(rows_with(olga, "cdrs", CALLED, price)) for price in ("0.04", "0.07")] == [0, 2]
    charged = olga.page.locator("#grid .tabulator-tableholder .tabulator-row", has_text="0.07")
    begun = [text.splitlines()[0] for text in charged.all_inner_texts()]
    oldest = len(begun) - 1 - begun[::-1].index(min(begun))  # the grid may have drawn them in any order
    charged.nth(oldest).locator(".row-menu").click()
    olga.page.get_by_role("menuitem", name="Price and trace", exact=True).click()
    expect(olga.page.locator(".main-scroll")).to_contain_text("Charged again")
