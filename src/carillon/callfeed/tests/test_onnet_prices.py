"""Calls that stay on the platform: free, unless a list is assigned for them; and taxes of the call's beginning."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from carillon.callfeed.tests.cast import (
    ACME,
    ACME_TIERS,
    NORTHWIND,
    NUMBERS,
    RETAIL,
    VERSIONS,
    WHOLESALE,
    World,
    device_call,
    version,
)
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import Rate, Tariff
from carillon.logic.callflow.forwarding import Failure, forward_after
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.taxes import taxes_at
from carillon.logic.callflow.terms import ListUse, TaxRule, TrafficClass
from carillon.logic.callflow.values import Cause, ChainKind, Decision
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import Version

DANS, ONNET, EVERYWHERE = "+442071110023", 70, 71
ALL = Version(
    0, Tariff(EVERYWHERE, "All", 710, 1, "EUR"), RateTable([Rate("", "All numbers", Decimal(0), Decimal("0.06"), 1, 1)])
)


def world(*lists: int, seller: int = 0) -> World:
    """Acme pays by Retail and, for calls on the platform, by these lists; `seller` 1: Northwind does, to Level."""
    tiers = list(ACME_TIERS)
    base = (RETAIL, WHOLESALE)[seller]
    onnet = tuple(ListUse(list_id, TrafficClass.ONNET) for list_id in lists)
    tiers[seller] = replace(tiers[seller], lists=(ListUse(base), *onnet))
    versions = (*VERSIONS, version(ONNET, "On-net", "0.03"), ALL)
    return replace(World(), versions=versions).but("customers", ACME, tiers=tuple(tiers))


def decided(where: World, dialled: str) -> Decision:
    return decide(where.feed(), device_call(dialled))


def test_without_a_list_they_are_free() -> None:
    decision = decided(world(), DANS)
    assert [charge.free_reason for chain in decision.chains for charge in chain.tiers] == ["on-net"] * 2 + [
        "received call"
    ] * 2
    assert decision.holds == ()


def test_a_list_prices_them_at_the_tier_that_has_it() -> None:
    decision = decided(world(ONNET), DANS)
    own, received = decision.chains
    assert [bool(charge.rate) for charge in own.tiers] == [True, False]
    assert (own.kind, received.kind) == (ChainKind.ORIGINATING, ChainKind.TERMINATING)
    (hold,) = decision.holds
    assert (hold.chain, hold.amount_micro, hold.upper) == (0, 30_500, ())  # 61 seconds at 0.03 a minute
    above = decided(world(ONNET, seller=1), DANS)
    assert [bool(charge.rate) for charge in above.chains[0].tiers] == [False, True]
    assert above.holds[0].amount_micro == 0 and above.holds[0].upper[0][1] == 30_500


def both(retail: str, wholesale: str, *, is_allowed: bool = False) -> World:
    """Acme pays Northwind, and Northwind Level, so much for calls on the platform."""
    tiers = tuple(
        replace(tier, lists=(ListUse(base), ListUse(onnet, TrafficClass.ONNET, allows_loss=is_allowed)))
        for tier, base, onnet in zip(ACME_TIERS, (RETAIL, WHOLESALE), (ONNET, EVERYWHERE), strict=True)
    )
    versions = (*VERSIONS, version(ONNET, "On-net", retail), version(EVERYWHERE, "On-net wholesale", wholesale))
    return replace(World(), versions=versions).but("customers", ACME, tiers=tiers)


def test_nobody_sells_them_below_what_it_pays_for_them() -> None:
    assert decided(both("0.03", "0.03"), DANS).refusal is None
    lost = decided(both("0.03", "0.04"), DANS)
    assert lost.refusal is not None and lost.refusal.slug == "price-below-cost"
    assert (lost.targets, lost.holds) == ((), ())
    told = "Level Platform charges Northwind Telecom 0.04 EUR for a typical minute and Acme Ltd pays 0.03"
    assert any(told in note for note in notes_for(lost, {NORTHWIND}))
    (loss,) = lost.losses
    assert (loss.partner_id, loss.gateway_id, loss.is_allowed) == (NORTHWIND, None, False)
    allowed = decided(both("0.03", "0.04", is_allowed=True), DANS)
    assert allowed.refusal is None and [one.is_allowed for one in allowed.losses] == [True]


def test_nobody_forwards_them_below_what_it_pays_for_them() -> None:
    for wholesale, chains in (("0.03", 1), ("0.04", 0)):
        where = both("0.03", wholesale).but("users", 22, forward_busy=DANS)
        longer = forward_after(where.feed(), decided(where, "102"), Failure(Cause.BUSY, 0), 60)
        assert longer is not None and sum(bool(chain.tiers[0].rate) for chain in longer.chains) == chains


def test_extensions_have_the_price_of_all_numbers_alone() -> None:
    assert decided(world(ONNET), "102").holds == ()
    assert decided(world(EVERYWHERE), "102").holds[0].amount_micro == 61_000


def test_who_calls_a_toll_free_number_of_ours_pays_nothing() -> None:
    numbers = tuple(replace(number, is_toll_free=number.e164 == DANS) for number in NUMBERS)
    assert decided(replace(world(EVERYWHERE), numbers=numbers), DANS).holds == ()


def test_who_forwards_on_the_platform_pays_by_the_same_list() -> None:
    where = world(ONNET).but("users", 22, forward_busy=DANS)
    longer = forward_after(where.feed(), decided(where, "102"), Failure(Cause.BUSY, 0), 60)
    assert longer is not None
    forwarding = longer.chains[1]
    assert (forwarding.kind, bool(forwarding.tiers[0].rate)) == (ChainKind.FORWARDING, True)
    assert [(hold.chain, hold.amount_micro) for hold in longer.holds] == [(1, 30_500)]


def test_of_each_tax_the_most_exact_rate_that_has_begun() -> None:
    rules = (
        TaxRule("VAT", Decimal(20), 0), TaxRule("VAT", Decimal(21), 100), TaxRule("VAT", Decimal(25), 50, 2),
        TaxRule("Levy", Decimal("0.125"), 0, 1), TaxRule("Later", Decimal(1), 200),
    )  # fmt: skip
    found = {at: [(tax.name, tax.percent) for tax in taxes_at(rules, at)] for at in (0, 60, 100, 200)}
    levy = ("Levy", Decimal("0.125"))
    assert found[0] == [("VAT", Decimal(20)), levy]
    assert found[60] == found[100] == [("VAT", Decimal(25)), levy]  # its own country's, though the other is newer
    assert found[200] == [("VAT", Decimal(25)), levy, ("Later", Decimal(1))]


def test_a_charge_keeps_the_taxes_of_its_beginning_and_no_rules() -> None:
    tiers = (replace(ACME_TIERS[0], tax_rules=(TaxRule("VAT", Decimal(20), 0),)), ACME_TIERS[1])
    decision = decided(World().but("customers", ACME, tiers=tiers), "+442079460123")
    tier = decision.chains[0].tiers[0].tier
    assert ([(tax.name, tax.percent) for tax in tier.taxes], tier.tax_rules) == ([("VAT", Decimal(20))], ())
