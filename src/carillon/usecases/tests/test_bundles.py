"""Bundles in holds: seconds come first, are never given twice, and what a call does not use goes back."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.support.cast import Cast
from tests.support.market import LONDON, Market, decided, happened, invite, make_market, rows
from tests.support.packages import call_time

from carillon.base.tenancy import tenant
from carillon.business.billing.models import Account, Hold
from carillon.business.calls.models import Cdr
from carillon.business.catalogue.models import Allowance
from carillon.business.partners.queries import system_actor
from carillon.callpath.control.decider import bundle_of
from carillon.config import Config
from carillon.logic.callflow.charging import hold_micro
from carillon.logic.callflow.values import Decision, answered_at
from carillon.logic.documents import to_document
from carillon.logic.money import MICRO
from carillon.usecases.settle_calls import settle_call, settle_due_calls

pytestmark = pytest.mark.django_db

BEGUN = datetime.now(UTC) - timedelta(minutes=30)
MINUTE = 60_000  # what a minute to London costs Acme, micro-units


def bundle(cast: Cast, granted: int, days: int = 30, **values: Any) -> Allowance:
    """Call time of Acme's, in intervals of a second unless they are given."""
    with tenant(system_actor()):
        until = BEGUN + timedelta(days=days)
        return call_time(cast.acme, granted, BEGUN - timedelta(days=1), until, **{"name": f"{granted} s"} | values)


def alice() -> Decision:
    decision = decided(invite("alice", "northwind.test", LONDON))
    assert decision.refusal is None
    return decision


def opened(decision: Decision, call_id: UUID | None = None) -> tuple[UUID, dict[str, Any]]:
    """Open the call as control does; its id and what became of its hold."""
    call_id, hold = call_id or uuid4(), decision.holds[0]
    until = BEGUN + timedelta(seconds=hold.funded_s)
    answer = rows(
        "select callfeed.open_bundled(%s, %s, 'test', %s::jsonb, %s, %s, %s, %s::jsonb, null, 0, %s::jsonb)",
        call_id, BEGUN, json.dumps(to_document(decision)), hold.account_id, hold.amount_micro, until,
        json.dumps([(account, micro, 0) for account, micro in hold.upper]), json.dumps(bundle_of(decision, hold)),
    )  # fmt: skip
    return call_id, dict(answer[0][0])


def extended(decision: Decision, call_id: UUID, seconds: int) -> int:
    """The seconds of bundles that the call has when it has asked for `seconds` in all."""
    allowances = bundle_of(decision, decision.holds[0])["allowances"]
    until = BEGUN + timedelta(seconds=seconds)
    query = "select callfeed.extend_bundle(%s, %s, %s, %s::jsonb, null, 0, %s::jsonb)"
    return int(rows(query, call_id, seconds, until, upper(decision, seconds), json.dumps(allowances))[0][0])


def upper(decision: Decision, seconds: int) -> str:
    """What the tiers above must have for a call of so many seconds."""
    tiers = decision.chains[0].tiers[1:]
    return json.dumps([(charge.tier.account_id, hold_micro(charge, seconds, answered_at(0)), 0) for charge in tiers])


def over(call_id: UUID, talked_s: float) -> list[Cdr]:
    happened(call_id, "answered", BEGUN, target=0)
    happened(call_id, "ended", BEGUN + timedelta(seconds=talked_s), by="caller", sip_code=200)
    with tenant(system_actor()) as actor:
        return settle_call(actor, call_id)


def state(allowance: Allowance) -> tuple[int, int]:
    allowance.refresh_from_db()
    return allowance.used, allowance.reserved


def test_a_bundle_pays_first_and_money_from_its_last_second_on(cast: Cast) -> None:
    market = make_market(cast)
    first, second = bundle(cast, 90, 10, initial_s=60, increment_s=60), bundle(cast, 30, 20)
    bundle(cast, 1_000, 5, user=cast.bob)  # not Alice's
    decision = alice()
    assert [each.id for each in decision.chains[0].allowances] == [first.pk, second.pk]
    call_id, held = opened(decision)
    assert (held["slug"], held["micro"], held["bundles"]) == ("ok", 0, [[first.pk, 90]])
    assert opened(decision, call_id)[1] == held  # replayed
    assert extended(decision, call_id, 100) == 100
    assert [state(first), state(second)] == [(0, 90), (0, 10)]
    assert extended(decision, call_id, 200) == 120  # no more is there
    assert extended(decision, call_id, 200) == 120
    above = upper(decision, 180)
    paid = rows("select callfeed.extend_hold(%s, %s, now(), %s::jsonb)", call_id, MINUTE, above)[0][0]
    assert paid == MINUTE == Account.objects.get(pk=market.acme.pk).reserved_micro
    sale, wholesale, _ = over(call_id, 150)
    assert (sale.amount_micro, sale.billed_s, wholesale.amount_micro) == (MINUTE // 2, 30, 50_000)
    assert sale.explanation["bundles"] == [
        {"allowance_id": first.pk, "name": "90 s", "seconds": 90, "used_s": 90, "covers_fee": True},
        {"allowance_id": second.pk, "name": "30 s", "seconds": 30, "used_s": 30, "covers_fee": True},
    ]
    assert [state(first), state(second)] == [(90, 0), (30, 0)]
    money = Account.objects.get(pk=market.acme.pk)
    assert (money.reserved_micro, money.unposted_micro) == (0, MINUTE // 2)


def test_what_a_call_does_not_use_goes_back_in_whole_intervals(cast: Cast) -> None:
    make_market(cast)
    own = bundle(cast, 600, initial_s=60, increment_s=60)
    decision = alice()
    call_id, _ = opened(decision)
    assert extended(decision, call_id, 200) == 240
    assert over(call_id, 61)[0].amount_micro == 0
    assert state(own) == (120, 0)
    given_up, _ = opened(decision)
    assert state(own)[1] > 0
    rows("select callfeed.release_hold(%s)", given_up)
    rows("select callfeed.release_hold(%s)", given_up)
    assert state(own) == (120, 0)
    lost, _ = opened(decision)
    happened(lost, "failed", BEGUN, sip_code=486)
    with tenant(system_actor()) as actor:
        settle_due_calls(actor)
    assert state(own) == (120, 0)


def test_a_blocking_bundle_refuses_when_nothing_is_left_and_needs_no_money(cast: Cast) -> None:
    make_market(cast, acme_micro=0)
    own = bundle(cast, 70, blocks=True)
    decision = alice()
    call_id, held = opened(decision)
    assert held["slug"] == "ok"
    assert extended(decision, call_id, 500) == 70
    assert opened(decision)[1]["slug"] == "bundle-used-up"
    sale = over(call_id, 70.4)[0]  # the cut comes a little late
    assert (sale.amount_micro, state(own)) == (0, (70, 0))
    Allowance.objects.update(blocks=False)
    assert opened(alice())[1]["slug"] == "credit-exhausted"


def test_a_bundle_that_has_ended_gives_no_more(cast: Cast) -> None:
    make_market(cast)
    own = bundle(cast, 600)
    decision = alice()
    call_id, _ = opened(decision)
    (_, had) = state(own)
    Allowance.objects.filter(pk=own.pk).update(ends_at=datetime.now(UTC) - timedelta(seconds=1))
    assert extended(decision, call_id, 300) == had
    assert not alice().chains[0].allowances
    assert over(call_id, 10)[0].amount_micro == 0


@pytest.mark.django_db(transaction=True)
def test_fifty_calls_at_once_on_ten_minutes_use_no_second_twice(cast: Cast, config: Config) -> None:
    market = make_market(cast, acme_micro=0)
    own = bundle(cast, 600, blocks=True)
    decision = alice()
    document, hold = json.dumps(to_document(decision)), decision.holds[0]
    asked = bundle_of(decision, hold) | {"seconds": 25}
    start = threading.Barrier(10)

    def burst(_: int) -> list[tuple[UUID, int]]:
        got = []
        with psycopg.connect(config.database("control").url, autocommit=True) as control:
            start.wait(timeout=30)
            for call_id in [uuid4() for _ in range(5)]:
                opening = "select callfeed.open_bundled(%s, now(), 'test', %s, %s, %s, null, '[]', null, 0, %s)"
                values = [call_id, document, hold.account_id, hold.amount_micro, json.dumps(asked)]
                ((answer,),) = control.execute(opening, values).fetchall()
                if answer["slug"] == "ok":
                    more = "select callfeed.extend_bundle(%s, 40, now(), '[]', null, 0, %s)"
                    ((seconds,),) = control.execute(more, [call_id, json.dumps(asked["allowances"])]).fetchall()
                    got.append((call_id, seconds))
        return got

    with ThreadPoolExecutor(10) as pool:
        got = [one for some in pool.map(burst, range(10)) for one in some]
    assert sum(seconds for _, seconds in got) == 600 == state(own)[1]
    for call_id, seconds in got:
        over(call_id, seconds)
    assert state(own) == (600, 0)
    assert Account.objects.get(pk=market.acme.pk).unposted_micro == 0


# ---------------------------------------------------------------- whatever happens in whatever order


class Using(RuleBasedStateMachine):
    """Calls on two bundles and little money."""

    market: Market
    cast: Cast
    decision: Decision

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[UUID] = []
        self.clock = BEGUN

    @initialize()
    def begin(self) -> None:
        self.savepoint = transaction.savepoint()

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    @rule()
    def open(self) -> None:
        call_id, held = opened(self.decision)
        if held["slug"] == "ok":
            self.calls.append(call_id)

    @rule(index=st.integers(0, 9))
    def replay(self, index: int) -> None:
        for call_id in self.calls[index : index + 1]:
            before = self._rows()
            assert opened(self.decision, call_id)[1]["slug"] == "ok"
            assert self._rows() == before

    @rule(index=st.integers(0, 9), seconds=st.integers(1, 400))
    def extend(self, index: int, seconds: int) -> None:
        for call_id in self.calls[index : index + 1]:
            extended(self.decision, call_id, seconds)

    @rule(index=st.integers(0, 9), cents=st.integers(1, 20))
    def pay(self, index: int, cents: int) -> None:
        for call_id in self.calls[index : index + 1]:
            rows("select callfeed.extend_hold(%s, %s, now(), '[]')", call_id, cents * 10_000)

    @rule(index=st.integers(0, 9))
    def release(self, index: int) -> None:
        for call_id in self.calls[index : index + 1]:
            rows("select callfeed.release_hold(%s)", call_id)

    @rule(index=st.integers(0, 9), kind=st.sampled_from(["answered", "ended", "failed"]))
    def event(self, index: int, kind: str) -> None:
        self.clock += timedelta(seconds=20)
        for call_id in self.calls[index : index + 1]:
            happened(call_id, kind, self.clock, by="caller", sip_code=486 if kind == "failed" else 200, target=0)

    @rule()
    def settle(self) -> None:
        with tenant(system_actor()) as actor:
            settle_due_calls(actor)

    def _rows(self) -> Any:
        accounts = Account.objects.order_by("pk").values_list("reserved_micro", "unposted_micro", "open_calls")
        return list(accounts), list(Allowance.objects.order_by("pk").values_list("used", "reserved"))

    @invariant()
    def reserved_is_what_open_holds_have_and_nothing_is_used_twice(self) -> None:
        held: dict[int, int] = {}
        for bundles in Hold.objects.filter(state="open").values_list("bundles", flat=True):
            for allowance_id, seconds in bundles:
                held[allowance_id] = held.get(allowance_id, 0) + seconds
        for allowance in Allowance.objects.all():
            assert allowance.reserved == held.get(allowance.pk, 0)
            told = [use["used_s"] for use in self._uses() if use["allowance_id"] == allowance.pk]
            assert allowance.used == sum(told) <= allowance.granted
        assert not Allowance.objects.filter(granted__lt=F("used") + F("reserved")).exists()
        assert Account.objects.get(pk=self.market.acme.pk).available_micro >= 0

    def _uses(self) -> list[dict[str, Any]]:
        kept = Cdr.objects.filter(tier=0, is_carrier_cost=False).values_list("explanation", flat=True)
        return [use for explanation in kept for use in explanation.get("bundles", ())]


def test_no_second_is_ever_given_twice(cast: Cast) -> None:
    market = make_market(cast, acme_micro=MICRO // 5)
    bundle(cast, 200, 10, initial_s=60, increment_s=6)
    bundle(cast, 100, 20)
    machine = type("UsingBundles", (Using,), {"market": market, "cast": cast, "decision": alice()})
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=health)
    run_state_machine_as_test(machine, settings=chosen)


def test_customers_without_bundles_ask_for_none(cast: Cast) -> None:
    make_market(cast)
    decision = alice()
    assert (decision.holds[0].bundle, decision.chains[0].allowances) == (None, ())
