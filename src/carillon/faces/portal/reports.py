"""The dashboard: what the actor's calls add up to, and how things are now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.base.rows import named
from carillon.business.calls.queries import cdrs_on, live_calls_of, lost_by
from carillon.business.customers.models import Customer
from carillon.business.endpoints.queries import locations_of
from carillon.business.notices.queries import open_alerts_of
from carillon.business.reports.choices import Period
from carillon.business.reports.queries import Report, Total, report_of
from carillon.logic.traffic import Money, Span, Traffic
from carillon.panels.declaration import Field, Page

MOST_DAYS = 732
EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class DashboardData:
    """Which calls: those that began in a period, of one customer or of all."""

    period: Period = Period.WEEK
    since: date | None = None
    until: date | None = None
    customer_id: int | None = None


def span_of(data: DashboardData) -> Span:
    """The days that are asked for, in the active time zone.

    Raises:
        InvalidInput: one's own range without an end, the wrong way round, out of all time or longer than two years.
    """
    zone, today = ZoneInfo(str(timezone.get_current_timezone())), timezone.localdate()
    if data.period != Period.OWN:
        days = {Period.TODAY: 1, Period.WEEK: 7, Period.MONTH: 30}[data.period]
        return Span(today - timedelta(days=days - 1), today, zone)
    if data.since is None or data.until is None:
        missing = "since" if data.since is None else "until"
        raise InvalidInput(fields={missing: now_("Say from which day to which day.")})
    for name, day in (("since", data.since), ("until", data.until)):
        if not EARLIEST <= day <= LATEST:
            raise InvalidInput(fields={name: now_("There are no calls of that time.")})
    if data.until < data.since:
        raise InvalidInput(fields={"until": now_("This day is before the first one.")})
    if (data.until - data.since).days >= MOST_DAYS:
        raise InvalidInput(fields={"until": now_("These are more than two years.")})
    return Span(data.since, data.until, zone)


def read_dashboard(actor: Actor, data: DashboardData) -> dict[str, Any]:
    """What the calls of a period add up to in the actor's part of the tree, and how things are now. Seven queries."""
    customer = named(Customer.objects, actor, data.customer_id, "customer_id") if data.customer_id else None
    report = report_of(actor, span_of(data), customer)
    span, whose = report.span, {"customer_id": customer.pk} if customer else {}
    lost = cdrs_on(actor).filter(lost_by(actor), started_at__gte=span.begin, started_at__lt=span.end, **whose)
    return {"period": data.period.value, **_report(report), "losses": lost.count(), "now": _now(actor, customer)}


def _now(actor: Actor, customer: Customer | None) -> dict[str, int]:
    whose = {"customer_id": customer.pk} if customer else {}
    return {
        "live_calls": live_calls_of(actor).filter(**whose).count(),
        "registered": locations_of(actor).filter(**whose).values("endpoint_id").distinct().count(),
        "alerts": open_alerts_of(actor).filter(**whose).count(),
    }


def _report(report: Report) -> dict[str, Any]:
    span = report.span
    ends = [step.start for step in report.steps[1:]] + [span.end]
    return {
        "since": span.first.isoformat(),
        "until": span.last.isoformat(),
        "step": span.step.value,
        **_total(report.total),
        "before": _total(report.before),
        "steps": [
            {"from": step.start.isoformat() if step.start else "", "to": end.isoformat() if end else "", **_total(step)}
            for step, end in zip(report.steps, ends, strict=True)
        ],
        "destinations": [{"name": one.name, **_total(one)} for one in report.destinations],
    }


def _total(total: Total) -> dict[str, Any]:
    by_tab = {str(tab): _traffic(traffic) for tab, traffic in total.tabs.items()}
    return {**by_tab, "money": [_money(money) for money in total.money]}


def _traffic(traffic: Traffic) -> dict[str, Any]:
    return {
        "calls": traffic.calls,
        "answered": traffic.answered,
        "talked_ms": traffic.talked_ms,
        "asr_percent": traffic.asr_percent,
        "acd_ms": traffic.acd_ms,
        "pdd_ms": traffic.pdd_ms,
    }


def _money(money: Money) -> dict[str, Any]:
    return {
        "currency": money.currency,
        "revenue_micro": money.revenue_micro,
        "cost_micro": money.cost_micro,
        "margin_micro": money.margin_micro,
        "margin_percent": money.margin_percent,
    }


DASHBOARD = Page(
    slug="dashboard",
    title=_("Dashboard"),
    section="main",
    read=read_dashboard,
    template="portal/reports/dashboard.html",
    icon="chart-bar",
    data=DashboardData,
    fields=(
        Field("period", _("Period"), choices=Period.choices),
        Field("since", _("From")),
        Field("until", _("To")),
        Field("customer_id", _("Customer"), lookup="customers"),
    ),
    help=_(
        "Your calls and your money: what customers and sub-partners pay you, and what you pay to your supplier and"
        " carriers. Every figure and bar leads to the calls behind it. Of the calls that customers dialled: ASR is how"
        " many were answered, ACD how long those lasted, PDD how long it took until a phone rang."
    ),
)

PAGES = (DASHBOARD,)
