"""Hourly sums are what the CDRs say: after settling, folding and rebuilding, whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import Sum
from tests.support.cast import Cast
from tests.support.market import LONDON, decided, finished_call, happened, invite, make_market, open_call

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.calls.choices import Tab
from carillon.business.calls.models import Cdr
from carillon.business.partners.queries import system_actor
from carillon.business.reports.actions import fold_hours, rebuild_hours
from carillon.business.reports.models import KEYS, SUMS, CallHour, CallShare
from carillon.business.reports.queries import report_of
from carillon.logic.traffic import Money, Span, Traffic
from carillon.usecases.settle_calls import settle_call, settle_due_calls

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)
DAY = Span(NOON.date(), NOON.date(), ZoneInfo("UTC"))


def sums(model: type[CallHour] | type[CallShare], *keys: str, **where: Any) -> dict[Any, Any]:
    """Every sum that is not nothing, by its keys."""
    rows = model.objects.filter(**where).values_list(*keys).annotate(*(Sum(name) for name in SUMS)).order_by()
    return {row[: len(keys)]: row[len(keys) :] for row in rows if any(row[len(keys) :])}


def settle(*calls: UUID) -> None:
    with tenant(system_actor()) as actor:
        for call_id in calls:
            settle_call(actor, call_id)


def some_calls(market: Any) -> list[UUID]:
    """Answered at two tiers and three, in two hours, one rung, one refused by a carrier, one between customers."""
    calls = [
        finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=60, started=NOON),
        finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=45, started=NOON),
        finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=30, started=NOON + timedelta(hours=1)),
        finished_call(decided(invite("alice", "northwind.test", market.charlie_number)), talked_s=10, started=NOON),
    ]
    failed, _ = open_call(decided(invite("alice", "northwind.test", LONDON)), at=NOON)
    happened(failed, "progress", NOON + timedelta(seconds=3), sip_code=180)
    happened(failed, "failed", NOON + timedelta(seconds=9), sip_code=486, by="callee", reason="Busy Here")
    return [*calls, failed]


def test_sums_equal_the_cdrs_before_and_after_folding(cast: Cast) -> None:
    settle(*some_calls(make_market(cast)))
    wanted = sums(CallShare, *KEYS)
    assert wanted and sums(CallHour, *KEYS) == wanted
    assert CallHour.objects.filter(is_part=False).count() == 0
    with tenant(system_actor()) as actor:
        parts = CallHour.objects.count()
        assert fold_hours(actor, limit=3) == 3
        assert sums(CallHour, *KEYS) == wanted
        assert fold_hours(actor) == parts - 3
        assert fold_hours(actor) == 0
    assert sums(CallHour, *KEYS) == wanted
    assert not CallHour.objects.filter(is_part=True).exists()
    settle(finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=5, started=NOON))
    with tenant(system_actor()) as actor:
        fold_hours(actor)
    assert sums(CallHour, *KEYS) == sums(CallShare, *KEYS) != wanted
    assert CallHour.objects.count() == len(CallHour.objects.values_list(*KEYS).distinct())


def test_money_in_the_sums_is_the_money_in_the_cdrs(cast: Cast) -> None:
    settle(*some_calls(make_market(cast)))
    for partner in (cast.operator, cast.northwind, cast.fjord, cast.elsewhere):
        sold = Cdr.objects.filter(partner=partner, is_carrier_cost=False).aggregate(all=Sum("amount_micro"))["all"] or 0
        bought = Cdr.objects.filter(buyer_partner=partner).aggregate(all=Sum("amount_micro"))["all"] or 0
        carried = (
            Cdr.objects.filter(partner=partner, is_carrier_cost=True).aggregate(all=Sum("amount_micro"))["all"] or 0
        )
        found = CallHour.objects.filter(partner=partner).aggregate(sold=Sum("revenue_micro"), paid=Sum("cost_micro"))
        assert (found["sold"] or 0, found["paid"] or 0) == (sold, bought + carried), partner.name


def test_a_call_that_can_not_be_settled_is_not_counted(cast: Cast) -> None:
    make_market(cast)
    call_id = finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=60, started=NOON)
    with connection.cursor() as cursor:
        cursor.execute("update calls_call set decision = '{}' where id = %s", [call_id])
    good = finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=60, started=NOON)
    with tenant(system_actor()) as actor:
        settle_due_calls(actor)
    assert set(Cdr.objects.values_list("call_id", flat=True)) == {good}
    assert sums(CallHour, *KEYS) == sums(CallShare, *KEYS)


def test_rebuilding_corrects_a_day_and_touches_no_other(cast: Cast) -> None:
    market = make_market(cast)
    settle(*some_calls(market))
    settle(
        finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=9, started=NOON - timedelta(days=1))
    )
    with tenant(system_actor()) as actor:
        fold_hours(actor)
    with connection.cursor() as cursor:  # as a correction by the owner would
        cursor.execute("update calls_cdr set amount_micro = amount_micro * 2, outcome = 'answered'")
    with tenant(system_actor()) as actor:
        rebuild_hours(actor, NOON.date(), NOON.date())
    of_day = {"hour__gte": DAY.begin}
    assert sums(CallHour, *KEYS, **of_day) == sums(CallShare, *KEYS, **of_day)
    earlier = {"hour__lt": DAY.begin}
    assert sums(CallHour, *KEYS, **earlier) != sums(CallShare, *KEYS, **earlier)
    with tenant(system_actor()) as actor:
        rebuild_hours(actor, NOON.date() - timedelta(days=1), NOON.date())
        fold_hours(actor)
    assert sums(CallHour, *KEYS) == sums(CallShare, *KEYS)


def test_settling_folding_and_rebuilding_at_once_count_each_call_once(cast: Cast) -> None:
    make_market(cast)
    calls = [
        finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=1, started=NOON) for _ in range(12)
    ]
    actor, errors = system_actor(), []

    def again_and_again(work: Callable[[Actor], object]) -> None:
        try:
            for _ in range(12):
                with tenant(actor):
                    work(actor)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    works: list[Callable[[Actor], object]] = [
        lambda actor: settle_due_calls(actor, limit=1), fold_hours,
        lambda actor: rebuild_hours(actor, NOON.date(), NOON.date()),
    ]  # fmt: skip
    threads = [threading.Thread(target=again_and_again, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with tenant(actor):
        settle_due_calls(actor)
        fold_hours(actor)
    assert Cdr.objects.values("call_id").distinct().count() == len(calls)
    assert sums(CallHour, *KEYS) == sums(CallShare, *KEYS)


def test_each_partner_is_told_its_own_money_and_its_part_of_the_tree(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    settle(*some_calls(make_market(cast)))
    actors = {name: cast.staff(name) for name in ("olga", "paul", "petra", "stranger")}
    found = {}
    with as_role("web"):
        for name, actor in actors.items():
            with tenant(actor):
                total = report_of(actor, DAY).total
                found[name] = (total.tabs[Tab.DIALLED].calls, total.tabs[Tab.RECEIVED].calls, total.money)
    # 60 s and 75 s: the carrier 0.01 a minute, Northwind 0.02, Fjord 0.04, Acme 0.06, Bryggen 0.12
    assert found == {
        "olga": (5, 1, (Money("EUR", 45_000, 22_500),)),
        "paul": (5, 0, (Money("EUR", 110_000, 45_000),)),
        "petra": (2, 0, (Money("EUR", 150_000, 50_000),)),
        "stranger": (0, 1, ()),
    }


def test_of_one_customer_the_cdrs_are_added_up(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    settle(*some_calls(make_market(cast)))
    paul, petra, stranger = (cast.staff(name) for name in ("paul", "petra", "stranger"))
    with as_role("web"):
        with tenant(paul):  # of a sub-partner's customer: what the sub-partner pays
            report = report_of(paul, DAY, cast.fjord_customer)
            assert report.total.money == (Money("EUR", 50_000, 25_000),)
            assert report.total.tabs[Tab.DIALLED] == Traffic(2, 2, 75_000, 2, 4_000)
            assert [(step.start, step.tabs[Tab.DIALLED].calls) for step in report.steps if step.money] == [
                (NOON.replace(minute=0), 1), (NOON.replace(hour=13, minute=0), 1),
            ]  # fmt: skip
            acme = report_of(paul, DAY, cast.acme).total.tabs[Tab.DIALLED]
            assert (acme.calls, acme.answered, acme.ring_ms) == (3, 2, 2_000 + 2_000 + 3_000)
            assert [(one.name, one.tabs[Tab.DIALLED].calls) for one in report.destinations] == [("United Kingdom", 2)]
        with tenant(petra):
            assert report_of(petra, DAY, cast.fjord_customer).total.money == (Money("EUR", 150_000, 50_000),)
            assert report_of(petra, DAY, cast.acme).total.tabs[Tab.DIALLED] == Traffic()
        with tenant(stranger):
            assert report_of(stranger, DAY, cast.acme).total.tabs[Tab.DIALLED] == Traffic()


def test_customers_people_see_no_sums(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> None:
    settle(*some_calls(make_market(cast)))
    alice = cast.user(cast.alice)
    with as_role("web"), tenant(alice):
        assert not CallHour.objects.visible_to(alice).exists()
        assert not CallShare.objects.visible_to(alice).exists()
        assert not CallHour.objects.exists()
