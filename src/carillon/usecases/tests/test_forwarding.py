"""A forwarded call in the database: one hold per charge chain, and CDRs for everybody it concerns."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from tests.support.cast import Cast
from tests.support.market import DatabaseFeed, Market, decided, happened, invite, make_market, open_call, rows

from carillon.base.tenancy import tenant
from carillon.business.billing.choices import HoldState
from carillon.business.billing.models import Account, Hold
from carillon.business.calls.models import Call, Cdr
from carillon.business.calls.queries import prices_of
from carillon.business.customers.models import Customer
from carillon.business.partners.queries import system_actor
from carillon.logic.callflow.forwarding import Failure, forward_after
from carillon.logic.callflow.values import Cause, Decision
from carillon.logic.documents import to_document
from carillon.usecases.settle_calls import settle_call

pytestmark = pytest.mark.django_db

OUTSIDE = "+441632960001"


def bob_forwards_when_busy(cast: Cast) -> None:
    cast.bob.forwards_busy, cast.bob.forward_busy_to = True, OUTSIDE
    cast.bob.save()


def ringing(cast: Cast) -> tuple[UUID, Decision, Decision]:
    """Alice's call to Bob, and what becomes of it when he is busy."""
    bob_forwards_when_busy(cast)
    decision = decided(invite("alice", "northwind.test", "102"))
    call_id, answer = open_call(decision)
    assert answer == "ok"
    happened(call_id, "applied", datetime.now(UTC))
    longer = forward_after(DatabaseFeed(), decision, Failure(Cause.BUSY, 0), 60)
    assert longer is not None
    return call_id, decision, longer


def forwarded(call_id: UUID, longer: Decision) -> str:
    hold = longer.holds[-1]
    statement = "select callfeed.forward_call(%s, %s::jsonb, %s, %s, %s, %s::jsonb, null, %s)"
    document, upper = json.dumps(to_document(longer)), json.dumps(hold.upper)
    until = datetime.now(UTC) + timedelta(seconds=hold.funded_s)
    found: str = rows(statement, call_id, document, hold.account_id, hold.amount_micro, until, upper, hold.chain)[0][0]
    return found


def acme(market: Market) -> Account:
    return Account.objects.get(pk=market.acme.pk)


def test_forwarding_takes_one_hold_for_its_chain_however_often_it_is_asked_for(cast: Cast) -> None:
    market = make_market(cast)
    call_id, _, longer = ringing(cast)
    assert acme(market).reserved_micro == 0
    assert [forwarded(call_id, longer), forwarded(call_id, longer)] == ["ok", "ok"]
    (hold,) = Hold.objects.filter(call_id=call_id)
    assert (hold.chain_no, hold.amount_micro) == (1, acme(market).reserved_micro)
    assert len(Call.objects.get(pk=call_id).decision["targets"]) == len(longer.targets)


def test_two_chains_of_a_call_have_two_holds_and_both_are_given_back(cast: Cast) -> None:
    market = make_market(cast)
    call_id, _, longer = ringing(cast)
    (hold,) = longer.holds
    second = replace(longer, chains=(*longer.chains, longer.chains[-1]), holds=(hold, replace(hold, chain=2)))
    assert [forwarded(call_id, longer), forwarded(call_id, second)] == ["ok", "ok"]
    assert acme(market).reserved_micro == 2 * hold.amount_micro
    rows("select callfeed.release_hold(%s)", call_id)
    assert acme(market).reserved_micro == 0
    assert set(Hold.objects.filter(call_id=call_id).values_list("state", flat=True)) == {HoldState.RELEASED}


@pytest.mark.parametrize("kind", ["answered", "failed"])
def test_call_that_is_answered_or_over_is_not_forwarded_any_more(cast: Cast, kind: str) -> None:
    market = make_market(cast)
    call_id, _, longer = ringing(cast)
    happened(call_id, kind, datetime.now(UTC), target=0)
    assert forwarded(call_id, longer) == "call-over"
    assert forwarded(uuid4(), longer) == "call-over"
    assert acme(market).reserved_micro == 0


def test_forwarder_without_money_or_standing_changes_nothing(cast: Cast) -> None:
    market = make_market(cast)
    call_id, decision, longer = ringing(cast)
    Account.objects.filter(pk=market.acme.pk).update(balance_micro=0)
    assert forwarded(call_id, longer) == "credit-exhausted"
    Customer.objects.filter(pk=cast.acme.pk).update(status="suspended")
    assert forwarded(call_id, longer) == "customer-suspended"
    assert len(Call.objects.get(pk=call_id).decision["targets"]) == len(decision.targets)
    assert not Hold.objects.filter(call_id=call_id).exists()


def test_forwarder_is_charged_and_the_hold_is_settled(cast: Cast) -> None:
    market = make_market(cast)
    call_id, _, longer = ringing(cast)
    forwarded(call_id, longer)
    now = datetime.now(UTC)
    happened(call_id, "attempt", now, target=0, label="bob@northwind.test", sip_code=486)
    happened(call_id, "answered", now, target=1)
    happened(call_id, "ended", now + timedelta(seconds=60), by="caller", sip_code=200)
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
        own = Cdr.objects.get(call_id=call_id, chain="forwarding", tier=0)
        lines = prices_of(actor, own)
    assert (own.user_name, own.callee, own.customer_name) == ("Bob", OUTSIDE, "Acme Ltd")
    assert own.explanation["forwarded"] == "by Bob: busy"
    assert [line.tier for line in lines] == [0, 1, 2]
    assert own.amount_micro > 0
    assert (acme(market).reserved_micro, acme(market).unposted_micro) == (0, own.amount_micro)
    caller = Cdr.objects.get(call_id=call_id, chain="originating", tier=0)
    assert (caller.amount_micro, caller.callee, caller.user_name) == (0, "102", "Alice")


def test_database_that_knows_better_refuses_in_words_for_the_caller(cast: Cast) -> None:
    make_market(cast)
    cast.bob.forwards_always, cast.bob.forward_always_to = True, OUTSIDE
    cast.bob.save()
    decision = decided(invite("alice", "northwind.test", "102"))
    Account.objects.filter(customer=cast.acme).update(balance_micro=0)
    call_id, answer = open_call(decision)
    assert answer == "credit-exhausted"
    with tenant(system_actor()) as actor:
        rated = settle_call(actor, call_id)
    assert {cdr.explanation["refusal"] for cdr in rated} == {"not-forwarded"}
    assert {cdr.sip_code for cdr in rated} == {480}
