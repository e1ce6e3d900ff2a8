"""What the called customer pays for calls that carriers bring."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from carillon.callfeed.tests.cast import (
    ACME,
    ACME_TIERS,
    FJORD_RETAIL,
    NORTHWIND,
    RETAIL,
    WHOLESALE,
    World,
    carrier_call,
    version,
)
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import Gateway, Rate
from carillon.logic.callflow.forwarding import refuse_unpaid
from carillon.logic.callflow.values import CallRequest, ChainKind, Decision
from carillon.logic.ratetable import RateTable

BOB = "+442071110002"
CALL = carrier_call(BOB)  # from France
ANYWHERE = Rate("", "Everybody", Decimal(0), Decimal("0.6"), 1, 1)


def world(*lists: tuple[int | None, int | None]) -> World:
    """The cast where each tier of Acme pays by (list for received calls, list for toll-free numbers)."""
    tiers = tuple(
        replace(tier, received_list_id=received, toll_free_list_id=toll_free)
        for tier, (received, toll_free) in zip(ACME_TIERS, lists, strict=True)
    )
    return World().but("customers", ACME, tiers=tiers)


def decided(where: World, request: CallRequest = CALL) -> Decision:
    return decide(where.feed(), request, chunk_s=60)


def names(decision: Decision) -> list[str]:
    """What each tier of the terminating chain is charged for."""
    (chain,) = decision.chains
    assert chain.kind is ChainKind.TERMINATING
    return [charge.rate.name if charge.rate else charge.free_reason for charge in chain.tiers]


def test_each_tier_pays_by_its_own_list_for_where_the_caller_is() -> None:
    decision = decided(world((RETAIL, None), (WHOLESALE, None)))
    assert names(decision) == ["France", "France"]
    assert [(hold.account_id, hold.amount_micro, hold.chain) for hold in decision.holds] == [(100, 660_000, 0)]
    assert decision.holds[0].upper == ((200, 305_000),)


@pytest.mark.parametrize("is_toll_free", [True, False])
def test_toll_free_numbers_and_others_have_lists_of_their_own(is_toll_free: bool) -> None:
    where = world((None, FJORD_RETAIL), (None, None))
    numbers = tuple(replace(number, is_toll_free=is_toll_free) for number in where.numbers)
    decision = decided(replace(where, numbers=numbers))
    assert names(decision) == (["France", "received call"] if is_toll_free else ["received call", "received call"])
    assert bool(decision.holds) is is_toll_free


def test_only_tiers_above_may_pay_and_their_money_is_held_all_the_same() -> None:
    decision = decided(world((None, None), (WHOLESALE, None)))
    assert names(decision) == ["received call", "France"]
    assert (decision.holds[0].amount_micro, decision.holds[0].upper) == (0, ((200, 305_000),))


def test_above_the_owner_of_the_carrier_nobody_pays() -> None:
    own = Gateway(9, NORTHWIND, "Own carrier", "203.0.113.9", 5060, source_addresses=("203.0.113.9",))
    where = world((RETAIL, None), (WHOLESALE, None))
    decision = decided(replace(where, gateways=(*where.gateways, own)), carrier_call(BOB, "203.0.113.9"))
    assert names(decision) == ["France", "received call"]


@pytest.mark.parametrize("caller", [{"privacy": "id"}, {"from_user": "+4930231250001"}])
def test_callers_without_a_price_are_refused_unless_the_list_has_one_for_everybody(caller: dict[str, str]) -> None:
    where = world((RETAIL, None), (None, None))
    refused = decided(where, carrier_call(BOB, **caller))
    assert refused.refusal is not None
    assert (refused.refusal.slug, refused.holds) == ("no-price", ())
    everybody = replace(version(RETAIL, "Retail", "0.60"), rates=RateTable([ANYWHERE]))
    where = replace(where, versions=(everybody, *where.versions[1:]))
    assert names(decided(where, carrier_call(BOB, **caller))) == ["Everybody", "received call"]


def test_a_priced_call_that_is_forwarded_has_two_holds() -> None:
    where = world((RETAIL, None), (None, None)).but("users", 22, forward_always="+33123450099")
    decision = decided(where)
    assert [(chain.kind, hold.chain) for chain, hold in zip(decision.chains, decision.holds, strict=True)] == [
        (ChainKind.TERMINATING, 0),
        (ChainKind.FORWARDING, 1),
    ]
    assert decision.targets[0].chain == 1


def test_the_caller_is_not_told_whose_money_was_short() -> None:
    decision = decided(world((RETAIL, None), (None, None)))
    for slug in ("credit-exhausted", "partner-credit-exhausted", "daily-limit-reached", "customer-suspended"):
        refused = refuse_unpaid(decision, slug)
        assert refused.refusal is not None
        assert (refused.refusal.slug, refused.refusal.reason) == ("callee-cannot-pay", "Cannot be reached now")
        assert refused.private_notes[-1].partner_id == NORTHWIND
    busy = refuse_unpaid(decision, "channels-exhausted").refusal
    assert busy is not None
    assert busy.sip_code == 486
