"""A call over the real engines that a package pays for, then money, then nobody."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.books import Books
from tests.support.flows import Changes
from tests.support.packages import included
from tests.support.platform import Platform
from tests.support.telephony import domain_of

pytestmark = pytest.mark.engines

INCLUDED_S, MONEY = 9, "0.04"  # Germany costs a penny a second


def test_a_package_pays_first_then_money_then_the_call_is_cut(platform: Platform, books: Books) -> None:
    books.arrange(Changes(money={"Acme Ltd": MONEY}))
    with included(books, INCLUDED_S) as allowance_id:
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
