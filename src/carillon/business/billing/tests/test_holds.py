"""The hold functions: exact under concurrency, and true to their invariants whatever happens in whatever order."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db.models import Sum
from tests.support.cast import Cast
from tests.support.market import LONDON, Market, decided, happened, invite, make_market, open_call, rows
from tests.support.packages import trial_of

from carillon.business.billing.choices import HoldState
from carillon.business.billing.models import Account, Hold
from carillon.business.calls.models import Cdr
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Partner
from carillon.config import Config
from carillon.logic.money import MICRO

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


@pytest.mark.parametrize("by", ["customer", "trial"])
def test_channels_are_capped(cast: Cast, by: str) -> None:
    market = make_market(cast)
    Customer.objects.filter(pk=cast.acme.pk).update(max_channels=1 if by == "customer" else 9)
    if by == "trial":
        trial_of(Customer.objects.get(pk=cast.acme.pk), trial_max_channels=1)
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
    assert extended(uuid4(), 1, until) == -1


def limit(cast: Cast, micro: int | None, timezone: str = "UTC") -> None:
    Customer.objects.filter(pk=cast.acme.pk).update(max_daily_spend_micro=micro, timezone=timezone)


def charge(cast: Cast, market: Market, micro: int, ended_at: datetime) -> None:
    """A call of Acme's that was rated."""
    Cdr.objects.create(
        partner_id=cast.northwind.pk, call_id=uuid4(), chain="originating", tier=0, tab="dialled", currency="EUR",
        started_on=ended_at.date(), started_at=ended_at, ended_at=ended_at, duration_ms=1, billed_s=1, explanation={},
        outcome="answered", amount_micro=micro, customer_id=cast.acme.pk, account_id=market.acme.pk,
    )  # fmt: skip


def test_a_days_limit_counts_charges_and_running_calls(cast: Cast) -> None:
    market = make_market(cast)
    decision = decided(invite("alice", "northwind.test", LONDON))
    limit(cast, 3 * MICRO)
    charge(cast, market, MICRO, datetime.now(UTC))
    first, _ = open_call(decision, hold_micro=MICRO)
    assert open_call(decision, hold_micro=MICRO + 1)[1] == "daily-limit-reached"
    assert acme(market).reserved_micro == MICRO
    assert open_call(decision, hold_micro=MICRO)[1] == "ok"
    assert open_call(decision, hold_micro=0)[1] == "ok"  # what costs nothing is no spending
    rows("select callfeed.release_hold(%s)", first)
    assert open_call(decision, hold_micro=MICRO)[1] == "ok"
    limit(cast, None)
    assert open_call(decision, hold_micro=MICRO)[1] == "ok"


def test_a_running_call_is_prolonged_up_to_the_days_limit(cast: Cast) -> None:
    market = make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)), hold_micro=MICRO)
    until = datetime.now(UTC) + timedelta(minutes=2)
    limit(cast, 2 * MICRO)
    assert extended(call_id, 2 * MICRO + 1, until) == 2 * MICRO  # what it can bear; nothing has changed
    assert acme(market).reserved_micro == MICRO
    assert extended(call_id, 2 * MICRO, until) == 2 * MICRO
    assert extended(call_id, 3 * MICRO, until) == 2 * MICRO
    limit(cast, 3 * MICRO)  # raised: the call goes on
    assert extended(call_id, 3 * MICRO, until) == 3 * MICRO


@pytest.mark.parametrize("timezone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"])
def test_a_day_is_the_customers_own(cast: Cast, timezone: str) -> None:
    market = make_market(cast)
    limit(cast, MICRO, timezone)
    midnight = datetime.now(ZoneInfo(timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    decision = decided(invite("alice", "northwind.test", LONDON))
    charge(cast, market, MICRO, midnight - timedelta(seconds=1))
    assert open_call(decision, hold_micro=MICRO)[1] == "ok"
    charge(cast, market, MICRO, midnight)
    assert open_call(decision, hold_micro=1)[1] == "daily-limit-reached"


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
@pytest.mark.parametrize(("money", "daily", "slug"), [(10, None, "credit-exhausted"), (50, 10, "daily-limit-reached")])
def test_a_hundred_calls_at_once_on_money_for_ten_overspend_nothing(
    cast: Cast,
    config: Config,
    role_connection: Callable[[str], psycopg.Connection],
    money: int,
    daily: int | None,
    slug: str,
) -> None:
    market = make_market(cast, acme_micro=money * MICRO)
    limit(cast, None if daily is None else daily * MICRO)
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
    assert sorted(set(answers)) == sorted([slug, "ok"])
    assert answers.count("ok") == 10
    assert acme(market).available_micro == (money - 10) * MICRO
    assert Hold.objects.filter(state=HoldState.OPEN).aggregate(total=Sum("amount_micro"))["total"] == 10 * MICRO


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "question",
    [
        "select callfeed.forward_call(%(call)s, '{}', %(account)s, 1, null, '[]', null, 1)",
        "select callfeed.extend_hold(%(call)s, 10000000, now(), '[]')",
        "select callfeed.abandon_call(%(call)s, now(), 'test', %(decision)s)",
    ],
)
def test_who_waits_for_a_call_has_not_locked_its_money(cast: Cast, config: Config, question: str) -> None:
    """Calls are locked before holds and accounts, by all: so nobody waits for each other."""
    market = make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)))
    document = json.dumps({"direction": "pstn", "request": {"sip_call_id": "x"}})
    values = {"call": call_id, "account": market.acme.pk, "decision": document}
    owner, control = config.database("owner").url, config.database("control").url
    with (
        psycopg.connect(owner) as rating,
        psycopg.connect(owner, autocommit=True) as watch,
        psycopg.connect(control, autocommit=True) as asking,
        ThreadPoolExecutor(1) as pool,
    ):
        rating.execute("select from calls_call where id = %(call)s for update", values)
        answer = pool.submit(asking.execute, question, values)
        waits = "select cardinality(pg_blocking_pids(%s)) > 0"
        while not answer.done() and watch.execute(waits, [asking.info.backend_pid]).fetchone() != (True,):
            pass
        assert not answer.done()
        watch.execute("select from billing_hold where call_id = %(call)s for update nowait", values)
        watch.execute("select from billing_account where id = %(account)s for update nowait", values)
        rating.rollback()
        answer.result(timeout=30)


@pytest.mark.django_db(transaction=True)
def test_a_new_connection_goes_through_a_call_before_the_first_one(cast: Cast, config: Config) -> None:
    """What it has not been through is planned while the first caller waits."""
    make_market(cast)
    with psycopg.connect(config.database("control").url) as control:
        assert control.execute("select callfeed.rehearse()").fetchone() == (True,)
