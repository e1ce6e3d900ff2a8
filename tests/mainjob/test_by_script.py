"""From nothing to a charged call by a script: every step over HTTP, with a bearer token only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from carillon.useragent import Account, IncomingCall, OutgoingCall, UserAgent
from tests.support.platform import eventually
from tests.support.whole import Api, Whole

pytestmark = pytest.mark.engines

NUMBER, FRANCE = "+441632960701", "0033199007701"
PHONE_HZ, CARRIER_HZ = 440, 620
RATES = "prefix,name,rate,connection fee,initial,increment\n33,France,{rate},{fee},30,6\n"
RETAIL, WHOLESALE, COST = 40_000, 15_000, 5_000  # micro-pounds for the first half minute


@dataclass(frozen=True)
class Company:
    """What the script has set up, by id, and the account that it typed into the phone."""

    partner: int
    customer: int
    user: int
    account: Account


def set_up(api: Api, carrier_port: int) -> Company:
    """Partner -> web product -> prices -> gateway -> route -> customer -> user -> number -> endpoint."""
    partner = api.post("/partners/", name="Script Voice", country="GB", currency="GBP")["id"]
    product = api.post(
        "/web-products/",
        name="Script Business",
        kind="business",
        partner_id=partner,
        hostname="script.localhost",
        sip_domain="script.test",
        country="GB",
        currencies=["GBP"],
    )["id"]
    sell(api, "Script wholesale", "0.03", "0", buyer_partner_id=partner)
    sell(api, "Script retail", "0.06", "0.01", owner=partner, web_product_id=product)
    costs = api.post("/costs/", name="Script costs", currency="GBP")["id"]
    approve(api, "/costs/", "/cost-versions/", costs, "0.01", "0")
    gateway = api.post("/gateways/", name="Script carrier", host="127.0.0.1", port=carrier_port, cost_list_id=costs)
    api.post("/routes/", name="Script France", prefix="331990077", gateway_ids=[gateway["id"]])
    customer = api.post("/customers/", name="Script Ltd", web_product_id=product)["id"]
    api.post("/top-ups/", partner_id=partner, amount_micro=50_000_000, reference="bank transfer 1")
    api.post("/top-ups/", customer_id=customer, amount_micro=5_000_000, reference="bank transfer 2")
    user = api.post("/users/", customer_id=customer, name="Reception", extension="301")["id"]
    number = api.post("/numbers/", e164=NUMBER, partner_id=partner)["id"]
    api.post(f"/numbers/{number}/assign/", customer_id=customer, user_id=user, is_default_caller_id=True)
    endpoint = api.post("/sip-endpoints/", customer_id=customer, user_id=user, label="Front desk")["id"]
    told = api.post(f"/sip-endpoints/{endpoint}/reveal/")
    return Company(partner, customer, user, Account(told["username"], told["domain"], told["secret"]))


def sell(api: Api, name: str, rate: str, fee: str, *, owner: int | None = None, **buyer: int) -> None:
    """A price list in force for a buyer."""
    price_list = api.post("/price-lists/", name=name, currency="GBP", partner_id=owner)["id"]
    approve(api, "/price-lists/", "/price-list-versions/", price_list, rate, fee)
    api.post(f"/price-lists/{price_list}/assign/", **buyer)


def approve(api: Api, lists: str, versions: str, price_list: int, rate: str, fee: str) -> None:
    """Import the rates into a new version and put it in force."""
    api.upload(f"{lists}{price_list}/new-version/", "file", RATES.format(rate=rate, fee=fee))
    (version,) = api.rows(versions, price_list_id=price_list)
    assert (version["state"], version["rate_count"]) == ("draft", 1)
    assert api.post(f"{versions}{version['id']}/approve/")["state"] == "approved"


async def pick_up(call: IncomingCall) -> None:
    call.ring()
    call.answer()


async def test_script_sets_up_a_company_that_calls(whole: Whole) -> None:
    api = await asyncio.to_thread(whole.api, "olga@level.example")
    proxy = whole.platform.proxy
    async with UserAgent(Account("carrier", "127.0.0.1"), proxy, tone_hz=CARRIER_HZ, on_call=pick_up) as carrier:
        company = await asyncio.to_thread(set_up, api, carrier.port)
        async with UserAgent(company.account, proxy, tone_hz=PHONE_HZ) as phone:
            assert (await phone.register()).status == 200
            (location,) = await eventually(lambda: api.rows("/sip-locations/", customer_id=company.customer))
            assert location["contact"] == f"sip:{company.account.username}@127.0.0.1:{phone.port}"
            call = await phone.call(FRANCE)
            await call.answered()
            await call.hears(CARRIER_HZ)
            await carrier.calls[0].hears(PHONE_HZ)
            await hang_up_over_api(api, company, call)
            await carrier.calls[0].ended(5)
    cdr = await eventually(lambda: next(iter(api.rows("/cdrs/", customer_id=company.customer)), None))
    await asyncio.to_thread(check_cdr, api, cdr)
    await check_trace(api, cdr)
    await eventually(lambda: spent(api, company) == (RETAIL, WHOLESALE), timeout_s=20)


async def hang_up_over_api(api: Api, company: Company, call: OutgoingCall) -> None:
    """The call is live, with money set aside for it; the script ends it on the wire."""
    live = await eventually(
        lambda: next(iter(api.rows("/live-calls/", customer_id=company.customer, state="answered")), None)
    )
    assert (live["caller"], live["callee"]) == (NUMBER, "+33199007701")
    assert live["held_micro"] >= RETAIL
    assert live["currency"] == "GBP"
    await asyncio.to_thread(api.post, f"/live-calls/{live['id']}/hang_up/")
    await call.ended(5)
    assert call.ended_by == "them"
    await eventually(lambda: not api.rows("/live-calls/", customer_id=company.customer))


def check_cdr(api: Api, cdr: dict[str, Any]) -> None:
    """Prices at every tier, why, and what happened."""
    assert (cdr["outcome"], cdr["amount_micro"], cdr["billed_s"]) == ("answered", RETAIL, 30)
    assert cdr["user_name"] == "Reception"
    prices = api.get(f"/cdrs/{cdr['id']}/prices/")
    assert [(line["seller"], line["buyer"], line["amount_micro"]) for line in prices] == [
        ("Script Voice", "Script Ltd", RETAIL),
        ("Level Platform", "Script Voice", WHOLESALE),
        ("Script carrier", "Level Platform", COST),
    ]
    assert [line["explanation"]["list"] for line in prices] == ["Script retail", "Script wholesale", "Script costs"]
    explanation = api.get(f"/cdrs/{cdr['id']}/explanation/")
    assert explanation["ended_by"] == "operator"
    assert any("Script France" in note for note in explanation["notes"])
    assert any("30 s" in step for step in explanation["steps"])
    kinds = [event["kind"] for event in api.get(f"/cdrs/{cdr['id']}/events/")]
    assert kinds[-1] == "ended"
    assert "answered" in kinds


async def check_trace(api: Api, cdr: dict[str, Any]) -> None:
    """The messages of both legs; the last of them are written down a moment after the call."""

    def sent(method: str) -> set[tuple[str, str, str]]:
        """Requests by way and number: one that is sent again, because nobody answered in time, counts once."""
        messages = api.get(f"/cdrs/{cdr['id']}/trace/")
        said = [message for message in messages if message["raw"].startswith(f"{method} ")]
        return {(message["src"], message["dst"], message["raw"].split("CSeq:")[1].split()[0]) for message in said}

    await eventually(lambda: len(sent("BYE")) == 2)  # the platform ends both legs
    invites = await asyncio.to_thread(sent, "INVITE")
    assert len(invites) == 3  # without and with the answer to the challenge, and the carrier's


def spent(api: Api, company: Company) -> tuple[int, int]:
    """What the call took from the customer's and the partner's balance, once posted."""
    (customer,) = api.rows("/accounts/", customer_id=company.customer)
    (partner,) = api.rows("/accounts/", buyer_partner_id=company.partner)
    return 5_000_000 - customer["balance_micro"], 50_000_000 - partner["balance_micro"]
