"""Messages: priced through every tier by lists of messages, with taxes and exchange rates of the moment."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from carillon.callfeed.tests.cast import ACME, ACME_TIERS, RETAIL, VERSIONS, WHOLESALE, World, device_call
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import Rate, Tariff, Tax, Unit
from carillon.logic.callflow.messages import price_message
from carillon.logic.callflow.notes import Note
from carillon.logic.callflow.pricing import NotPriced
from carillon.logic.callflow.terms import ExchangeRate, ListUse, TaxRule, TrafficClass
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import Version

NORWAY = "+4722334455"
TEXTS, BOUGHT = 80, 81


def messages(list_id: int, each: str, currency: str = "EUR") -> Version:
    tariff = Tariff(list_id, f"Messages {list_id}", list_id * 10, 1, currency, unit=Unit.MESSAGE)
    return Version(0, tariff, RateTable([Rate("47", "Norway", Decimal(0), Decimal(each), 1, 1)]))


def world(*uses: ListUse) -> World:
    """Acme pays Northwind by these lists and 20 % of tax; Northwind buys for dollars, of which one is 0.8 EUR."""
    bought = replace(ACME_TIERS[1], lists=(ListUse(WHOLESALE), ListUse(BOUGHT, TrafficClass.MESSAGES)))
    own = replace(ACME_TIERS[0], lists=uses, tax_rules=(TaxRule("VAT", Decimal(20), 0),))
    versions = (*VERSIONS, messages(TEXTS, "0.05"), messages(BOUGHT, "0.04", "USD"))
    rates = (ExchangeRate(1, 1, "USD", "EUR", Decimal("0.8"), 0),)
    return replace(World(), versions=versions, exchange=rates).but("customers", ACME, tiers=(own, bought))


def test_a_message_has_a_price_at_each_tier() -> None:
    feed = world(ListUse(RETAIL), ListUse(TEXTS, TrafficClass.MESSAGES)).feed()
    customer = feed.customer(ACME)
    assert customer is not None
    notes: list[Note] = []
    for parts, amounts in ((1, [60_000, 32_000]), (3, [180_000, 96_000])):
        prices = price_message(feed, customer, NORWAY, notes, parts)
        assert [price.price.amount_micro for price in prices] == amounts
    assert [price.price.currency for price in prices] == ["EUR", "EUR"]
    assert prices[0].charge.tier.taxes == (Tax("VAT", Decimal(20)),) and prices[0].price.tax_micro == 30_000
    with pytest.raises(NotPriced):
        price_message(feed, customer, "+33123456789", notes)
    with pytest.raises(ValueError, match="one part"):
        price_message(feed, customer, NORWAY, notes, 0)


def test_lists_of_calls_price_no_messages_and_lists_of_messages_no_calls() -> None:
    where = world(ListUse(TEXTS), ListUse(RETAIL, TrafficClass.MESSAGES))
    customer = where.feed().customer(ACME)
    assert customer is not None
    with pytest.raises(NotPriced) as refused:
        price_message(where.feed(), customer, "+33123456789", [])
    assert refused.value.note.text == "Price list “Retail” of Northwind Telecom is for calls alone."
    decision = decide(where.feed(), device_call("+442079460123"))
    assert decision.refusal is not None and decision.refusal.slug == "no-price"
