"""A state machine: whatever happens to calls and money in whatever order, the books are right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.support.cast import Cast
from tests.support.market import LONDON, Market, decided, happened, invite, make_market, open_call, rows

from carillon.base.tenancy import tenant
from carillon.business.billing.actions import LimitData, TopUpData, set_credit_limit, top_up_customer
from carillon.business.billing.models import Account, CreditWindow, Entry, Hold, UnpostedCharge
from carillon.business.billing.queries import HOLDERS, ledger_sums
from carillon.business.partners.queries import system_actor
from carillon.logic.callflow.values import Decision
from carillon.logic.money import MICRO
from carillon.usecases.post_charges import post_charges
from carillon.usecases.settle_calls import settle_due_calls

pytestmark = pytest.mark.django_db


def acme(market: Market) -> Account:
    return Account.objects.get(pk=market.acme.pk)


def extended(call_id: UUID, total_micro: int, until: datetime) -> int:
    found: int = rows("select callfeed.extend_hold(%s, %s, %s, '[]')", call_id, total_micro, until)[0][0]
    return found


class Trading(RuleBasedStateMachine):
    """One customer's account with calls opened, extended, answered, ended, released, settled, posted, topped up."""

    market: Market
    decision: Decision

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[UUID] = []
        self.clock = datetime.now(UTC) - timedelta(hours=2)

    @initialize()
    def begin(self) -> None:
        self.savepoint = transaction.savepoint()

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    def tick(self, seconds: float) -> datetime:
        self.clock += timedelta(seconds=seconds)
        return self.clock

    @rule(micro=st.integers(0, 4 * MICRO))
    def open(self, micro: int) -> None:
        before = acme(self.market).available_micro
        call_id, answer = open_call(self.decision, at=self.tick(1), hold_micro=micro)
        assert (answer == "ok") == (micro <= before or micro == 0)
        self.calls.append(call_id)

    @rule(index=st.integers(0, 20), micro=st.integers(0, 6 * MICRO))
    def extend(self, index: int, micro: int) -> None:
        for call_id in self.calls[index : index + 1]:
            held = sum(Hold.objects.filter(call_id=call_id, state="open").values_list("amount_micro", flat=True))
            available = acme(self.market).available_micro
            granted = extended(call_id, micro, self.tick(1) + timedelta(minutes=1))
            if Hold.objects.filter(call_id=call_id, state="open").exists():
                assert held <= granted <= max(micro, held, held + available)

    @rule(index=st.integers(0, 20), kind=st.sampled_from(["applied", "answered", "ended", "failed", "answered"]))
    def event(self, index: int, kind: str) -> None:
        for call_id in self.calls[index : index + 1]:
            happened(call_id, kind, self.tick(20), by="caller", sip_code=486 if kind == "failed" else 200, target=0)

    @rule(index=st.integers(0, 20))
    def release(self, index: int) -> None:
        for call_id in self.calls[index : index + 1]:
            rows("select callfeed.release_hold(%s)", call_id)

    @rule(index=st.integers(0, 20))
    def free(self, index: int) -> None:
        rows("select callfeed.free_channels(%s)", self.calls[index : index + 1])

    @rule()
    def settle(self) -> None:
        with tenant(system_actor()) as actor:
            settle_due_calls(actor)

    @rule()
    def post(self) -> None:
        with tenant(system_actor()) as actor:
            post_charges(actor)

    @rule(key=st.integers(1, 3), cents=st.integers(1, 300))
    def top_up(self, key: int, cents: int) -> None:
        data = TopUpData(amount_micro=cents * 10_000, idempotency_key=f"{key}-{cents}")
        with tenant(system_actor()) as actor:
            first = top_up_customer(actor, self.market.cast.acme, data)
            balance = acme(self.market).balance_micro
            assert top_up_customer(actor, self.market.cast.acme, data) == first
        assert acme(self.market).balance_micro == balance

    @invariant()
    def the_books_are_right(self) -> None:
        with tenant(system_actor()) as actor:
            assert set(ledger_sums(actor).values()) <= {0}
        entries = dict(Entry.objects.values_list("account").annotate(total=Sum("amount_micro")))
        holds = dict(Hold.objects.filter(state="open").values_list("account").annotate(total=Sum("amount_micro")))
        windows = dict(CreditWindow.objects.values_list("account").annotate(total=Sum("granted_micro")))
        waiting = dict(UnpostedCharge.objects.values_list("account").annotate(total=Sum("amount_micro")))
        for account in Account.objects.all():
            assert account.balance_micro == entries.get(account.pk, 0)
            assert account.reserved_micro == holds.get(account.pk, 0) + windows.get(account.pk, 0)
            assert account.unposted_micro == (waiting.get(account.pk, 0) if account.kind in HOLDERS else 0)
        counted = Hold.objects.filter(account=self.market.acme, state="open", has_channel=True).count()
        assert acme(self.market).open_calls == counted
        assert acme(self.market).available_micro >= 0


def test_money_is_right_whatever_happens(cast: Cast) -> None:
    market = make_market(cast, acme_micro=5 * MICRO)
    with tenant(system_actor()) as actor:  # the tiers above are not what this is about
        for account in (market.northwind_at_operator, market.fjord_at_northwind):
            set_credit_limit(actor, account, LimitData(credit_limit_micro=1_000_000 * MICRO))
    decision = decided(invite("alice", "northwind.test", LONDON))
    machine = type("TradingOfAcme", (Trading,), {"market": market, "decision": decision})
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=health)
    run_state_machine_as_test(machine, settings=chosen)
    assert connection.in_atomic_block
