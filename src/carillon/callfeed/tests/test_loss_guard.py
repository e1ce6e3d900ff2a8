"""The loss guard: who costs more than the call brings in is left out, unless the route allows it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callfeed.tests.cast import (
    COST_A,
    COST_B,
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
from carillon.logic.callflow.feed import Gateway, Route
from carillon.logic.callflow.forwarding import Failure, forward_after
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.values import Cause, Decision

LONDON = "020 7946 0123"
LEFT_OUT = (
    "Carrier Carrier B costs 0.31 EUR for a typical minute and Northwind Telecom pays 0.3: it is left out, for the"
    " route allows no loss."
)


def world(cost_a: str = "0.20", cost_b: str = "0.10", *, is_allowed: bool = False, **rest: str) -> World:
    """The cast, where A and B cost so much; Level sells to Northwind at 0.30, which sells at 0.60."""
    versions = (
        version(RETAIL, "Retail", "0.60"),
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
    assert gateways(decided(world("0.25", fee_a="0.06", sale_fee="0.02"))) == [2, 1]


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
    decision = decided(world(cost_a, cost_b, sale=sale, is_allowed=is_allowed))
    losing = {number for number, cost in ((1, cost_a), (2, cost_b)) if Decimal(cost) > Decimal(sale)}
    assert set(gateways(decision)) == {1, 2} - (set() if is_allowed else losing)
    assert (decision.refusal is None) == bool(decision.targets)
    assert not (decision.refusal and decision.holds)
