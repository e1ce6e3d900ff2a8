from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.charging import (
    UNLIMITED,
    charge_of,
    funded_seconds,
    hold_micro,
    longest_call_s,
    outcome_of,
    settle,
    whole_seconds,
)
from carillon.logic.callflow.feed import Tier
from carillon.logic.callflow.refusals import refuse
from carillon.logic.callflow.values import (
    Attempt,
    CallFacts,
    CallRequest,
    CarrierCharge,
    Chain,
    ChainKind,
    Decision,
    Direction,
    Outcome,
    Target,
    TierCharge,
    answered_at,
    not_answered_yet,
)
from carillon.logic.tests.charges import moments, rate, tariff, tier, tier_charges

# ---------------------------------------------------------------- holds


def charged(per_minute: str, **rest: int | str) -> TierCharge:
    return TierCharge(tier(), tariff(), rate(per_minute, **rest))  # type: ignore[arg-type]


NOW = answered_at(0)
FREE = TierCharge(tier(), None, None, None, "on-net")


def test_a_hold_covers_fee_initial_interval_and_whole_increments() -> None:
    charge = charged("0.60", fee="0.05", initial_s=60, increment_s=30)
    assert hold_micro(charge, 0, NOW) == 650_000
    assert hold_micro(charge, 61, NOW) == 950_000


def test_a_hold_is_rounded_up_whatever_the_list_says() -> None:
    assert hold_micro(charged("0.000001"), 1, NOW) == 1
    assert hold_micro(TierCharge(tier(), tariff(decimals=2, rounding="down"), rate("0.01")), 1, NOW) == 10_000


def test_free_tiers_hold_nothing_and_run_without_limit() -> None:
    assert (hold_micro(FREE, 3600, NOW), funded_seconds(FREE, 0, NOW)) == (0, UNLIMITED)


def test_only_a_connection_fee_buys_any_length_or_none() -> None:
    charge = charged("0", fee="0.10")
    assert (funded_seconds(charge, 100_000, NOW), funded_seconds(charge, 99_999, NOW)) == (UNLIMITED, 0)


def test_money_buys_whole_increments_only() -> None:
    charge = charged("0.60", initial_s=60, increment_s=30)
    bought = [funded_seconds(charge, micro, NOW) for micro in (599_999, 600_000, 899_999, 900_000, 1_000_000)]
    assert bought == [0, 60, 60, 90, 90]


@given(tier_charges, st.integers(0, 10**9), moments)
def test_money_is_never_overspent_and_the_next_increment_never_affordable(
    charge: TierCharge, micro: int, at_ms: int
) -> None:
    answer = answered_at(at_ms)
    bought_s = funded_seconds(charge, micro, answer)
    if bought_s == UNLIMITED:
        assert hold_micro(charge, 10**6, answer) <= micro
        return
    assert bought_s == 0 or hold_micro(charge, bought_s, answer) <= micro
    assert hold_micro(charge, bought_s + 1, answer) > micro
    assert bought_s == 0 or whole_seconds(charge, bought_s, answer) == bought_s


@given(tier_charges, st.integers(0, 20_000), st.integers(0, 20_000_000), moments, st.integers(0, 300_000))
def test_a_hold_is_never_less_than_the_price(
    charge: TierCharge, held_s: int, duration_ms: int, begun_ms: int, rang_ms: int
) -> None:
    price = charge_of(charge, min(duration_ms, held_s * 1000), begun_ms + rang_ms)
    assert price is not None
    assert price.amount_micro <= hold_micro(charge, held_s, answered_at(begun_ms + rang_ms))
    assert price.amount_micro <= hold_micro(charge, held_s, not_answered_yet(begun_ms))


@given(tier_charges, moments)
def test_a_call_that_is_ended_at_the_maximum_never_costs_more_than_all_of_its_pieces(
    charge: TierCharge, at_ms: int
) -> None:
    chain = Chain(ChainKind.ORIGINATING, 7, 2, (charge,))
    longest_s = longest_call_s(chain, at_ms, 10_000)
    assert charge.rate is not None
    assert charge.tariff is not None
    if not charge.tariff.ends_at_maximum or charge.rate.maximum is None:
        assert longest_s == 10_000
        return
    price = charge_of(charge, 1000 * (longest_s + 1), at_ms)
    assert longest_s == 10_000 or (price is not None and price.price.bound in ("maximum", "grace"))


# ---------------------------------------------------------------- settling

REQUEST = CallRequest("c1", "192.0.2.9", 5060, "udp", "alice", "northwind.test", "02071234567", "northwind.test")
TO_CUSTOMER = Tier(0, 2, "Northwind Telecom", None, "Acme Ltd", 100, "EUR", 10)
TO_PARTNER = Tier(1, 1, "Level Platform", 2, "Northwind Telecom", 200, "EUR", 20)
CHAIN = Chain(
    ChainKind.ORIGINATING,
    7,
    2,
    (TierCharge(TO_CUSTOMER, tariff(), rate("0.60")), TierCharge(TO_PARTNER, tariff(), rate("0.30"))),
)


def target(gateway_id: int, per_minute: str) -> Target:
    carrier = CarrierCharge(gateway_id, f"Carrier {gateway_id}", 1, tariff(), rate(per_minute))
    return Target("gateway", gateway_id=gateway_id, carrier=carrier)


DECISION = Decision(
    Direction.OUTBOUND,
    REQUEST,
    dialled="02071234567",
    callee="+442071234567",
    targets=(target(1, "0.10"), target(2, "0.20")),
    chains=(CHAIN,),
    notes=("Why.",),
)
ANSWERED = CallFacts(started_ms=0, ended_ms=70_000, answered_ms=10_000, answered_target=0, sip_code=200)


def test_an_answered_call_is_charged_once_per_tier_and_carrier() -> None:
    drafts = settle(DECISION, ANSWERED)
    assert [(draft.tier, draft.account_id, draft.gateway_id, draft.amount_micro) for draft in drafts] == [
        (0, 100, None, 600_000),
        (1, 200, None, 300_000),
        (2, None, 1, 100_000),
    ]
    assert [draft.customer_id for draft in drafts] == [7, None, None]
    assert {draft.duration_ms for draft in drafts} == {60_000}


def test_failover_is_billed_on_the_carrier_that_answered() -> None:
    facts = replace(ANSWERED, answered_target=1, attempts=(Attempt(0, "Carrier 1", 503, "Overloaded", 4),))
    carrier = settle(DECISION, facts)[-1]
    assert (carrier.gateway_id, carrier.amount_micro) == (2, 200_000)
    assert carrier.explanation["attempts"] == [
        {"target": 0, "label": "Carrier 1", "sip_code": 503, "reason": "Overloaded", "elapsed_ms": 4}
    ]


def test_without_a_reported_target_the_one_after_the_failed_attempts_answered() -> None:
    facts = replace(ANSWERED, answered_target=None, attempts=(Attempt(0, "Carrier 1", 503, "", 4),))
    assert settle(DECISION, facts)[-1].gateway_id == 2


def test_an_explanation_holds_all_that_made_the_price() -> None:
    explanation = settle(DECISION, ANSWERED)[0].explanation
    expected = {
        "seller": "Northwind Telecom",
        "buyer": "Acme Ltd",
        "list": "Retail",
        "version": 3,
        "prefix": "44",
        "rate_name": "United Kingdom",
        "per_minute": "0.6",
        "billed_s": 60,
        "exact": "0.6",
        "amount": "0.60 EUR",
        "notes": ["Why."],
        "margin": {
            "income_micro": 600_000,
            "income_currency": "EUR",
            "cost_micro": 300_000,
            "cost_currency": "EUR",
            "margin_micro": 300_000,
        },
    }
    assert {key: explanation[key] for key in expected} == expected
    assert json.loads(json.dumps(explanation)) == explanation


def test_explanations_have_the_same_keys_in_the_same_order() -> None:
    refused = settle(refuse(DECISION, "credit-exhausted"), CallFacts(0, 0))
    layouts = {tuple(draft.explanation) for draft in (*settle(DECISION, ANSWERED), *refused)}
    assert len(layouts) == 1


def test_settling_twice_gives_the_same() -> None:
    assert settle(DECISION, ANSWERED) == settle(DECISION, ANSWERED)


def test_a_late_cut_costs_the_customer_no_more_than_was_held() -> None:
    facts = replace(ANSWERED, ended_ms=10_000 + 30_400, holds=((0, 300_000),), ended_by="money")
    drafts = settle(DECISION, facts)
    assert [draft.amount_micro for draft in drafts] == [300_000, 150_000, 51_667]
    assert drafts[0].duration_ms == 30_400


@pytest.mark.parametrize(
    ("sip_code", "ended_by", "outcome"),
    [
        (486, "callee", Outcome.BUSY),
        (600, "callee", Outcome.BUSY),
        (408, "", Outcome.NO_ANSWER),
        (480, "callee", Outcome.NO_ANSWER),
        (487, "caller", Outcome.CANCELLED),
        (487, "timeout", Outcome.NO_ANSWER),
        (404, "callee", Outcome.UNALLOCATED),
        (604, "callee", Outcome.UNALLOCATED),
        (503, "", Outcome.FAILED),
        (0, "sweeper", Outcome.FAILED),
    ],
)
def test_unanswered_calls_have_the_same_cdrs_at_no_charge(sip_code: int, ended_by: str, outcome: Outcome) -> None:
    drafts = settle(DECISION, CallFacts(0, 9_000, sip_code=sip_code, ended_by=ended_by))
    assert [(draft.tier, draft.outcome, draft.amount_micro, draft.billed_s) for draft in drafts] == [
        (0, outcome, 0, 0),
        (1, outcome, 0, 0),
    ]
    assert drafts[0].explanation["free_reason"] == f"not answered ({outcome.value.replace('_', ' ')})"


def test_a_refused_call_says_why_it_costs_nothing() -> None:
    refused = refuse(DECISION, "credit-exhausted")
    facts = CallFacts(0, 0)
    assert (refused.targets, refused.holds, outcome_of(refused, facts)) == ((), (), Outcome.REFUSED)
    explanation = settle(refused, facts)[0].explanation
    assert (explanation["refusal"], explanation["sip_code"]) == ("credit-exhausted", 402)
    assert explanation["free_reason"] == "refused: Not enough credit"


def test_a_carrier_without_a_price_has_a_cost_row_that_says_so() -> None:
    unpriced = CarrierCharge(1, "Carrier 1", 1, None, None)
    decision = replace(DECISION, targets=(replace(DECISION.targets[0], carrier=unpriced),))
    cost = settle(decision, ANSWERED)[-1]
    assert (cost.amount_micro, cost.currency, cost.gateway_id) == (0, "EUR", 1)
    assert "cost is not known" in str(cost.explanation["free_reason"])


def test_no_margin_is_claimed_across_currencies() -> None:
    abroad = replace(DECISION.targets[0].carrier or CarrierCharge(1, "", 1, None, None), tariff=tariff(currency="USD"))
    decision = replace(DECISION, targets=(replace(DECISION.targets[0], carrier=abroad),))
    margin = settle(decision, ANSWERED)[1].explanation["margin"]
    assert isinstance(margin, dict)
    assert (margin["cost_currency"], margin["margin_micro"]) == ("USD", None)


def test_received_and_forwarded_chains_carry_no_carrier_cost() -> None:
    received = Chain(ChainKind.TERMINATING, 8, 3, (FREE,))
    drafts = settle(replace(DECISION, chains=(CHAIN, received)), ANSWERED)
    assert [(draft.chain.value, draft.tier, draft.amount_micro) for draft in drafts][3:] == [("terminating", 0, 0)]


def test_conversion_uses_the_rate_frozen_at_call_start() -> None:
    charge = TierCharge(TO_CUSTOMER, tariff(currency="USD"), rate("0.60"), Decimal("0.5"))
    decision = replace(DECISION, chains=(replace(CHAIN, tiers=(charge,)),))
    draft = settle(decision, ANSWERED)[0]
    assert (draft.amount_micro, draft.currency, draft.explanation["exchange_rate"]) == (300_000, "EUR", "0.5")
