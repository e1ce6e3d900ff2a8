"""A state machine: calls are made, charged again by other prices and put back in any order, and the books are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.support.cast import Cast
from tests.support.market import LONDON, decided, finished_call, invite, make_market
from tests.support.reratings import a_version, truths

from carillon.base.errors import Conflict
from carillon.base.jobs import NOTHING, Progress
from carillon.base.models import Job
from carillon.base.tenancy import tenant
from carillon.business.billing.choices import TransferKind
from carillon.business.billing.models import Account, Entry, Rerating, UnpostedCharge
from carillon.business.calls.models import Cdr
from carillon.business.partners.queries import system_actor
from carillon.logic.callflow.values import Decision
from carillon.logic.rerating import MARK
from carillon.usecases.apply_rerating import carry_out_rerating
from carillon.usecases.post_charges import post_charges
from carillon.usecases.rerate_calls import (
    ReratingData,
    apply_rerating,
    start_rerating,
    undo_rerating,
    work_out_rerating,
)
from carillon.usecases.settle_calls import settle_call

pytestmark = pytest.mark.django_db

PRICES = ("0", "0.01", "0.05", "0.333333")
WHOSE = ("acme", "bryggen", "fjord")
LISTS = ("Northwind retail", "To Northwind", "To Fjord", "Fjord retail", "Carrier cost")
NOW = datetime.now(UTC)
Price = tuple[int, int, str, Mapping[str, Any]]


class Unwatched(Progress):
    """Nobody looks how far a job is; its worker would tell over another connection."""

    def __init__(self) -> None:
        """No job, no lock."""

    def beat(self, done: int, counts: Mapping[str, int] = NOTHING, *, is_now: bool = False) -> None:
        """Nothing is told."""


class ChargingAgain(RuleBasedStateMachine):
    """Calls of two customers, one of them three tiers below the carrier; runs of the operator's."""

    cast: Cast
    decisions: tuple[Decision, Decision]

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Rerating] = []

    @initialize(name=st.sampled_from(LISTS), per_minute=st.sampled_from(PRICES))
    def begin(self, name: str, per_minute: str) -> None:
        """Each customer has called, one call is posted, and prices have changed twice since: one run is overtaken."""
        self.savepoint = transaction.savepoint()
        self.olga = self.cast.staff("olga")
        self.call(0, 30, is_posted=True)
        self.call(1, 61, is_posted=False)
        self.work_out(name, "0.02", 30, whose="bryggen", is_whole_chain=True)
        self.work_out(name, per_minute, 30, whose="bryggen", is_whole_chain=True)

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    @rule(which=st.integers(0, 1), talked_s=st.sampled_from([0, 0.4, 30, 60, 61, 200]), is_posted=st.booleans())
    def call(self, which: int, talked_s: float, is_posted: bool) -> None:
        call_id = finished_call(self.decisions[which], talked_s=talked_s)
        with tenant(system_actor()) as actor:
            settle_call(actor, call_id)
            if is_posted:
                post_charges(actor)

    @rule(
        name=st.sampled_from(LISTS),
        per_minute=st.sampled_from(PRICES),
        initial_s=st.sampled_from([1, 30, 90]),
        whose=st.sampled_from(WHOSE),
        is_whole_chain=st.booleans(),
    )
    def work_out(self, name: str, per_minute: str, initial_s: int, *, whose: str, is_whole_chain: bool) -> None:
        """A list has other prices from now on, and for all calls before; somebody asks what they would cost."""
        a_version(name, per_minute, initial_s=initial_s)
        self.runs.append(self.worked_out(whose, is_whole_chain))

    @rule(is_latest_first=st.booleans())
    def apply(self, is_latest_first: bool) -> None:
        """All that were worked out, so that some come too late."""
        for run in sorted(self.runs, key=lambda run: run.pk, reverse=is_latest_first):
            self.applied(run)

    @rule(index=st.integers(0, 2))
    def take_back(self, index: int) -> None:
        for run in self.runs[index : index + 1]:
            if counter := self.taken_back(run):
                self.runs.append(counter)

    @rule(index=st.integers(0, 9))
    def invoice(self, index: int) -> None:
        Cdr.objects.filter(pk__in=Cdr.objects.order_by("pk").values("pk")[index : index + 1]).update(invoice_id=7)

    @rule(whose=st.sampled_from(WHOSE), is_whole_chain=st.booleans())
    def there_and_back(self, whose: str, is_whole_chain: bool) -> None:
        before, money_before = prices(), spent()
        run = self.applied(self.worked_out(whose, is_whole_chain))
        assert self.worked_out(whose, is_whole_chain).different == run.invoiced  # nothing is left but what is fixed
        if counter := self.taken_back(run):
            assert self.applied(counter).applied == run.applied
        assert (prices(), spent()) == (before, money_before)

    def worked_out(self, whose: str, is_whole_chain: bool) -> Rerating:
        chosen: dict[str, dict[str, Any]] = {
            "acme": {"customer_id": self.cast.acme.pk},
            "bryggen": {"customer_id": self.cast.fjord_customer.pk},
            "fjord": {"buyer_partner_id": self.cast.fjord.pk},
        }
        day: dict[str, Any] = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=1)}
        with tenant(self.olga) as actor:
            data = ReratingData(**day, **chosen[whose], is_whole_chain=is_whole_chain, reason="wrong prices")
            run = start_rerating(actor, data)
        return self.done(run)

    def done(self, run: Rerating) -> Rerating:
        """The run after its job."""
        carry_out = work_out_rerating if run.state == "waiting" else carry_out_rerating
        carry_out(self.olga, run.pk, Unwatched())
        assert run.job_id is not None
        Job.objects.filter(pk=run.job_id).update(state="done")
        return Rerating.objects.get(pk=run.pk)

    def applied(self, run: Rerating) -> Rerating:
        """The run when it has been applied, if it could be; asked again, nothing happens."""
        run = Rerating.objects.get(pk=run.pk)
        try:
            with tenant(self.olga) as actor:
                run = apply_rerating(actor, run)
        except Conflict:
            return run
        run = self.done(run)
        after = (prices(), spent())
        carry_out_rerating(self.olga, run.pk, Unwatched())  # a job that comes a second time
        with pytest.raises(Conflict), tenant(self.olga) as actor:
            apply_rerating(actor, run)
        assert (prices(), spent()) == after
        return run

    def taken_back(self, run: Rerating) -> Rerating | None:
        """The run that takes this one back, worked out; None when there is nothing to take back."""
        try:
            with tenant(self.olga) as actor:
                counter = undo_rerating(actor, Rerating.objects.get(pk=run.pk))
        except Conflict:
            return None
        return self.done(counter)

    @invariant()
    def the_books_are_right(self) -> None:
        truths()

    @invariant()
    def everybody_has_paid_what_the_calls_cost(self) -> None:
        """Once: whatever was reversed, charged again, put right where it waited or put back."""
        charged = Counter[int]()
        for account_id, micro in Cdr.objects.filter(is_carrier_cost=False).values_list("account_id", "amount_micro"):
            charged[account_id or 0] += micro
        assert {key: micro for key, micro in spent().items() if micro} == {k: m for k, m in charged.items() if m}


def prices() -> dict[int, Price]:
    """What each CDR says of its price, but not which run has made it say so."""
    return {
        cdr.pk: (
            *(cdr.amount_micro, cdr.billed_s, cdr.destination),
            {**cdr.explanation, MARK: None, "is_loss": cdr.is_loss},
        )
        for cdr in Cdr.objects.all()
    }


def spent() -> dict[int, int]:
    """What customers and sub-partners have paid for calls, posted or not."""
    kinds = (TransferKind.CALLS, TransferKind.REVERSAL)
    posted = Entry.objects.filter(transfer__kind__in=kinds).values_list("account").annotate(total=Sum("amount_micro"))
    paid = {account_id: -micro for account_id, micro in posted}
    waiting = dict(UnpostedCharge.objects.values_list("account").annotate(total=Sum("amount_micro")))
    holders = Account.objects.filter(kind__in=("customer", "partner")).values_list("pk", flat=True)
    return {key: paid.get(key, 0) + waiting.get(key, 0) for key in holders}


def test_charging_again_is_right_whatever_happens(cast: Cast) -> None:
    make_market(cast)
    decisions = tuple(decided(invite(*who, LONDON)) for who in (("alice", "northwind.test"), ("bryggen", "fjord.test")))
    machine = type("ChargingAgainOfTwo", (ChargingAgain,), {"cast": cast, "decisions": decisions})
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(max_examples=3, stateful_step_count=6, deadline=None, suppress_health_check=health)
    run_state_machine_as_test(machine, settings=chosen)
