"""The hold functions: exact under concurrency, and true to their invariants whatever happens in whatever order."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
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
from carillon.business.billing.choices import AccountKind, HoldState
from carillon.business.billing.models import Account, Entry, Hold, UnpostedCharge
from carillon.business.billing.queries import ledger_sums
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import system_actor
from carillon.config import Config
from carillon.logic.callflow.values import Decision
from carillon.logic.money import MICRO
from carillon.usecases.post_charges import accounts_to_post, post_account_charges
from carillon.usecases.settle_calls import settle_due_calls

pytestmark = pytest.mark.django_db


def acme(market: Market) -> Account:
    return Account.objects.get(pk=market.acme.pk)


def test_opening_twice_holds_once(cast: Cast) -> None:
    market = make_market(cast)
    decision = decided(invite("alice", "northwind.test", LONDON))
    call_id, _ = open_call(decision)
    held = acme(market).reserved_micro
    assert open_call(decision, call_id=call_id) == (call_id, "ok")
    assert acme(market).reserved_micro == held > 0
    refused, slug = open_call(decision, hold_micro=11 * MICRO)
    assert slug == "credit-exhausted"
    assert open_call(decision, call_id=refused, hold_micro=1) == (refused, "credit-exhausted")


@pytest.mark.parametrize(
    ("table", "name", "status", "slug"),
    [
        (Customer, "Acme Ltd", "suspended", "customer-suspended"),
        (Customer, "Acme Ltd", "blocked", "customer-blocked"),
        (Partner, "Northwind Telecom", "suspended", "partner-suspended"),
        (Partner, "Level Platform", "suspended", "partner-suspended"),
    ],
)
def test_the_database_knows_better_than_an_old_decision(
    cast: Cast, table: type[Customer] | type[Partner], name: str, status: str, slug: str
) -> None:
    market = make_market(cast)
    decision = decided(invite("alice", "northwind.test", LONDON))
    table._default_manager.filter(name=name).update(status=status)
    assert open_call(decision)[1] == slug
    assert acme(market).reserved_micro == 0


def test_partner_without_credit_stops_its_customers(cast: Cast) -> None:
    market = make_market(cast)
    decision = decided(invite("alice", "northwind.test", LONDON))
    Account.objects.filter(pk=market.northwind_at_operator.pk).update(balance_micro=0)
    assert open_call(decision)[1] == "partner-credit-exhausted"
    assert acme(market).reserved_micro == 0


def test_channels_are_capped(cast: Cast) -> None:
    market = make_market(cast)
    Customer.objects.filter(pk=cast.acme.pk).update(max_channels=1)
    decision = decided(invite("alice", "northwind.test", LONDON))
    first, _ = open_call(decision)
    held = acme(market).reserved_micro
    assert open_call(decision)[1] == "channels-exhausted"
    assert acme(market).reserved_micro == held
    rows("select callfeed.release_hold(%s)", first)
    assert open_call(decision)[1] == "ok"


def test_emergency_call_needs_no_money_and_no_standing(cast: Cast) -> None:
    make_market(cast, acme_micro=0)
    Customer.objects.filter(pk=cast.acme.pk).update(status="suspended")
    decision = decided(invite("alice", "northwind.test", "999"))
    assert decision.refusal is None
    assert open_call(decision)[1] == "ok"


def test_extension_stops_where_the_money_ends(cast: Cast) -> None:
    market = make_market(cast, acme_micro=1 * MICRO)
    decision = decided(invite("alice", "northwind.test", LONDON))
    call_id, _ = open_call(decision)
    until = datetime.now(UTC) + timedelta(minutes=2)
    assert extended(call_id, 500_000, until) == 500_000
    assert extended(call_id, 1_500_000, until) == 1_000_000  # what it can bear; nothing has changed
    assert acme(market).reserved_micro == 500_000
    assert extended(call_id, 1_000_000, until) == 1_000_000
    assert acme(market).available_micro == 0
    assert extended(call_id, 900_000, until) == 1_000_000  # a hold never shrinks
    assert extended(uuid4(), 1, until) == 0


def test_release_spares_an_answered_call(cast: Cast) -> None:
    market = make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)))
    happened(call_id, "answered", datetime.now(UTC), target=0)
    rows("select callfeed.release_hold(%s)", call_id)
    assert acme(market).reserved_micro > 0


def extended(call_id: UUID, total_micro: int, until: datetime) -> int:
    found: int = rows("select callfeed.extend_hold(%s, %s, %s, '[]')", call_id, total_micro, until)[0][0]
    return found


@pytest.mark.django_db(transaction=True)
def test_a_hundred_calls_at_once_on_money_for_ten_overspend_nothing(
    cast: Cast, config: Config, role_connection: Callable[[str], psycopg.Connection]
) -> None:
    market = make_market(cast, acme_micro=10 * MICRO)
    decision = decided(invite("alice", "northwind.test", LONDON))
    document = json.dumps({"direction": decision.direction.value, "request": {"sip_call_id": "x"}})
    start = threading.Barrier(10)

    def burst(_: int) -> list[str]:
        with psycopg.connect(config.database("control").url, autocommit=True) as control:
            start.wait(timeout=30)
            answers = []
            for _attempt in range(10):
                row = control.execute(
                    "select callfeed.open_call(%s, now(), 'test', %s::jsonb, %s, %s, null, '[]')",
                    [uuid4(), document, market.acme.pk, MICRO],
                ).fetchone()
                assert row is not None
                answers.append(row[0])
            return answers

    with ThreadPoolExecutor(10) as pool:
        answers = [answer for burst_answers in pool.map(burst, range(10)) for answer in burst_answers]
    assert sorted(set(answers)) == ["credit-exhausted", "ok"]
    assert answers.count("ok") == 10
    assert acme(market).available_micro == 0
    assert Hold.objects.filter(state=HoldState.OPEN).aggregate(total=Sum("amount_micro"))["total"] == 10 * MICRO


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

    @rule()
    def settle(self) -> None:
        with tenant(system_actor()) as actor:
            settle_due_calls(actor)

    @rule()
    def post(self) -> None:
        with tenant(system_actor()) as actor:
            for account_id in accounts_to_post(actor):
                post_account_charges(actor, account_id)

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
        waiting = dict(UnpostedCharge.objects.values_list("account").annotate(total=Sum("amount_micro")))
        for account in Account.objects.all():
            assert account.balance_micro == entries.get(account.pk, 0)
            assert account.reserved_micro == holds.get(account.pk, 0)
            is_customer = account.kind == AccountKind.CUSTOMER
            assert account.unposted_micro == (waiting.get(account.pk, 0) if is_customer else 0)
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
