"""Reports that are mailed: each is made as its owner sees it then, and goes out through the outbox."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from procrastinate.contrib.django import app

from carillon.base.actor import Actor
from carillon.base.errors import CarillonError, InvalidInput, NotPermitted
from carillon.base.rows import named
from carillon.base.tenancy import tenant
from carillon.business.customers.models import Customer
from carillon.business.notices.choices import MailEvent
from carillon.business.notices.mails import Occasion, letter
from carillon.business.partners.choices import OWN_HOSTNAME
from carillon.business.partners.models import Membership, Partner
from carillon.business.partners.queries import staff_actor, system_actor
from carillon.business.partners.roles import common
from carillon.business.reports import schedules
from carillon.business.reports.models import ReportRun, ReportSchedule
from carillon.business.reports.queries import Total, report_of
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.logic.schedules import Days, days_before
from carillon.logic.traffic import Money, Span
from carillon.panels.columns import chosen_columns
from carillon.panels.declaration import Column, Filter, Panel
from carillon.panels.export import FORMATS, rows_to_write
from carillon.panels.filtering import filtered, order_of

log = logging.getLogger("carillon.reports")
DASHBOARD = "dashboard"
MOST_ATTACHED = 5 * 2**20  # bytes; what is larger waits in the portal


@dataclass(frozen=True, slots=True)
class Made:
    """A report as a file."""

    name: str
    content: bytes
    row_count: int
    content_type: str
    about: str  # which days


def dates_of(panel: Panel) -> Filter | None:
    """Return the filter by days that a panel has, the first; None: its rows have no dates."""
    return next((one for one in panel.filters if one.kind == "date" and one.lookup == "range"), None)


def may_see(actor: Actor, report: str) -> bool:
    """Tell whether the actor may see what a report is made of."""
    if report == DASHBOARD:
        return actor.may("dashboard.view")
    panel = find_panel(report)
    return panel is not None and panel.may(actor, "view")


# ---------------------------------------------------------------- making it


def make(actor: Actor, schedule: ReportSchedule) -> Made:
    """Return a report as the actor sees it now, in the language and time zone of the schedule.

    Raises:
        NotPermitted: the actor may not see it.
        InvalidInput: its filters mean nothing any more.

    Cost: one query of at most 50,000 rows; of the dashboard three.
    """
    if not may_see(actor, schedule.report):
        raise NotPermitted(_("Its owner may not see this report any more."))
    days = days_before(Days(schedule.days), timezone.localdate())
    about = f"{days[0]} – {days[1]}" if days and days[0] != days[1] else str(days[0]) if days else ""
    title, columns, rows = (_dashboard if schedule.report == DASHBOARD else _table)(actor, schedule, days)
    count = _Count(rows)
    kind = FORMATS[schedule.format]
    content = kind.write(title, columns, count)
    name = f"{schedule.report}-{timezone.localdate().isoformat()}.{schedule.format}"
    return Made(name, content, count.number, kind.content_type, about)


class _Count:
    """Rows that are counted as they are written."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self.rows, self.number = rows, 0

    def __iter__(self) -> Iterator[Any]:
        for self.number, row in enumerate(self.rows, start=1):  # noqa: B020 - the count is the point
            yield row


def _table(
    actor: Actor, schedule: ReportSchedule, days: tuple[date, date] | None
) -> tuple[str, tuple[Column, ...], Iterable[Any]]:
    panel = find_panel(schedule.report)
    assert panel is not None  # noqa: S101 - may_see has found it
    given = dict(parse_qsl(schedule.query))
    if days and (dates := dates_of(panel)) is not None:
        given |= {f"{dates.name}_from": days[0].isoformat(), f"{dates.name}_to": days[1].isoformat()}
    customer = int(given["customer_id"]) if panel.customer_field and given.get("customer_id", "").isdigit() else None
    rows = filtered(panel, actor, given, customer_id=customer)
    columns = chosen_columns(panel, given.get("columns", ""))
    return str(panel.title), columns, rows_to_write(rows, order_of(panel, given.get("order", "")))


@dataclass(frozen=True, slots=True)
class Figures:
    """A line of the dashboard as a table: some calls and what they brought in one currency."""

    part: str
    which: str
    calls: int | None = None
    answered: int | None = None
    asr: Decimal | None = None
    talked: int | None = None
    acd: int | None = None
    received: int | None = None
    missed: int | None = None
    revenue: int | None = None
    cost: int | None = None
    margin: int | None = None
    currency: str = ""


FIGURES = (
    Column("part", gettext_lazy("Part"), width=110),
    Column("which", gettext_lazy("Which"), width=180),
    Column("calls", gettext_lazy("Calls"), kind="integer"),
    Column("answered", gettext_lazy("Answered"), kind="integer"),
    Column("asr", gettext_lazy("ASR %"), kind="decimal"),
    Column("talked", gettext_lazy("Talked"), kind="duration"),
    Column("acd", gettext_lazy("ACD"), kind="duration"),
    Column("received", gettext_lazy("Received"), kind="integer"),
    Column("missed", gettext_lazy("Missed"), kind="integer"),
    Column("revenue", gettext_lazy("Revenue"), kind="money"),
    Column("cost", gettext_lazy("Cost"), kind="money"),
    Column("margin", gettext_lazy("Margin"), kind="money"),
)


def _dashboard(
    actor: Actor, schedule: ReportSchedule, days: tuple[date, date] | None
) -> tuple[str, tuple[Column, ...], Iterable[Any]]:
    return _("Dashboard"), FIGURES, _figures(actor, schedule, days)


def _figures(actor: Actor, schedule: ReportSchedule, days: tuple[date, date] | None) -> Iterator[Figures]:
    """The figures of the dashboard: altogether, before, each step of time, the top destinations."""
    first, last = days or days_before(Days.WEEK, timezone.localdate()) or (timezone.localdate(),) * 2
    wanted = dict(parse_qsl(schedule.query)).get("customer_id", "")
    customer = named(Customer.objects, actor, int(wanted), "customer_id") if wanted.isdigit() else None
    report = report_of(actor, Span(first, last, ZoneInfo(schedule.timezone)), customer)
    yield from _lines(_("Total"), f"{first} – {last}", report.total)
    yield from _lines(_("Before"), f"{report.span.before.first} – {report.span.before.last}", report.before)
    for step in report.steps:
        at = timezone.localtime(step.start) if step.start else None
        yield from _lines(_("Time"), f"{at:%Y-%m-%d %H:%M}" if at else "", step)
    for one in report.destinations:
        yield from _lines(_("Destination"), one.name, one)


def _lines(part: str, which: str, total: Total) -> Iterator[Figures]:
    """A line for each currency; the calls are on the first."""
    by_tab = {str(tab): traffic for tab, traffic in total.tabs.items()}
    dialled = by_tab["dialled"]
    asr = None if dialled.asr_percent is None else Decimal(str(dialled.asr_percent))
    counts: tuple[Any, ...] = (dialled.calls, dialled.answered, asr, dialled.talked_ms, dialled.acd_ms)
    counts += (by_tab["received"].calls, by_tab["missed"].calls)
    money: tuple[Money | None, ...] = total.money or (None,)
    for place, one in enumerate(money):
        sums = (one.revenue_micro, one.cost_micro, one.margin_micro, one.currency) if one else (None, None, None, "")
        yield Figures(part, which, *(counts if place == 0 else (None,) * len(counts)), *sums)


# ---------------------------------------------------------------- sending it


@app.periodic(cron="* * * * *")
@app.task(name="open_due_reports", queueing_lock="open_due_reports")
def open_due_reports(timestamp: int) -> None:
    """Open what is due. `timestamp` is when the run was due, Unix seconds."""
    with tenant(system_actor()) as system:
        schedules.open_due_runs(system)


@app.periodic(cron="37 4 * * *")
@app.task(name="forget_old_reports", queueing_lock="forget_old_reports")
def forget_old_reports(timestamp: int) -> None:
    """Remove files of a month ago, and what was sent a year ago."""
    with tenant(system_actor()) as system:
        schedules.forget_old_runs(system)


@app.task(name="send_report")
def send_report(run_id: int) -> None:
    """Make a report and mail it: its mail and its being sent are one transaction. What stops it is written down."""
    system = system_actor()
    try:
        with tenant(system):
            run = schedules.claim_run(system, run_id)
            if run is not None:
                _send(system, run)
        return
    except CarillonError as error:
        sentence = " ".join(dict.fromkeys([error.detail, *error.fields.values()]))
    except Exception:
        log.exception("Report %s failed", run_id)
        sentence = _("This failed for a reason of the platform's own; ask support.")
    with tenant(system):
        run = schedules.claim_run(system, run_id)
        if run is not None:
            schedules.end_run(system, run, error=sentence)


def _send(system: Actor, run: ReportRun) -> None:
    schedule = run.schedule
    assert schedule is not None  # noqa: S101 - claim_run asks for it
    with translation.override(schedule.culture), timezone.override(ZoneInfo(schedule.timezone)):
        to = _addresses(system, schedule)
        if not to:
            raise NotPermitted(_("None of its recipients works here any more."))
        owner = _owner(schedule)
        with tenant(owner):
            made = make(owner, schedule)
        run.content, run.size, run.row_count, run.file_name = made.content, len(made.content), made.row_count, made.name
        _mail(system, run, made, to)
    schedules.end_run(system, run, sent_to=to)


def _owner(schedule: ReportSchedule) -> Actor:
    """The owner, with what they may today, and no more than they could when they wrote it."""
    actor = staff_actor(schedule.owner_id, schedule.owner.email, partner_id=schedule.partner_id)
    if actor.partner_id != schedule.partner_id:
        raise NotPermitted(_("Its owner does not work here any more."))
    return actor.limited_to(common(schedule.permissions, actor.permissions))


def _addresses(system: Actor, schedule: ReportSchedule) -> list[str]:
    """Those of its recipients who still work here."""
    staff = Membership.objects.visible_to(system).filter(
        partner_id=schedule.partner_id, login_id__in=schedule.recipients, login__is_active=True
    )
    return list(staff.order_by("login__email").values_list("login__email", flat=True))


def _mail(system: Actor, run: ReportRun, made: Made, to: list[str]) -> None:
    schedule = run.schedule
    assert schedule is not None  # noqa: S101
    fits = len(made.content) <= MOST_ATTACHED
    values = {
        "report": schedule.name,
        "days": made.about,
        "rows": f"{made.row_count:,}",
        "file": made.name if fits else "",
        "kept": "" if fits else str(schedules.FILES_KEPT.days),
        "link": "" if fits else f"{_origin(system, schedule.partner)}/panels/report-runs/{run.pk}/",
        "owner": schedule.owner.name,
    }
    occasion = Occasion(event=MailEvent.REPORT, partner=schedule.partner, values=values, culture=schedule.culture)
    mail = letter(system, occasion, to)
    mail.extra_headers["Message-ID"] = f"<report-{run.pk}@carillon>"
    if fits:
        mail.attach(made.name, made.content, made.content_type)
    mail.send()


def _origin(system: Actor, partner: Partner) -> str:
    """Where the partner's people find the portal: its own hostname, else that of the nearest above."""
    known = dict(Partner.objects.visible_to(system).filter(pk__in=partner.path).values_list("pk", "portal_hostname"))
    hostname = next((known[key] for key in reversed(partner.path) if known.get(key)), OWN_HOSTNAME)
    config = settings.CONFIG
    if config.proxies or not config.bind.startswith("127."):
        return f"https://{hostname}"
    return f"http://{hostname}:{config.ports.web}"


def check_query(actor: Actor, report: str, query: str) -> str:
    """Return what the dashboard may be asked for: a customer. Raises InvalidInput."""
    given = dict(parse_qsl(query.removeprefix("?")))
    wanted = given.pop("customer_id", "")
    if given or (wanted and not wanted.isdigit()):
        raise InvalidInput(fields={"query": _("The dashboard takes customer_id alone.")})
    if wanted:
        named(Customer.objects, actor, int(wanted), "query")
    return f"customer_id={wanted}" if wanted else ""
