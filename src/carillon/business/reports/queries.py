"""What a partner's calls add up to over a time: of all its customers from the hourly sums, of one from its CDRs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import DateTimeField, F, Func, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value

from carillon.base.actor import Actor
from carillon.business.calls.choices import Tab
from carillon.business.customers.models import Customer
from carillon.business.reports.choices import RunState
from carillon.business.reports.models import SUMS, CallHour, CallShare, ReportRun, ReportSchedule
from carillon.logic.traffic import Money, Span, Traffic, by_currency

MOST_DESTINATIONS = 10


@dataclass(frozen=True, slots=True)
class Total:
    """What some calls add up to, by tab of the CDR panel.

    `name` is their destination, `start` when their hour, day or month begins.
    """

    tabs: Mapping[Tab, Traffic]
    money: tuple[Money, ...]
    name: str = ""
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The calls of a span: altogether, step by step, those dialled by destination (most minutes first), and before."""

    span: Span
    total: Total
    steps: tuple[Total, ...]
    destinations: tuple[Total, ...]
    before: Total


def shares_of(actor: Actor, span: Span, customer: Customer | None = None) -> QuerySet[CallHour] | QuerySet[CallShare]:
    """Return what the actor's partner has of the calls that began in the span, to be added up.

    The money is the partner's own: what its customers and sub-partners pay it, what its carriers and its parent get.
    Hourly sums are by the hour in UTC, so a span in a time zone of half hours is that much off.
    """
    own = {"partner_id": actor.partner_id, "hour__gte": span.begin, "hour__lt": span.end}
    if customer is None:
        return CallHour.objects.visible_to(actor).filter(**own)
    # the first two have an index
    whose = {"seller_id": customer.partner_id, "customer_id": customer.pk, "started_at__gte": span.begin}
    return CallShare.objects.visible_to(actor).filter(**whose, **own)


def report_of(actor: Actor, span: Span, customer: Customer | None = None) -> Report:
    """Return what the calls of a span add up to; three queries.

    Cost: some rows for each hour and destination of the span; of one customer, those of its CDRs.
    """
    shares = shares_of(actor, span, customer)
    starts = span.starts()
    rows = list(_sums(shares.annotate(step=_step_of(starts)), "step"))
    steps = [
        _total((row for row in rows if row["step"] == place), start=start) for place, start in enumerate(starts, 1)
    ]
    earlier = _total(_sums(shares_of(actor, span.before, customer)))
    return Report(span, _total(rows), tuple(steps), _destinations(shares), earlier)


def _step_of(starts: list[datetime]) -> Func:
    """Which step an hour is in, from 1."""
    thresholds = Value(starts, output_field=ArrayField(DateTimeField()))
    return Func(F("hour"), thresholds, function="width_bucket", output_field=IntegerField())


def _sums(shares: QuerySet[Any], *keys: str) -> QuerySet[Any, dict[str, Any]]:
    added: QuerySet[Any, dict[str, Any]] = shares.values(*keys, "tab", "currency").annotate(
        **{f"all_{name}": Sum(name) for name in SUMS}
    )
    return added.order_by()


def _destinations(shares: QuerySet[Any]) -> tuple[Total, ...]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in _sums(shares.filter(tab=Tab.DIALLED).exclude(destination=""), "destination"):
        found.setdefault(row["destination"], []).append(row)
    totals = [_total(rows, name=name) for name, rows in found.items()]
    totals.sort(key=_rank)
    return tuple(totals[:MOST_DESTINATIONS])


def _rank(total: Total) -> tuple[int, int, str]:
    dialled = total.tabs[Tab.DIALLED]
    return -dialled.talked_ms, -dialled.calls, total.name


def _total(rows: Iterable[Mapping[str, Any]], *, name: str = "", start: datetime | None = None) -> Total:
    tabs, money = {tab: Traffic() for tab in Tab}, []
    for row in rows:
        sums = (int(row[f"all_{name}"]) for name in ("calls", "answered", "talked_ms", "rung", "ring_ms"))
        tabs[Tab(row["tab"])] += Traffic(*sums)
        money.append(Money(row["currency"], int(row["all_revenue_micro"]), int(row["all_cost_micro"])))
    return Total(tabs, by_currency(money), name, start)


# ---------------------------------------------------------------- scheduled reports


def schedules_of(actor: Actor) -> QuerySet[ReportSchedule]:
    """Return the scheduled reports of the actor's part of the tree, each with how it went last; one query."""
    newest = ReportRun.objects.filter(schedule=OuterRef("pk")).exclude(state=RunState.WAITING).order_by("-pk")
    rows = ReportSchedule.objects.visible_to(actor).select_related("owner", "partner")
    return rows.annotate(
        last_state=Subquery(newest.values("state")[:1]), last_at=Subquery(newest.values("ended_at")[:1])
    )


def runs_of(actor: Actor) -> QuerySet[ReportRun]:
    """Return what was sent, without the files; one query."""
    return ReportRun.objects.visible_to(actor).select_related("partner").defer("content")


def file_of(actor: Actor, run_id: int) -> bytes | None:
    """Return the file of a report that was sent; None: there is none that the actor may see, or it is kept no more."""
    found = ReportRun.objects.visible_to(actor).filter(pk=run_id).values_list("content", flat=True).first()
    return None if found is None else bytes(found)
