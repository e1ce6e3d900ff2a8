"""A call over the real engines that a package pays for, then money, then nobody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carillon.base.tenancy import tenant
from carillon.business.catalogue.models import Allowance, Product, Subscription
from carillon.business.customers.models import Customer
from carillon.demo.cast.load import actor_of
from tests.support.books import Books
from tests.support.flows import Changes
from tests.support.platform import Platform
from tests.support.telephony import domain_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.engines

INCLUDED_S, MONEY = 9, "0.04"  # Germany costs a penny a second


def test_a_package_pays_first_then_money_then_the_call_is_cut(platform: Platform, books: Books) -> None:
    books.arrange(Changes(money={"Acme Ltd": MONEY}))
    allowance_id = _include(platform, books)
    sip_call_id, lasted_s = asyncio.run(_talk(platform))
    books.settled(sip_call_id)
    assert INCLUDED_S + 3 <= lasted_s <= INCLUDED_S + 4 + 1.5
    sale = books.cdrs(sip_call_id)[0]
    assert (sale.buyer, sale.micro) == ("Acme Ltd", 40_000)
    query = "select used, reserved from catalogue_allowance where id = %s"
    assert platform.sql(query, allowance_id) == [(INCLUDED_S, 0)]
    explained = (
        "select d.explanation -> 'bundles' from calls_cdr d join calls_call c on c.id = d.call_id where tier = 0"
    )
    ((uses,),) = platform.sql(f"{explained} and c.sip_call_id = %s", sip_call_id)
    assert [(use["seconds"], use["used_s"]) for use in uses] == [(INCLUDED_S, INCLUDED_S)]
    assert books.faults() == []


async def _talk(platform: Platform) -> tuple[str, float]:
    async with platform.phone("alice", domain_of("alice")) as agent:
        call = await agent.call("004930231250001")
        await call.answered(30)
        await call.ended(60)
    return call.call_id, call.answered_s


def _include(platform: Platform, books: Books) -> int:
    """Acme has seconds included, and control knows."""
    now = datetime.now(UTC)
    with books.open(), tenant(actor_of("Northwind Telecom")):
        acme = Customer.objects.get(name="Acme Ltd")
        own: dict[str, Any] = {"partner_id": acme.partner_id}
        product, _ = Product.objects.get_or_create(name="A few seconds", currency=acme.currency, **own)
        subscription = Subscription.objects.create(
            customer=acme, product=product, name=product.name, kind="add_on", currency=acme.currency, state="active",
            starts_on=now.date(), anchor_on=now.date(), anchor_day=1, period_on=now.date(),
            period_until=now.date() + timedelta(days=30), **own,
        )  # fmt: skip
        allowance = Allowance.objects.create(
            customer=acme, subscription=subscription, name=product.name, unit="second", granted=INCLUDED_S,
            period_on=now.date(), starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=1), initial_s=1,
            increment_s=1, **own,
        )  # fmt: skip
    (newest,) = platform.sql("select last_value from callfeed.generation_customer")[0]
    wait_until(lambda: platform.status("/health")[1]["generations"].get("customer", 0) >= newest)
    return int(allowance.pk)
