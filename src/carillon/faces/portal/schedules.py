"""Panels of scheduled reports: what is mailed when to whom, and what was sent."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.base.errors import InvalidInput, NotFound
from carillon.business.partners.queries import colleagues_of
from carillon.business.reports import queries, schedules
from carillon.business.reports.choices import Days, Every, FileFormat, Language, RunState, Weekday
from carillon.business.reports.models import ReportRun, ReportSchedule
from carillon.faces.portal import catalogue
from carillon.faces.portal.access import actor_of, staff_only
from carillon.faces.portal.mailing import DASHBOARD, check_query, dates_of, may_see
from carillon.faces.portal.reports import DASHBOARD as DASHBOARD_PAGE
from carillon.panels.changes import find_row
from carillon.panels.declaration import Column, Detail, Extra, Field, Filter, Link, Panel, RowAction
from carillon.panels.export import FORMATS
from carillon.panels.models import SavedView
from carillon.panels.views import clean_query, views_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleForm(schedules.ScheduleData):
    """The form: beside what is kept, a saved view whose filters, columns and order are taken over."""

    view_id: int | None = None


def _reports(actor: Actor) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [(DASHBOARD, DASHBOARD_PAGE.title)] if DASHBOARD_PAGE.may(actor) else []
    return found + [(panel.slug, panel.title) for panel in catalogue.panels() if panel.may(actor, "view")]


def _checked(actor: Actor, form: ScheduleForm) -> schedules.ScheduleData:
    """What is kept of a form, its filters held against the panel."""
    query, panel = form.query, catalogue.panel(form.report)
    if form.view_id is not None:
        view: SavedView | None = views_of(actor).filter(pk=form.view_id, panel=form.report).first()
        if view is None:
            raise InvalidInput(fields={"view_id": gettext("This is no view of that report.")})
        query = view.query
    if panel is None:
        query = check_query(actor, form.report, query)
    else:
        query = clean_query(panel, actor, query)
        if form.days != Days.AS_SAID and dates_of(panel) is None:
            raise InvalidInput(fields={"days": gettext("These rows have no dates: choose “As the filters say”.")})
    kept = {name: value for name, value in asdict(form).items() if name != "view_id"}
    return schedules.ScheduleData(**{**kept, "query": query})


@action("scheduled_reports.add")
def create(actor: Actor, form: ScheduleForm) -> ReportSchedule:
    """Have a report mailed again and again. Raises as `schedule_report`."""
    return schedules.schedule_report(actor, _checked(actor, form))


@action("scheduled_reports.change")
def update(actor: Actor, schedule: ReportSchedule, form: ScheduleForm) -> ReportSchedule:
    """Change what is mailed. Raises as `change_schedule`."""
    return schedules.change_schedule(actor, schedule, _checked(actor, form))


def _title(row: ReportSchedule | ReportRun) -> str:
    if row.report == DASHBOARD:
        return str(DASHBOARD_PAGE.title)
    panel = catalogue.panel(row.report)
    return str(panel.title) if panel else row.report


def _when(schedule: ReportSchedule) -> str:
    """ "Every week, Monday, 07:30": how often and when, in its own time zone."""
    day = {Every.WEEK: str(schedule.get_weekday_display()), Every.MONTH: str(schedule.month_day)}.get(
        Every(schedule.every), ""
    )
    return ", ".join(part for part in (str(schedule.get_every_display()), day, schedule.at) if part)


def _values(schedule: ReportSchedule) -> Mapping[str, Any]:
    names = "name report query days format every weekday month_day timezone culture recipients at"
    return {name: getattr(schedule, name) for name in names.split()} | {"view_id": None}


def _staff(actor: Actor) -> list[tuple[int, str]]:
    return [(one.login_id, f"{one.name} ({one.email})") for one in colleagues_of(actor)]


def _zone(_actor: Actor) -> str:
    return timezone.get_current_timezone_name()


def _me(actor: Actor) -> list[int]:
    return [actor.login_id] if actor.login_id else []


FIELDS = (
    Field("name", _("Name"), max_length=100, help=_("The subject of the mail.")),
    Field("report", _("Report"), choices=_reports),
    Field(
        "view_id",
        _("Saved view"),
        lookup="saved-views",
        help=_("Its filters, columns and order are taken over; later changes of the view are not."),
    ),
    Field(
        "query",
        _("Filters"),
        kind="code",
        max_length=2000,
        help=_("As the address of the grid has them, after the question mark. A saved view fills this."),
    ),
    Field("days", _("Days"), choices=Days.choices, help=_("Counted from the day on which it is sent.")),
    Field("format", _("File"), choices=FileFormat.choices),
    Field("every", _("How often"), choices=Every.choices, section=_("When")),
    Field("weekday", _("On, when weekly"), choices=Weekday.choices, section=_("When")),
    Field(
        "month_day",
        _("On day, when monthly"),
        minimum=1,
        maximum=31,
        section=_("When"),
        help=_("A month that has no such day: its last."),
    ),
    Field("at", _("At"), max_length=5, placeholder="07:30", section=_("When")),
    Field("timezone", _("Time zone"), max_length=64, suggest=_zone, section=_("When")),
    Field("culture", _("Language"), choices=Language.choices, section=_("To whom")),
    Field("recipients", _("Recipients"), choices=_staff, suggest=_me, section=_("To whom"), wide=True),
)

SCHEDULES = Panel(
    slug="scheduled-reports",
    title=_("Scheduled reports"),
    name=_("scheduled report"),
    section="main",
    icon="calendar",
    model=ReportSchedule,
    rows=queries.schedules_of,
    columns=(
        Column("name", _("Name"), width=170, grow=2),
        Column("report_title", _("Report"), value=_title, width=130, in_api=False),
        Column("when", _("When"), value=_when, width=185, grow=1, in_api=False),
        Column("is_enabled", _("Enabled"), kind="bool", width=80),
        Column("next_at", _("Next"), kind="datetime", width=155),
        Column("last_state", _("Last time"), kind="status", choices=RunState.choices, width=90),
        Column("last_at", _("Sent"), kind="datetime", width=140),
        Column("owner", _("Owner"), value="owner.name", width=120),
        Column("partner", _("Partner"), value="partner.name", width=140),
    ),
    api=(
        Column("report", _("Report")),
        Column("query", _("Filters")),
        Column("days", _("Days"), kind="choice"),
        Column("format", _("File"), kind="choice"),
        Column("every", _("How often"), kind="choice"),
        Column("weekday", _("Weekday"), kind="choice"),
        Column("month_day", _("Day of the month"), kind="integer"),
        Column("at", _("At")),
        Column("timezone", _("Time zone")),
        Column("culture", _("Language")),
        Column("recipients", _("Recipients"), kind="list"),
        Column("owner_id", _("Owner"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Since"), kind="datetime"),
    ),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("is_enabled", _("Enabled"), kind="bool"),
        Filter("every", _("How often"), choices=Every.choices),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    data=ScheduleForm,
    fields=FIELDS,
    initial=_values,
    create=create,
    update=update,
    remove=schedules.remove_schedule,
    imports=False,
    actions=(
        RowAction(
            "send-now",
            _("Send now"),
            schedules.send_now,
            icon="send",
            confirm=_("The same people get it at once, with what its owner may see; the next time stays as it is."),
            done=_("It is on its way."),
        ),
        RowAction(
            "pause",
            _("Pause"),
            schedules.pause_schedule,
            icon="player-pause",
            confirm=_("Nothing is sent until you resume it."),
            applies=lambda row: row.is_enabled,
        ),
        RowAction(
            "resume",
            _("Resume"),
            schedules.resume_schedule,
            icon="player-play",
            confirm=_("It is sent the next time that it is due. What was missed is not made up for."),
            applies=lambda row: not row.is_enabled,
        ),
    ),
    links=(Link(_("What was sent"), "report-runs", {"schedule_id": "id"}, icon="history"),),
    help=_(
        "Reports that are mailed by themselves: the rows of any panel with filters, columns and order of a saved"
        " view, or the figures of the dashboard. They hold what their owner may see at the time; whoever changes one"
        " becomes its owner. A file of more than 5 MB is not attached: the mail leads here."
    ),
    empty=_("No reports yet. Add one to have, for example, yesterday's calls in your mail each morning."),
)


def _page(actor: Actor, run: ReportRun) -> dict[str, Any]:
    return {"run": run, "title": _title(run), "has_file": bool(run.size) and _content(actor, run) is not None}


def _content(actor: Actor, run: ReportRun) -> bytes | None:
    """The file, for who may see what is in it."""
    return queries.file_of(actor, run.pk) if may_see(actor, run.report) else None


def _file(actor: Actor, run: ReportRun) -> dict[str, Any]:
    content = _content(actor, run)
    if content is None:
        raise NotFound
    return {"name": run.file_name, "content_base64": base64.b64encode(content).decode()}


RUNS = Panel(
    slug="report-runs",
    title=_("Reports sent"),
    name=_("report"),
    section="",
    icon="history",
    model=ReportRun,
    rows=queries.runs_of,
    columns=(
        Column("due_at", _("Due"), kind="datetime", width=140),
        Column("name", _("Name"), width=170, grow=2),
        Column("report_title", _("Report"), value=_title, width=120, in_api=False),
        Column("state", _("State"), kind="status", width=90),
        Column("row_count", _("Rows"), kind="integer", width=80),
        Column("sent_to", _("To"), kind="list", width=180, grow=2),
        Column("detail", _("What came of it"), width=180, grow=2),
        Column("ended_at", _("Sent"), kind="datetime", width=140),
    ),
    api=(
        Column("report", _("Report")),
        Column("file_name", _("File")),
        Column("size", _("Bytes"), kind="integer"),
        Column("schedule_id", _("Scheduled report"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("due_at", _("Due"), kind="date", lookup="range"),
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("state", _("State"), choices=RunState.choices),
        Filter("schedule_id", _("Scheduled report"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    permission="scheduled_reports",
    detail=Detail("portal/reports/run.html", _page, _("Open")),
    extras=(Extra("file", _file, _("The file, for 30 days: its name and what is in it, base64")),),
    refresh_s=5,
    has_history=False,
    help=_("Each time that a scheduled report was sent, to whom, and what stopped it. Files are kept for 30 days."),
    empty=_("Nothing has been sent yet."),
)


@require_GET
@staff_only
def file(request: HttpRequest, key: int) -> HttpResponse:
    """The file of a report, as a download."""
    actor = actor_of(request)
    run: ReportRun = find_row(RUNS, actor, str(key))
    content = _content(actor, run)
    if content is None:
        raise NotFound
    kind = FORMATS[run.file_name.rpartition(".")[2]].content_type
    answer = HttpResponse(content, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{run.file_name}"'
    return answer


PANELS = (SCHEDULES, RUNS)
