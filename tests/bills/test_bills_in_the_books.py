"""A few golden bills through the database: from the edge's events to CDRs, balances and the ledger; replayed, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from carillon.base.tenancy import tenant
from carillon.business.billing.models import Account, UnpostedCharge
from carillon.business.billing.queries import ledger_sums
from carillon.business.calls.models import Cdr
from carillon.business.partners.queries import system_actor
from carillon.logic.callflow.values import Decision
from carillon.usecases.post_charges import post_charges
from carillon.usecases.settle_calls import settle_call
from tests.support.bills import Bill, BilledCall, bills
from tests.support.cast import Cast
from tests.support.market import LONDON, decided, finished_call, happened, invite, make_market

pytestmark = pytest.mark.django_db

CHOSEN = ("christmas", "deductible_fee", "grace_and_minimum", "maximum")


def by_this_bill(decision: Decision, bill: Bill) -> Decision:
    """The decision with the bill's prices frozen at its lowest tier; nothing is held."""
    (sale,), (chain,) = bill.sales, decision.chains
    lowest = replace(chain.tiers[0], tariff=sale.tariff, rate=sale.rate)
    return replace(decision, chains=(replace(chain, tiers=(lowest, *chain.tiers[1:])),), holds=())


def at(call: BilledCall) -> datetime:
    return datetime.fromtimestamp(call.answered_ms / 1000, UTC) - timedelta(seconds=2)


def test_bills_in_the_books(cast: Cast) -> None:
    acme = make_market(cast).acme
    decision = decided(invite("alice", "northwind.test", LONDON))
    expected = 0
    for bill in [one for one in bills() if one.name in CHOSEN]:
        for call in bill.calls:
            talked_s = call.duration_ms / 1000
            call_id = finished_call(by_this_bill(decision, bill), talked_s=talked_s, started=at(call))
            with tenant(system_actor()) as actor:
                settle_call(actor, call_id)
            sold = Cdr.objects.get(call_id=call_id, tier=0)
            assert sold.amount_micro == call.prices[0], (bill.name, call)
            # the edge tells it all again, and later: nothing is charged twice
            happened(call_id, "ended", at(call) + timedelta(seconds=talked_s + 60), by="caller", sip_code=200)
            with tenant(system_actor()) as actor:
                assert settle_call(actor, call_id)[0].pk == sold.pk
            expected += call.prices[0]
    with tenant(system_actor()) as actor:
        post_charges(actor)
        post_charges(actor)
        assert ledger_sums(actor) == {"EUR": 0}
    assert not UnpostedCharge.objects.exists()
    account = Account.objects.get(pk=acme.pk)
    assert (account.balance_micro, account.unposted_micro) == (acme.balance_micro - expected, 0)
