"""Calls that the called customer pays for, in the database: alone, and with a forwarding that has a price too."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.support.cast import Cast
from tests.support.market import LONDON, Market, decided, happened, make_market, open_call, rows

from carillon.base.tenancy import tenant
from carillon.business.billing.models import Account, Hold
from carillon.business.calls.choices import Tab
from carillon.business.calls.models import Cdr
from carillon.business.customers.models import User
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.assignments import AssignmentData, assign_price_list
from carillon.business.pricing.choices import Traffic
from carillon.business.pricing.models import PriceList
from carillon.logic.callflow.charging import hold_micro
from carillon.logic.callflow.forwarding import refuse_unpaid
from carillon.logic.callflow.values import CallRequest, Decision, answered_at
from carillon.logic.documents import to_document
from carillon.usecases.settle_calls import settle_call

pytestmark = pytest.mark.django_db


@pytest.fixture
def market(cast: Cast) -> Market:
    """Acme pays for calls that it receives, and Northwind to the operator."""
    market = make_market(cast)
    with tenant(system_actor()) as actor:
        for name, partner_id in (("Northwind retail", None), ("To Northwind", cast.northwind.pk)):
            prices = PriceList.objects.get(name=name)
            assign_price_list(
                actor,
                AssignmentData(price_list_id=prices.pk, traffic=Traffic.RECEIVED, buyer_partner_id=partner_id),
            )
    return market


def called(market: Market, *, forwards: bool = False) -> Decision:
    """A British caller calls Alice from the carrier."""
    User.objects.filter(pk=market.cast.alice.pk).update(forwards_always=forwards, forward_always_to=LONDON)
    request = CallRequest("c1@carrier", "192.0.2.10", 5060, "udp", "", "", market.acme_number, "x", "+441632960009")
    return decided(request)


def take(call_id: UUID, decision: Decision, place: int) -> str:
    """The hold of one more chain, as control takes it."""
    hold = decision.holds[place]
    found: str = rows(
        "select callfeed.forward_call(%s, %s::jsonb, %s, %s, %s, %s::jsonb, null, %s)",
        call_id,
        json.dumps(to_document(decision)),
        hold.account_id,
        hold.amount_micro,
        datetime.now(UTC) + timedelta(seconds=hold.funded_s),
        json.dumps(hold.upper),
        hold.chain,
    )[0][0]
    return found


def extend(call_id: UUID, decision: Decision, place: int, seconds: int) -> None:
    charges = decision.chains[place].tiers
    own, *upper = [[charge.tier.account_id, hold_micro(charge, seconds, answered_at(0))] for charge in charges]
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    needed = json.dumps([[*need, 0] for need in upper])
    query = "select callfeed.extend_hold(%s, %s, %s, %s::jsonb, null, %s)"
    assert rows(query, call_id, own[1], until, needed, place)[0][0] == own[1]


def money(market: Market) -> list[tuple[int, int]]:
    """What is reserved and not posted yet, of Acme and of Northwind."""
    ids = (market.acme.pk, market.northwind_at_operator.pk)
    found = {row.pk: (row.reserved_micro, row.unposted_micro) for row in Account.objects.filter(pk__in=ids)}
    return [found[pk] for pk in ids]


def test_the_called_customer_and_its_partner_are_charged_by_where_the_caller_is(market: Market) -> None:
    decision = called(market)
    call_id, answer = open_call(decision)
    assert answer == "ok"
    now = datetime.now(UTC)
    happened(call_id, "answered", now, target=0)
    happened(call_id, "ended", now + timedelta(seconds=30), by="caller", sip_code=200)
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
    own = Cdr.objects.get(call_id=call_id, tier=0)
    assert (own.tab, own.destination, own.amount_micro) == (Tab.RECEIVED, "United Kingdom", 30_000)
    assert own.explanation["list"] == "Northwind retail"
    assert money(market) == [(0, 30_000), (0, 10_000)]


def test_both_chains_of_a_forwarded_call_are_extended_and_charged_each_by_itself(market: Market) -> None:
    decision = called(market, forwards=True)
    call_id, answer = open_call(decision)
    assert [answer, take(call_id, decision, 1), take(call_id, decision, 1)] == ["ok"] * 3
    now = datetime.now(UTC)
    happened(call_id, "answered", now, target=0)
    for place, seconds in ((0, 120), (1, 200)):
        extend(call_id, decision, place, seconds)
    held = dict(Hold.objects.filter(call_id=call_id).values_list("chain_no", "amount_micro"))
    assert held == {0: 120_000, 1: 200_000}
    ((holds, target),) = rows("select holds, answered_target from callfeed.open_calls('test')")
    assert ([hold[:2] for hold in holds], target) == ([[0, 120_000], [1, 200_000]], 0)
    happened(call_id, "ended", now + timedelta(seconds=150), by="money", sip_code=200)  # 30 s after the first ran down
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
    charged = Cdr.objects.filter(call_id=call_id, tier=0).order_by("chain_no")
    assert list(charged.values_list("chain", "amount_micro")) == [("terminating", 120_000), ("forwarding", 150_000)]
    assert money(market) == [(0, 270_000), (0, 90_000)]


def test_a_call_whose_second_chain_can_not_pay_leaves_nothing_set_aside(market: Market) -> None:
    decision = called(market, forwards=True)
    first, second = decision.holds
    Account.objects.filter(pk=market.acme.pk).update(balance_micro=first.amount_micro + second.amount_micro - 1)
    call_id, answer = open_call(decision)
    assert [answer, take(call_id, decision, 1)] == ["ok", "credit-exhausted"]
    refused = refuse_unpaid(decision, "credit-exhausted", second)
    rows("select callfeed.release_hold(%s)", call_id)
    for _ in range(2):  # an answer may get lost
        rows("select callfeed.refuse_call(%s, now(), 'test', %s::jsonb)", call_id, json.dumps(to_document(refused)))
    with tenant(system_actor()) as actor:
        rated = settle_call(actor, call_id)
    assert {(cdr.explanation["refusal"], cdr.amount_micro) for cdr in rated} == {("not-forwarded", 0)}
    assert money(market)[0] == (0, 0)


def test_who_can_not_pay_for_being_called_has_missed_the_call_and_reads_why(market: Market) -> None:
    Account.objects.filter(pk=market.acme.pk).update(balance_micro=0)
    call_id, answer = open_call(called(market))
    assert answer == "credit-exhausted"
    with tenant(system_actor()) as actor:
        rated = settle_call(actor, call_id)
    own = next(cdr for cdr in rated if cdr.tier == 0)
    assert (own.tab, own.sip_code, own.explanation["refusal"]) == (Tab.MISSED, 480, "callee-cannot-pay")
    assert "Not enough credit" in str(own.explanation["notes"])


def test_a_call_that_has_begun_is_not_refused_any_more(market: Market) -> None:
    decision = called(market)
    call_id, _ = open_call(decision)
    happened(call_id, "progress", datetime.now(UTC))
    refused = refuse_unpaid(replace(decision), "credit-exhausted")
    rows("select callfeed.refuse_call(%s, now(), 'test', %s::jsonb)", call_id, json.dumps(to_document(refused)))
    assert rows("select state, decision -> 'refusal' from calls_call where id = %s", call_id) == [("ringing", "null")]
