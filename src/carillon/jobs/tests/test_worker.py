"""The worker as a process of its own, with its own database role, killed where it hurts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db.models import Count, Sum
from tests.support.cast import Cast
from tests.support.market import LONDON, decided, finished_call, happened, invite, make_market, open_call
from tests.support.waiting import wait_until

from carillon.base.tenancy import tenant
from carillon.business.billing.models import Account, Entry, Hold, UnpostedCharge
from carillon.business.billing.queries import ledger_sums
from carillon.business.calls.choices import CallState
from carillon.business.calls.models import Call, Cdr
from carillon.business.partners.queries import system_actor
from carillon.config import CHECKOUT
from carillon.jobs import chores
from carillon.logic.money import MICRO

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def worker(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that is ready; killed at the end if it still runs."""
    environ = {**os.environ, "CARILLON_DB_ROLE": "worker", "PYTHONPATH": str(CHECKOUT / "src")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "carillon.jobs.worker"], env=environ, stdout=output, stderr=output, cwd=CHECKOUT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def is_rated(*calls: UUID) -> bool:
    return Call.objects.filter(pk__in=calls, state=CallState.RATED).count() == len(calls)


def test_a_call_is_rated_within_a_second_and_posted_soon_after(cast: Cast, tmp_path: Path) -> None:
    market = make_market(cast)
    log = tmp_path / "worker.log"
    with worker(log) as process:
        first = finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=10)
        wait_until(lambda: is_rated(first), log=log)  # starting takes its time
        started = datetime.now(UTC) - timedelta(minutes=1)
        call_id, _ = open_call(decided(invite("bryggen", "fjord.test", LONDON)), at=started)
        happened(call_id, "answered", started, target=0)
        happened(call_id, "ended", started + timedelta(seconds=60), by="caller", sip_code=200)
        assert wait_until(lambda: is_rated(call_id), log=log) < 1.5
        assert Cdr.objects.filter(call_id=call_id).count() == 4
        wait_until(lambda: not UnpostedCharge.objects.exists(), log=log)
        process.terminate()
        assert process.wait(timeout=10) == 0
    assert Account.objects.get(pk=market.acme.pk).balance_micro == 10 * MICRO - 10_000
    with tenant(system_actor()) as actor:
        assert ledger_sums(actor) == {"EUR": 0}


def test_killed_at_any_moment_it_loses_and_doubles_nothing(cast: Cast, tmp_path: Path) -> None:
    market = make_market(cast, acme_micro=1000 * MICRO)
    decision = decided(invite("alice", "northwind.test", LONDON))
    log = tmp_path / "worker.log"
    calls: list[UUID] = []
    for burst in range(3):
        calls += [finished_call(decision, talked_s=60) for _ in range(150)]
        with worker(log) as process:
            rated = burst * 150
            wait_until(lambda rated=rated: Call.objects.filter(state=CallState.RATED).count() > rated, log=log)  # type: ignore[misc]
            process.kill()
    with worker(log):
        wait_until(lambda: is_rated(*calls) and not UnpostedCharge.objects.exists(), seconds=40, log=log)
    per_call = Cdr.objects.values("call_id").annotate(rows=Count("pk"), price=Sum("amount_micro"))
    assert {(row["rows"], row["price"]) for row in per_call} == {(3, 60_000 + 20_000 + 10_000)}
    assert len(per_call) == len(calls)
    account = Account.objects.get(pk=market.acme.pk)
    assert account.balance_micro == 1000 * MICRO - len(calls) * 60_000
    assert (account.reserved_micro, account.unposted_micro) == (0, 0)
    assert not Hold.objects.filter(state="open").exists()
    for row in Entry.objects.values("account").annotate(total=Sum("amount_micro")):
        assert Account.objects.get(pk=row["account"]).balance_micro == row["total"]


def test_one_failing_chore_does_not_stop_the_others(db: None) -> None:
    done: list[str] = []
    stopping = threading.Event()

    def broken(_actor: object) -> bool:
        done.append("broken")
        raise RuntimeError("broken")

    def working(_actor: object) -> bool:
        done.append("working")
        stopping.set()
        return False

    chores.work(stopping, [chores.Chore("broken", 1, broken), chores.Chore("working", 1, working)])
    assert done == ["broken", "working"]
