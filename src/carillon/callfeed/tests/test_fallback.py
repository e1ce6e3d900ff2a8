"""Numbers that none of a partner's lists has: sold by what the partner pays itself, with a mark-up."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from carillon.callfeed.tests.cast import (
    FJORD,
    FJORD_RETAIL,
    FJORD_WHOLESALE,
    NORTHWIND,
    RETAIL,
    VERSIONS,
    WHOLESALE,
    World,
    device_call,
    version,
)
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.explanation import tier_explanation
from carillon.logic.callflow.fallback import marked_up_rate
from carillon.logic.callflow.feed import Rate, Step, Tariff, WindowPrice
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.terms import ExchangeRate, FallbackRule
from carillon.logic.callflow.values import CallFacts, Decision, Outcome
from carillon.logic.documents import from_document, to_document
from carillon.logic.markup import Rule
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import Version

PARIS = "+33123450009"
FIFTH = FallbackRule(1, NORTHWIND, Rule(percent=Decimal(20), fixed=Decimal("0.01")))


def without(*list_ids: int) -> World:
    """The cast in which these lists know the United Kingdom alone."""
    kept = tuple(item for item in VERSIONS if item.tariff.price_list_id not in list_ids)
    small = tuple(
        Version(
            0,
            Tariff(list_id, f"Small {list_id}", list_id * 10, 1, "EUR"),
            RateTable([Rate("44", "UK", Decimal(0), Decimal(1), 1, 1)]),
        )
        for list_id in list_ids
    )
    return replace(World(), versions=(*kept, *small))


def decided(where: World, who: str = "alice@northwind.test") -> Decision:
    return decide(where.feed(), device_call(PARIS, who))


def test_without_a_rule_the_number_is_not_sold() -> None:
    decision = decided(without(RETAIL))
    assert decision.refusal is not None and decision.refusal.slug == "no-price"


def test_the_partner_sells_what_it_buys_with_its_mark_up() -> None:
    decision = decided(replace(without(RETAIL), markup=(FIFTH,)))
    sale, bought = decision.chains[0].tiers
    assert sale.rate is not None and sale.rate.per_minute == Decimal("0.37")  # 0.30 * 1.2 + 0.01
    assert sale.made_from is not None and (sale.made_from.rate, sale.made_from.tariff) == (bought.rate, bought.tariff)
    assert from_document(Decision, to_document(decision)) == decision
    told = notes_for(decision, {NORTHWIND})
    assert "Price list “Small 10” of Northwind Telecom has no price for +33123450009." in told
    assert any(note.endswith("sells it by what it pays itself, marked up by 20 % + 0.01.") for note in told)


@pytest.mark.parametrize(
    ("rule", "price"),
    [
        (Rule("33", percent=Decimal(10)), "0.33"),
        (Rule("331234", fixed=Decimal("0.05")), "0.35"),  # by the number, which is more exact than the list
        (Rule(destination="fra", floor=Decimal("0.5")), "0.5"),
        (Rule(percent=Decimal(100), cap=Decimal("0.4")), "0.4"),
        (Rule(percent=Decimal("33.33"), step=Decimal("0.05")), "0.4"),
        (Rule("44", percent=Decimal(10)), None),
        (Rule(is_left_out=True), None),
    ],
)
def test_rules_are_by_number_and_destination(rule: Rule, price: str | None) -> None:
    decision = decided(replace(without(RETAIL), markup=(FallbackRule(1, NORTHWIND, rule),)))
    rate = decision.chains[0].tiers[0].rate
    assert (None if decision.refusal else rate and rate.per_minute) == (price and Decimal(price))


def test_two_partners_on_top_of_each_other() -> None:
    rules = (FIFTH, FallbackRule(2, FJORD, Rule(percent=Decimal(50))))
    decision = decided(replace(without(FJORD_RETAIL, FJORD_WHOLESALE), markup=rules), "petra@fjord.test")
    prices = [charge.rate and charge.rate.per_minute for charge in decision.chains[0].tiers]
    assert prices == [Decimal("0.555"), Decimal("0.37"), Decimal("0.30")]


def test_a_mark_up_that_loses_is_stopped_by_the_loss_guard() -> None:
    cheap = FallbackRule(1, NORTHWIND, Rule(cap=Decimal("0.29")))
    decision = decided(replace(without(RETAIL), markup=(cheap,)))
    assert decision.refusal is not None and decision.refusal.slug == "price-below-cost"


def test_who_buys_learns_the_price_and_not_what_it_was_made_from() -> None:
    where = replace(without(FJORD_WHOLESALE), markup=(FIFTH,))
    decision = decided(where, "petra@fjord.test")
    told = " ".join(notes_for(decision, {FJORD}))
    assert "Northwind Telecom charges Fjord Voice without a list, France (+33): 0 + 0.37 EUR/min (1/1)." in told
    assert not any(secret in told for secret in ("Wholesale", "marked up", "0.3 EUR"))
    _, sale, _ = decision.chains[0].tiers
    explained = tier_explanation(decision, decision.chains[0], sale, None, CallFacts(0, 0), Outcome.FAILED)
    shown = {key: value for key, value in explained.items() if key not in ("made_from", "notes", "margin", "attempts")}
    assert isinstance(explained["made_from"], dict) and explained["made_from"]["list"] == "Wholesale"
    assert "Wholesale" not in json.dumps(shown) and shown["list"] == "Northwind Telecom"


def test_the_suppliers_currency_is_converted() -> None:
    where = without(RETAIL, WHOLESALE)
    dollars = version(WHOLESALE, "Wholesale", "0.30", currency="USD")
    rates = (
        ExchangeRate(1, NORTHWIND, "USD", "EUR", Decimal("0.8"), 0),
        ExchangeRate(2, 1, "USD", "EUR", Decimal(1), 0),
    )
    decision = decided(replace(where, versions=(*where.versions, dollars), exchange=rates, markup=(FIFTH,)))
    sale, bought = decision.chains[0].tiers
    assert (sale.exchange_rate, bought.exchange_rate) == (Decimal("0.8"), Decimal(1))
    assert sale.tariff is not None and sale.tariff.currency == "USD"


def test_every_price_of_a_rate_is_marked_up_and_rounded_up_to_eight_decimals() -> None:
    rate = Rate(
        "33", "France", Decimal("0.01"), Decimal("0.00000003"), 30, 6,
        steps=(Step(60, Decimal("0.2"), 60),),
        windows=(WindowPrice("night", Decimal("0.02"), Decimal("0.1"), 1, 1, (Step(10, Decimal("0.05"), 1),)),),
        minimum=Decimal("0.5"), maximum=Decimal(2),
    )  # fmt: skip
    made = marked_up_rate(rate, Rule(percent=Decimal(10), fixed=Decimal("0.01"), increment_s=60))
    assert (made.connection_fee, made.per_minute, made.initial_s, made.increment_s) == (
        Decimal("0.011"), Decimal("0.01000004"), 30, 60
    )  # fmt: skip
    assert made.steps == (Step(60, Decimal("0.23"), 60),)
    night = WindowPrice("night", Decimal("0.022"), Decimal("0.12"), 1, 60, (Step(10, Decimal("0.065"), 60),))
    assert made.windows == (night,)
    assert (made.minimum, made.maximum) == (Decimal("0.55"), Decimal("2.2"))
