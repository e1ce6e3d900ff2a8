"""Which list prices a call, and what converts it: several lists of one buyer, activation, exchange rates."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callfeed.snapshot import Snapshot
from carillon.callfeed.tests.cast import (
    ACME,
    ACME_TIERS,
    FJORD,
    LEVEL,
    NORTHWIND,
    PARTNERS,
    RETAIL,
    VERSIONS,
    WHOLESALE,
    World,
    carrier_call,
    device_call,
    version,
)
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.exchange import ExchangeRates
from carillon.logic.callflow.feed import Number, Rate, Tariff
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.pricelists import lists_for
from carillon.logic.callflow.terms import ExchangeRate, ListUse, TrafficClass
from carillon.logic.callflow.values import Decision
from carillon.logic.documents import from_document, to_document
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import Version

LONDON, PARIS = "+442079460123", "+33123450009"
OFFERS, BIG = 60, 61
OFFER = Version(
    0, Tariff(OFFERS, "Offers", 600, 1, "EUR"), RateTable([Rate("4420", "London", Decimal(0), Decimal("0.40"), 1, 1)])
)


def world(*uses: ListUse) -> World:
    """Acme pays Northwind by these lists; Offers has London alone, Big the same as Retail at another price."""
    acme = (replace(ACME_TIERS[0], price_list_id=None, lists=uses), ACME_TIERS[1])
    return replace(World(), versions=(*VERSIONS, OFFER, version(BIG, "Big", "0.70"))).but("customers", ACME, tiers=acme)


def decided(where: World, dialled: str) -> Decision:
    return decide(where.feed(), device_call(dialled))


def list_of(decision: Decision) -> str:
    (chain,) = decision.chains
    tariff = chain.tiers[0].tariff
    return tariff.price_list if tariff else ""


def test_a_small_list_goes_before_a_large_one_for_the_numbers_it_has() -> None:
    where = world(ListUse(RETAIL), ListUse(OFFERS, weight=10))
    london, paris = decided(where, LONDON), decided(where, PARIS)
    assert (list_of(london), list_of(paris)) == ("Offers", "Retail")
    told = notes_for(paris, {NORTHWIND})
    assert "Price list “Offers” of Northwind Telecom has no price for +33123450009." in told
    first = "Of 2 price lists of Northwind Telecom for Acme Ltd “Retail” is the first with a price (weight 0)."
    assert first in told
    charged = london.chains[0].tiers[0].tier
    assert (charged.price_list_id, charged.lists) == (OFFERS, ())  # what was chosen, not what there was to choose from


def test_a_number_that_no_list_has_is_refused_with_all_that_were_asked() -> None:
    decision = decided(world(ListUse(99), ListUse(OFFERS, weight=10)), PARIS)
    assert decision.refusal is not None and decision.refusal.slug == "no-price"
    told = notes_for(decision, {NORTHWIND})
    assert "Price list “Offers” of Northwind Telecom has no price for +33123450009." in told
    assert "Northwind Telecom has no price list in force for Acme Ltd." in told


@pytest.mark.parametrize(
    ("uses", "found"),
    [
        ((ListUse(1), ListUse(2)), [1, 2]),  # equal: as assigned, the newest first
        ((ListUse(1, from_ms=500), ListUse(2, from_ms=900)), [2, 1]),  # the newest activation
        ((ListUse(1, weight=5), ListUse(2, from_ms=900)), [1, 2]),  # weight goes before activation
        ((ListUse(1), ListUse(2, weight=9, from_ms=1001)), [1]),  # not yet
        ((ListUse(1), ListUse(2, weight=9, until_ms=1000)), [1]),  # no longer: the end is not in it
        ((ListUse(1, generality=2), ListUse(2, generality=1), ListUse(3)), [3]),  # the buyer's own stand in for all
        ((ListUse(1, generality=2), ListUse(3, until_ms=10)), [1]),  # until they end
        ((ListUse(1, TrafficClass.ONNET), ListUse(2, TrafficClass.RECEIVED)), []),
    ],
)
def test_the_order_of_lists(uses: tuple[ListUse, ...], found: list[int]) -> None:
    tier = replace(ACME_TIERS[0], lists=uses)
    assert [use.price_list_id for use in lists_for(tier, TrafficClass.CALLS, 1000)] == found


def test_documents_of_before_have_one_list_for_each_kind_of_call() -> None:
    old = to_document(replace(ACME_TIERS[0], received_list_id=7))
    del old["lists"]
    tier = from_document(type(ACME_TIERS[0]), old)
    found = [lists_for(tier, traffic, 0) for traffic in TrafficClass]
    assert [[use.price_list_id for use in uses] for uses in found] == [[RETAIL], [7], [], [], []]


@pytest.mark.parametrize(("is_toll_free", "traffic"), [(False, TrafficClass.RECEIVED), (True, TrafficClass.TOLL_FREE)])
def test_calls_received_have_several_lists_too_by_where_they_come_from(
    is_toll_free: bool, traffic: TrafficClass
) -> None:
    where = world(ListUse(RETAIL, traffic), ListUse(OFFERS, traffic, weight=10))
    where = replace(where, numbers=(Number("+442071110001", NORTHWIND, ACME, 21, is_toll_free),))
    found = {}
    for caller in ("+442079460123", "+33123456789", "anonymous"):
        decision = decide(where.feed(), carrier_call("+442071110001", from_user=caller))
        found[caller] = decision.refusal.slug if decision.refusal else list_of(decision)
    assert found == {"+442079460123": "Offers", "+33123456789": "Retail", "anonymous": "no-price"}


# ---------------------------------------------------------------- exchange rates


def rate(
    source: str, target: str, worth: str, at_ms: int = 0, partner_id: int = LEVEL, loss: str = "0"
) -> ExchangeRate:
    return ExchangeRate(at_ms + 1, partner_id, source, target, Decimal(worth), at_ms, Decimal(loss))


def worth(source: str, target: str, *rates: ExchangeRate, at_ms: int = 5, partner_id: int = LEVEL) -> Decimal | None:
    return ExchangeRates(rates).at(partner_id, source, target, at_ms)


def test_the_version_of_the_calls_beginning_holds() -> None:
    rates = (rate("USD", "EUR", "0.90"), rate("USD", "EUR", "0.95", 10))
    assert [worth("USD", "EUR", *rates, at_ms=at_ms) for at_ms in (0, 9, 10)] == [
        Decimal("0.9"), Decimal("0.9"), Decimal("0.95")
    ]  # fmt: skip
    assert worth("USD", "EUR", rate("USD", "EUR", "0.9", 10)) is None


def test_missing_pairs_follow_from_others_exactly_or_not_at_all() -> None:
    assert worth("EUR", "USD", rate("USD", "EUR", "0.8")) == Decimal("1.25")
    assert worth("EUR", "USD", rate("USD", "EUR", "0.9")) == Decimal("1.1111111111")
    assert worth("USD", "GBP", rate("USD", "EUR", "0.8"), rate("EUR", "GBP", "0.85")) == Decimal("0.68")
    assert worth("USD", "GBP", rate("EUR", "USD", "1.25"), rate("GBP", "EUR", "1.25")) == Decimal("0.64")
    assert worth("USD", "JPY", rate("USD", "EUR", "0.8"), rate("EUR", "GBP", "0.85"), rate("GBP", "JPY", "190")) is None
    assert worth("VND", "EUR", rate("EUR", "VND", "28000")) is None  # ten decimals would say it too roughly
    assert worth("VND", "EUR", rate("VND", "EUR", "0.0000357143")) == Decimal("0.0000357143")  # somebody stands for it


def test_what_converting_costs_is_added_once_for_each_conversion() -> None:
    assert worth("USD", "EUR", rate("USD", "EUR", "0.8", loss="2.5")) == Decimal("0.82")
    assert worth("EUR", "USD", rate("USD", "EUR", "0.8", loss="2")) == Decimal("1.275")
    through = (rate("USD", "EUR", "0.8", loss="10"), rate("EUR", "GBP", "0.5", loss="10"))
    assert worth("USD", "GBP", *through) == Decimal("0.484")


@given(st.integers(1, 10**16).map(lambda units: Decimal(units).scaleb(-10)), st.integers(0, 100_000))
def test_a_derived_rate_is_right_to_the_millionth(stored: Decimal, thousandths: int) -> None:
    loss = Decimal(thousandths).scaleb(-3)
    found = worth("EUR", "USD", rate("USD", "EUR", str(stored), loss=str(loss)))
    exact = (1 + Fraction(loss) / 100) / Fraction(stored)
    if found is not None:
        assert abs(Fraction(found) - exact) * 1_000_000 <= exact
        assert -int(found.as_tuple().exponent) <= 10
    else:
        assert exact < Fraction(5, 100_000)


def test_a_partners_own_rate_goes_before_those_of_its_sellers() -> None:
    rates = (rate("USD", "EUR", "0.9"), rate("USD", "EUR", "0.95", partner_id=NORTHWIND), rate("USD", "GBP", "0.8"))
    snapshot = Snapshot(PARTNERS, exchange=rates)
    found = [snapshot.exchange_rate(partner_id, "USD", "EUR", 5) for partner_id in (LEVEL, NORTHWIND, FJORD, 99)]
    assert found == [Decimal("0.9"), Decimal("0.95"), Decimal("0.95"), None]
    assert snapshot.exchange_rate(FJORD, "USD", "GBP", 5) == Decimal("0.8")


def test_a_call_keeps_the_exchange_rate_of_its_seller_and_says_so() -> None:
    dollars = tuple(item for item in VERSIONS if item.tariff.price_list_id != RETAIL)
    where = replace(World(), versions=(*dollars, version(RETAIL, "Retail", "0.60", currency="USD")))
    where = replace(where, exchange=(rate("USD", "EUR", "0.9"), rate("USD", "EUR", "0.95", partner_id=NORTHWIND)))
    decision = decided(where, LONDON)
    assert [charge.exchange_rate for charge in decision.chains[0].tiers] == [Decimal("0.95"), None]
    assert "One USD is 0.95 EUR." in notes_for(decision, {NORTHWIND})
    assert decision.chains[0].tiers[1].tier.price_list_id == WHOLESALE
