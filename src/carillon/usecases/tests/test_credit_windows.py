"""Credit windows: whatever two controls, the worker and the sweeper do in whatever order, no tier promises too much."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.db.models import Count, Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.support.cast import Cast
from tests.support.market import LONDON, Market, decided, happened, invite, make_market, rows

from carillon.base.tenancy import tenant
from carillon.business.billing.actions import LimitData, TopUpData, set_credit_limit, top_up_partner
from carillon.business.billing.models import Account, CreditWindow, EdgeLease, Hold, UnpostedCharge
from carillon.business.billing.queries import HOLDERS, ledger_sums
from carillon.business.partners.queries import system_actor
from carillon.logic.callflow.charging import hold_micro
from carillon.logic.callflow.values import Decision, answered_at
from carillon.logic.documents import to_document
from carillon.logic.money import MICRO
from carillon.usecases.post_charges import post_charges
from carillon.usecases.settle_calls import settle_due_calls
from carillon.usecases.sweep_windows import sweep_windows

pytestmark = pytest.mark.django_db

SLICE = 60_000
Pairs = list[tuple[int, int]]


@dataclass
class Control:
    """A control's side of its windows: what it may spend of each account without asking."""

    edge: str
    lease: UUID | None = None
    free: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def take_lease(self) -> None:
        self.lease = uuid4()
        found = rows("select * from callfeed.take_lease(%s, %s)", self.edge, self.lease)
        self.free = defaultdict(int, found)

    def grant(self, account: int, micro: int, least_left: int = 0) -> int:
        found = rows(
            "select callfeed.grant_credit(%s, %s, %s, %s, %s)", self.edge, self.lease, account, micro, least_left
        )
        self.free[account] += max(found[0][0], 0)
        return int(found[0][0])

    def give(self, account: int, micro: int) -> bool:
        self.free[account] -= micro
        return bool(rows("select callfeed.return_credit(%s, %s, %s, %s)", self.edge, self.lease, account, micro)[0][0])

    def open(self, decision: Decision, seconds: int, at: datetime, call_id: UUID | None = None) -> tuple[UUID, str]:
        totals = _totals(decision, seconds)
        needed = self._spend([(account, total, total) for account, total in totals[1:]])
        call_id = call_id or uuid4()
        answer = rows(
            "select callfeed.open_call(%s, %s, %s, %s::jsonb, %s, %s, %s, %s::jsonb, %s)",
            call_id, at, self.edge, json.dumps(to_document(decision)), totals[0][0], totals[0][1],
            at + timedelta(seconds=seconds), json.dumps(needed), self.lease,
        )[0][0]  # fmt: skip
        if answer != "ok":
            self._restore(needed)
        return call_id, answer

    def forward(self, call: _Call, seconds: int, at: datetime) -> str:
        """A second chain of the call, at the same price."""
        totals = _totals(call.decision, seconds)
        needed = self._spend([(account, total, total) for account, total in totals[1:]])
        answer: str = rows(
            "select callfeed.forward_call(%s, %s::jsonb, %s, %s, %s, %s::jsonb, %s, 1)",
            call.call_id, json.dumps(to_document(_longer(call.decision))), totals[0][0], totals[0][1],
            at + timedelta(seconds=seconds), json.dumps(needed), self.lease,
        )[0][0]  # fmt: skip
        if answer != "ok":
            self._restore(needed)
        return answer

    def extend(self, call: _Call, seconds: int, at: datetime) -> int:
        totals = _totals(call.decision, seconds)
        had = dict(_totals(call.decision, call.seconds))
        needed = self._spend([(account, total, total - had[account]) for account, total in totals[1:]])
        granted: int = rows(
            "select callfeed.extend_hold(%s, %s, %s, %s::jsonb, %s, %s)",
            call.call_id, totals[0][1], at + timedelta(seconds=seconds), json.dumps(needed), self.lease, call.chain_no,
        )[0][0]  # fmt: skip
        if granted < totals[0][1]:
            self._restore(needed)
        return granted

    def release(self, call_id: UUID) -> None:
        for account, micro in rows("select callfeed.release_hold(%s)", call_id)[0][0]:
            self.free[account] += micro

    def _spend(self, needs: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        spent = []
        for account, total, new in needs:
            micro = min(max(new, 0), self.free[account])
            self.free[account] -= micro
            spent.append((account, total, micro))
        return spent

    def _restore(self, needed: list[tuple[int, int, int]]) -> None:
        for account, _, micro in needed:
            self.free[account] += micro


@dataclass
class _Call:
    call_id: UUID
    control: Control
    decision: Decision
    seconds: int
    chain_no: int = 0


def _longer(decision: Decision) -> Decision:
    """The call forwarded by its own customer: its one target is reached by a second chain."""
    (chain,), (target, *_) = decision.chains, decision.targets
    return replace(decision, chains=(chain, chain), targets=(replace(target, chain=1),))


def _totals(decision: Decision, seconds: int) -> Pairs:
    return [
        (charge.tier.account_id, hold_micro(charge, seconds, answered_at(0))) for charge in decision.chains[0].tiers
    ]


def account(pk: int) -> Account:
    return Account.objects.get(pk=pk)


# ---------------------------------------------------------------- one thing at a time


@pytest.fixture
def market(cast: Cast) -> Market:
    return make_market(cast)


def _alice() -> Decision:
    return decided(invite("alice", "northwind.test", LONDON))


def _bryggen() -> Decision:
    return decided(invite("bryggen", "fjord.test", LONDON))


def _leased(edge: str = "edge-1") -> Control:
    control = Control(edge)
    control.take_lease()
    return control


def _work() -> None:
    with tenant(system_actor()) as actor:
        settle_due_calls(actor)
        post_charges(actor)


def swept() -> int:
    with tenant(system_actor()) as actor:
        return sweep_windows(actor)


def test_calls_spend_a_window_without_touching_the_account(market: Market) -> None:
    control, upper = _leased(), market.northwind_at_operator.pk
    assert control.grant(upper, SLICE) == SLICE
    assert account(upper).reserved_micro == SLICE
    call_id, answer = control.open(_alice(), 60, datetime.now(UTC))
    assert (answer, control.free[upper]) == ("ok", SLICE - 20_000)
    assert account(upper).reserved_micro == SLICE
    assert Hold.objects.get(call_id=call_id).upper == [[upper, 20_000]]


def test_what_a_window_lacks_is_granted_for_the_call_alone(market: Market) -> None:
    control, upper = _leased(), market.northwind_at_operator.pk
    control.grant(upper, 5_000)
    call_id, answer = control.open(_alice(), 60, datetime.now(UTC))
    assert (answer, control.free[upper], account(upper).reserved_micro) == ("ok", 0, 20_000)
    assert control.extend(_Call(call_id, control, _alice(), 60), 120, datetime.now(UTC)) == 120_000
    assert account(upper).reserved_micro == CreditWindow.objects.get().granted_micro == 40_000


def test_a_tier_above_that_is_short_refuses_the_call_and_its_extension(market: Market) -> None:
    control, upper = _leased(), market.northwind_at_operator.pk
    Account.objects.filter(pk=upper).update(balance_micro=30_000)
    call_id, answer = control.open(_alice(), 60, datetime.now(UTC))
    assert answer == "ok"
    assert control.open(_alice(), 60, datetime.now(UTC))[1] == "partner-credit-exhausted"
    before = account(market.acme.pk).reserved_micro
    assert control.extend(_Call(call_id, control, _alice(), 60), 120, datetime.now(UTC)) == -1
    assert account(market.acme.pk).reserved_micro == before
    assert account(upper).available_micro == 10_000


def test_a_short_customer_costs_the_tiers_above_nothing(market: Market) -> None:
    control, upper = _leased(), market.northwind_at_operator.pk
    Account.objects.filter(pk=market.acme.pk).update(balance_micro=1)
    assert control.open(_alice(), 60, datetime.now(UTC))[1] == "credit-exhausted"
    assert account(upper).reserved_micro == 0
    assert not CreditWindow.objects.exists()


def test_both_partners_of_a_sub_partners_call_promise_their_part(market: Market) -> None:
    control = _leased()
    assert control.open(_bryggen(), 60, datetime.now(UTC))[1] == "ok"
    assert account(market.fjord_at_northwind.pk).reserved_micro == 40_000
    assert account(market.northwind_at_operator.pk).reserved_micro == 20_000


def test_a_slice_that_leaves_too_little_is_not_granted(market: Market) -> None:
    control, upper = _leased(), market.northwind_at_operator.pk
    Account.objects.filter(pk=upper).update(balance_micro=SLICE + 10)
    assert control.grant(upper, SLICE, least_left=11) == 0
    assert control.grant(upper, SLICE, least_left=10) == SLICE
    assert control.give(upper, SLICE)
    assert account(upper).reserved_micro == 0


def test_two_controls_have_windows_of_their_own(market: Market) -> None:
    one, two, upper = _leased("edge-1"), _leased("edge-2"), market.northwind_at_operator.pk
    one.grant(upper, SLICE)
    assert two.open(_alice(), 60, datetime.now(UTC))[1] == "ok"
    assert account(upper).reserved_micro == SLICE + 20_000
    assert dict(CreditWindow.objects.values_list("edge", "granted_micro")) == {"edge-1": SLICE, "edge-2": 20_000}


def test_who_comes_after_counts_what_the_calls_leave(market: Market) -> None:
    before, upper = _leased(), market.northwind_at_operator.pk
    before.grant(upper, SLICE)
    before.open(_alice(), 60, datetime.now(UTC))
    after = _leased()
    assert after.free == {upper: SLICE - 20_000}
    assert before.open(_alice(), 60, datetime.now(UTC))[1] == "ok"  # a late call of the one before: granted exactly
    assert account(upper).reserved_micro == SLICE + 20_000
    assert before.grant(upper, SLICE) == -1
    assert not before.give(upper, 10)
    assert after.give(upper, SLICE - 20_000)
    assert account(upper).reserved_micro == 40_000


def test_rating_takes_a_share_out_of_its_window(market: Market) -> None:
    control, upper = _leased(), market.northwind_at_operator.pk
    control.grant(upper, SLICE)
    started = datetime.now(UTC) - timedelta(minutes=3)
    call_id, _ = control.open(_alice(), 60, started)
    happened(call_id, "answered", started, target=0)
    happened(call_id, "ended", started + timedelta(seconds=30), by="caller", sip_code=200)
    with tenant(system_actor()) as actor:
        settle_due_calls(actor)
    found = account(upper)
    assert (found.reserved_micro, found.unposted_micro) == (SLICE - 20_000, 20_000 * 30 // 60)
    _work()
    assert account(upper).unposted_micro == 0
    assert account(upper).available_micro == 100 * MICRO - (SLICE - 20_000) - 10_000


def test_a_call_longer_than_its_money_costs_no_tier_more_than_its_share(market: Market) -> None:
    control, upper = _leased(), market.northwind_at_operator.pk
    started = datetime.now(UTC) - timedelta(minutes=3)
    call_id, _ = control.open(_alice(), 60, started)
    Hold.objects.filter(call_id=call_id).update(
        amount_micro=70_000
    )  # the customer has bought more time than its partner
    Account.objects.filter(pk=market.acme.pk).update(reserved_micro=70_000)
    happened(call_id, "answered", started, target=0)
    happened(call_id, "ended", started + timedelta(seconds=66), by="money", sip_code=200)
    _work()
    assert account(upper).balance_micro == 100 * MICRO - 20_000
    assert account(market.acme.pk).balance_micro == 10 * MICRO - 60_000


def test_a_call_that_was_never_answered_leaves_its_share_in_the_window(market: Market) -> None:
    control, upper = _leased(), market.northwind_at_operator.pk
    call_id, _ = control.open(_alice(), 60, datetime.now(UTC))
    control.release(call_id)
    control.release(call_id)
    assert control.free[upper] == account(upper).reserved_micro == 20_000


def test_windows_come_back_when_their_lease_is_over_as_far_as_no_call_needs_them(market: Market) -> None:
    control, upper = _leased(), market.northwind_at_operator.pk
    control.grant(upper, SLICE)
    started = datetime.now(UTC) - timedelta(minutes=3)
    call_id, _ = control.open(_alice(), 60, started)
    assert swept() == 0
    assert rows("select callfeed.renew_lease(%s, %s)", control.edge, control.lease) == [(True,)]
    EdgeLease.objects.update(expires_at=datetime.now(UTC) - timedelta(hours=1))
    assert swept() == SLICE - 20_000
    assert account(upper).reserved_micro == 20_000
    assert rows("select callfeed.renew_lease(%s, %s)", control.edge, control.lease) == [(False,)]
    late = [control.open(_alice(), 60, datetime.now(UTC)) for _ in range(2)]  # it does not know yet: granted exactly
    assert [answer for _, answer in late] == ["ok", "ok"]
    assert account(upper).reserved_micro == 60_000
    happened(call_id, "answered", started, target=0)
    happened(call_id, "ended", started + timedelta(seconds=30), by="caller", sip_code=200)
    _work()
    assert account(upper).reserved_micro == 40_000
    for late_id, _ in late:
        rows("select callfeed.release_hold(%s)", late_id)
    assert swept() == 40_000
    assert not CreditWindow.objects.exists()


# ---------------------------------------------------------------- everything in any order


class Promising(RuleBasedStateMachine):
    """Two controls on the accounts of a partner and its sub-partner; money for a few calls only."""

    market: Market
    decisions: tuple[Decision, ...]

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_Call] = []
        self.clock = datetime.now(UTC) - timedelta(hours=2)
        self.controls = [Control("edge-1"), Control("edge-2")]
        self.upper = [self.market.northwind_at_operator.pk, self.market.fjord_at_northwind.pk]

    @initialize()
    def begin(self) -> None:
        self.savepoint = transaction.savepoint()
        for control in self.controls:
            control.take_lease()

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    def tick(self, seconds: float) -> datetime:
        self.clock += timedelta(seconds=seconds)
        return self.clock

    @rule(control=st.integers(0, 1), decision=st.integers(0, 1), seconds=st.integers(1, 200))
    def open(self, control: int, decision: int, seconds: int) -> None:
        chosen = self.decisions[decision]
        call_id, answer = self.controls[control].open(chosen, seconds, self.tick(1))
        if answer == "ok":
            self.calls.append(_Call(call_id, self.controls[control], chosen, seconds))

    @rule(index=st.integers(0, 20), seconds=st.integers(1, 400))
    def extend(self, index: int, seconds: int) -> None:
        for call in self.calls[index : index + 1]:
            total = _totals(call.decision, seconds)[0][1]
            if call.control.extend(call, seconds, self.tick(1)) >= total:
                call.seconds = max(seconds, call.seconds)

    @rule(index=st.integers(0, 20), seconds=st.integers(1, 200))
    def forward(self, index: int, seconds: int) -> None:
        """Both chains are held, extended, charged and given back side by side."""
        for call in self.calls[index : index + 1]:
            is_forwarded = any(other.call_id == call.call_id and other.chain_no for other in self.calls)
            if not is_forwarded and call.control.forward(call, seconds, self.tick(1)) == "ok":
                self.calls.append(_Call(call.call_id, call.control, call.decision, seconds, 1))

    @rule(index=st.integers(0, 20))
    def replay(self, index: int) -> None:
        for call in self.calls[index : index + 1]:
            before = self._money()
            control, free = call.control, dict(call.control.free)
            control.free.clear()  # a repeated question brings nothing new from the window
            assert control.open(call.decision, call.seconds, self.tick(1), call.call_id)[1] == "ok"
            control.free.update(free)
            assert self._money() == before

    @rule(index=st.integers(0, 20), kind=st.sampled_from(["applied", "answered", "ended", "failed", "answered"]))
    def event(self, index: int, kind: str) -> None:
        for call in self.calls[index : index + 1]:
            happened(
                call.call_id, kind, self.tick(40), by="caller", sip_code=486 if kind == "failed" else 200, target=0
            )

    @rule(index=st.integers(0, 20))
    def release(self, index: int) -> None:
        for call in self.calls[index : index + 1]:
            call.control.release(call.call_id)

    @rule(
        control=st.integers(0, 1), upper=st.integers(0, 1), micro=st.integers(1, 300_000), left=st.integers(0, 99_000)
    )
    def grant(self, control: int, upper: int, micro: int, left: int) -> None:
        self.controls[control].grant(self.upper[upper], micro, left)

    @rule(control=st.integers(0, 1), upper=st.integers(0, 1), part=st.integers(1, 4))
    def give(self, control: int, upper: int, part: int) -> None:
        micro = self.controls[control].free[self.upper[upper]] // part
        if micro:
            self.controls[control].give(self.upper[upper], micro)

    @rule(control=st.integers(0, 1), is_known=st.booleans())
    def restart(self, control: int, is_known: bool) -> None:
        if is_known:
            self.controls[control].take_lease()
        else:  # another one took over and this one does not know: what it believes to have is worth nothing
            Control(self.controls[control].edge).take_lease()

    @rule(is_over=st.booleans())
    def sweep(self, is_over: bool) -> None:
        if is_over:
            EdgeLease.objects.update(expires_at=datetime.now(UTC) - timedelta(hours=1))
        swept()

    @rule()
    def settle(self) -> None:
        with tenant(system_actor()) as actor:
            settle_due_calls(actor)

    @rule()
    def post(self) -> None:
        with tenant(system_actor()) as actor:
            post_charges(actor)

    @rule(cents=st.integers(1, 30))
    def top_up(self, cents: int) -> None:
        with tenant(system_actor()) as actor:
            data = TopUpData(amount_micro=cents * 10_000, idempotency_key=uuid4().hex)
            top_up_partner(actor, self.market.cast.northwind, data)

    def _money(self) -> Any:
        accounts = Account.objects.order_by("pk").values_list("balance_micro", "reserved_micro", "unposted_micro")
        return list(accounts), list(CreditWindow.objects.order_by("pk").values_list("pk", "granted_micro"))

    @invariant()
    def no_tier_promises_more_than_it_has(self) -> None:
        with tenant(system_actor()) as actor:
            assert set(ledger_sums(actor).values()) <= {0}
        holds = dict(Hold.objects.filter(state="open").values_list("account").annotate(total=Sum("amount_micro")))
        calls = dict(Hold.objects.filter(state="open").values_list("account").annotate(total=Count("pk")))
        windows = dict(CreditWindow.objects.values_list("account").annotate(total=Sum("granted_micro")))
        waiting = dict(UnpostedCharge.objects.values_list("account").annotate(total=Sum("amount_micro")))
        for found in Account.objects.filter(kind__in=HOLDERS):
            assert found.reserved_micro == holds.get(found.pk, 0) + windows.get(found.pk, 0)
            assert found.unposted_micro == waiting.get(found.pk, 0)
            assert found.available_micro >= 0
            assert found.open_calls == calls.get(found.pk, 0)

    @invariant()
    def memory_never_has_more_than_is_granted(self) -> None:
        for control in self.controls:
            free = dict(rows("select * from callfeed.free_credit(%s)", control.edge))
            assert all(micro >= 0 for micro in free.values())
            if EdgeLease.objects.filter(edge=control.edge, lease=control.lease).exists():
                for account_id, micro in control.free.items():
                    assert 0 <= micro <= free.get(account_id, 0)


def test_no_tier_ever_promises_more_than_it_has(market: Market) -> None:
    with tenant(system_actor()) as actor:
        for customer in (market.acme, market.fjord_customer):
            set_credit_limit(actor, account(customer.pk), LimitData(credit_limit_micro=1_000 * MICRO))
    for upper in (market.northwind_at_operator, market.fjord_at_northwind):  # money for a handful of calls
        Account.objects.filter(pk=upper.pk).update(balance_micro=300_000)
    machine = type("PromisingOnTheMarket", (Promising,), {"market": market, "decisions": (_alice(), _bryggen())})
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=health)
    run_state_machine_as_test(machine, settings=chosen)
    assert connection.in_atomic_block
