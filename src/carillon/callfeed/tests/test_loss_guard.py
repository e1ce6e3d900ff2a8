"""The loss guard: who costs more than the call brings in is left out, unless the route allows it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callfeed.tests.cast import (
    ACME,
    ACME_TIERS,
    COST_A,
    COST_B,
    FJORD,
    FJORD_RETAIL,
    FJORD_WHOLESALE,
    GATEWAYS,
    LEVEL,
    NORTHWIND,
    RETAIL,
    ROUTES,
    WHOLESALE,
    World,
    device_call,
    version,
)
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import Gateway, Route, Tariff, Tax
from carillon.logic.callflow.forwarding import Failure, forward_after
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.terms import ListUse
from carillon.logic.callflow.values import Cause, Decision
from carillon.logic.documents import from_document, to_document

LONDON = "020 7946 0123"
LEFT_OUT = (
    "Carrier Carrier B costs 0.31 EUR for a typical minute and Northwind Telecom pays 0.3: it is left out, for the"
    " route allows no loss."
)


def world(cost_a: str = "0.20", cost_b: str = "0.10", *, is_allowed: bool = False, **rest: str) -> World:
    """The cast, where A and B cost so much; Level sells to Northwind at 0.30, which sells at 0.60."""
    versions = (
        version(RETAIL, "Retail", rest.get("retail", "0.60"), fee=rest.get("retail_fee", "0")),
        version(WHOLESALE, "Wholesale", rest.get("sale", "0.30"), fee=rest.get("sale_fee", "0")),
        version(COST_A, "Carrier A", cost_a, fee=rest.get("fee_a", "0"), currency=rest.get("currency_a", "EUR")),
        version(COST_B, "Carrier B", cost_b),
    )
    routes = tuple(replace(route, allows_loss=is_allowed and not route.is_emergency) for route in ROUTES)
    return replace(World(), versions=versions, routes=routes)


def decided(where: World, dialled: str = LONDON) -> Decision:
    return decide(where.feed(), device_call(dialled))


def gateways(decision: Decision) -> list[int | None]:
    return [target.gateway_id for target in decision.targets]


def test_a_carrier_that_costs_more_than_the_call_brings_in_is_left_out() -> None:
    decision = decided(world(cost_b="0.31"))
    assert gateways(decision) == [1]
    assert LEFT_OUT in notes_for(decision, {LEVEL})
    assert not any("Carrier B" in note for note in notes_for(decision, {NORTHWIND}))


def test_breaking_even_is_no_loss() -> None:
    assert gateways(decided(world("0.30", "0.30"))) == [1, 2]


def test_the_connection_fee_counts() -> None:
    assert gateways(decided(world("0.25", fee_a="0.06"))) == [2]
    assert gateways(decided(world("0.25", fee_a="0.06", sale_fee="0.06", retail_fee="0.06"))) == [2, 1]


def test_when_all_would_lose_the_call_is_refused_without_a_hold() -> None:
    decision = decided(world("0.31", "0.32"))
    assert decision.refusal is not None
    assert (decision.refusal.slug, decision.refusal.sip_code) == ("price-below-cost", 503)
    assert (decision.targets, decision.holds) == ((), ())
    assert sum("left out" in note for note in notes_for(decision, {LEVEL})) == 2


def test_a_route_may_allow_losses_and_the_story_says_so() -> None:
    decision = decided(world("0.31", "0.32", is_allowed=True))
    assert gateways(decision) == [1, 2]
    assert sum("the route allows this loss" in note for note in notes_for(decision, {LEVEL})) == 2


def test_each_gateway_is_held_against_the_route_that_brings_it_in() -> None:
    where = world("0.31", "0.32")
    strict = Route(8, LEVEL, "First", "", "static", 5, (1,))
    bold = Route(9, LEVEL, "Then", "", "static", 10, (1, 2), allows_loss=True)
    assert gateways(decided(replace(where, routes=(strict, bold)))) == [2]


def test_a_cost_that_is_not_known_is_no_loss() -> None:
    without_list = world("0.31", "0.32").but("gateways", 1, price_list_id=None)
    assert gateways(decided(without_list)) == [1]
    other_currency = world("9", "0.32", currency_a="USD")
    assert gateways(decided(other_currency)) == [1]
    dear = replace(other_currency, exchange_rates={("USD", "EUR"): Decimal("0.9")})
    assert gateways(decided(dear)) == []


def test_a_partner_with_own_carriers_is_guarded_by_what_its_customer_pays() -> None:
    own = Gateway(9, NORTHWIND, "Own carrier", "203.0.113.9", 5060, price_list_id=COST_A)
    route = Route(9, NORTHWIND, "Own UK", "44", "static", 10, (9,))
    where = replace(world("0.59"), gateways=(*GATEWAYS, own), routes=(*ROUTES, route))
    assert gateways(decided(where)) == [9]
    dearer = decided(replace(where, versions=world("0.61").versions))
    assert dearer.refusal is not None and dearer.refusal.slug == "price-below-cost"
    assert any("Acme Ltd pays 0.6:" in note for note in notes_for(dearer, {NORTHWIND}))


def test_a_call_with_which_a_partner_would_lose_is_refused_and_only_its_side_is_told() -> None:
    decision = decided(world(sale="0.61"))
    assert decision.refusal is not None and decision.refusal.slug == "price-below-cost"
    (loss,) = decision.losses
    assert (loss.partner_id, loss.tier, loss.gateway_id, loss.seconds, loss.is_allowed) == (
        NORTHWIND,
        0,
        None,
        60,
        False,
    )
    assert (loss.income, loss.cost, loss.currency) == (Decimal("0.6"), Decimal("0.61"), "EUR")
    why = (
        "Level Platform charges Northwind Telecom 0.61 EUR for a typical minute and Acme Ltd pays 0.6: the call is"
        " refused."
    )
    assert why in notes_for(decision, {NORTHWIND})
    assert from_document(Decision, to_document(decision)).losses == decision.losses


def test_a_loss_in_the_middle_of_the_tree_counts() -> None:
    where = replace(world(sale="0.30"), versions=(*world().versions, version(FJORD_RETAIL, "Fjord retail", "0.80")))
    dear = replace(where, versions=(*where.versions, version(FJORD_WHOLESALE, "Fjord wholesale", "0.29")))
    decision = decide(dear.feed(), device_call(LONDON, "petra@fjord.test"))
    assert [(loss.partner_id, loss.tier) for loss in decision.losses] == [(NORTHWIND, 1)]
    assert not any("charges Northwind" in note for note in notes_for(decision, {FJORD}))


def test_an_assignment_may_allow_losses_of_its_seller() -> None:
    uses = (ListUse(RETAIL, allows_loss=True),)
    own = (replace(ACME_TIERS[0], lists=uses), ACME_TIERS[1])
    decision = decided(world(sale="0.61").but("customers", ACME, tiers=own))
    assert gateways(decision) == [2, 1]
    assert [loss.is_allowed for loss in decision.losses] == [True]
    assert any("the price list's assignment allows this loss" in note for note in notes_for(decision, {NORTHWIND}))


def test_the_first_interval_that_the_seller_pays_counts() -> None:
    """At 0.59 a minute there is a margin, but the fee of every call is more than a second brings in."""
    decision = decided(world(sale="0.10", sale_fee="0.02"))
    assert [(loss.seconds, loss.tier) for loss in decision.losses] == [(1, 0)]
    by_carrier = decided(world("0.01", "0.02", fee_a="0.02"))
    assert (gateways(by_carrier), [loss.gateway_id for loss in by_carrier.losses]) == ([2], [1])
    assert any("for the first 1 s and" in note for note in notes_for(by_carrier, {LEVEL}))


def test_tax_that_a_list_includes_is_no_income() -> None:
    inclusive = replace(
        version(RETAIL, "Retail", "0.35"), tariff=Tariff(RETAIL, "Retail", 100, 1, "EUR", is_tax_inclusive=True)
    )
    versions = (*(item for item in world().versions if item.tariff.price_list_id != RETAIL), inclusive)
    for percent, is_refused in (("16", False), ("20", True)):
        tiers = (replace(ACME_TIERS[0], taxes=(Tax("VAT", Decimal(percent)),)), ACME_TIERS[1])
        decision = decided(replace(world(), versions=versions).but("customers", ACME, tiers=tiers))
        assert bool(decision.refusal) == is_refused, percent


def test_emergency_calls_pass() -> None:
    assert gateways(decided(world("9", "9"), "999")) == [1]


@pytest.mark.parametrize(("cost_a", "left"), [("0.20", [None, 1]), ("0.31", [None])])
def test_a_forwarded_call_is_guarded_too(cost_a: str, left: list[int | None]) -> None:
    where = world(cost_a, "0.32").but("users", 22, forward_busy="+442079460123")
    longer = forward_after(where.feed(), decided(where, "102"), Failure(Cause.BUSY, 0), 60)
    assert longer is not None
    assert gateways(longer) == left
    assert bool(longer.holds) == (len(left) > 1)


CENTS = st.integers(0, 90).map(lambda cents: f"{cents / 100:.2f}")


@given(CENTS, CENTS, CENTS, st.booleans())
def test_no_call_is_offered_to_a_losing_carrier_unless_allowed(
    sale: str, cost_a: str, cost_b: str, is_allowed: bool
) -> None:
    decision = decided(world(cost_a, cost_b, sale=sale, retail="0.90", is_allowed=is_allowed))
    losing = {number for number, cost in ((1, cost_a), (2, cost_b)) if Decimal(cost) > Decimal(sale)}
    assert set(gateways(decision)) == {1, 2} - (set() if is_allowed else losing)
    assert (decision.refusal is None) == bool(decision.targets)
    assert not (decision.refusal and decision.holds)
