"""Scheduled reports: what is mailed to whom and when, and each time that it was.

Making and sending the file is `faces.portal.mailing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from carillon.base.actor import Actor
from carillon.base.changes import action, audited, witnessed
from carillon.base.errors import Conflict, NotPermitted
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked
from carillon.base.switches import switch
from carillon.business.partners.queries import colleagues_of
from carillon.business.reports.choices import Days, Every, FileFormat, Language, RunState, Weekday
from carillon.business.reports.models import ReportRun, ReportSchedule
from carillon.logic.schedules import Every as Often
from carillon.logic.schedules import Rhythm

MOST_SCHEDULES = 100  # of a partner
MOST_RECIPIENTS = 50
FILES_KEPT, RUNS_KEPT = timedelta(days=30), timedelta(days=365)
TAKEN_UP_AFTER = timedelta(minutes=5)  # a run that nobody has finished by then is started again
BATCH = 100
CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleData:
    """A report and when it is mailed. `query`: filters, columns and order as the panel's address has them.

    `days`: which days before the one on which it is sent. `at`: "07:30" by the clock of `timezone`. `weekday` is for
    weekly ones, `month_day` for monthly. `recipients`: ids of logins that work for the partner.
    """

    name: str
    report: str
    query: str = ""
    days: Days = Days.AS_SAID
    format: FileFormat = FileFormat.XLSX
    every: Every = Every.DAY
    weekday: Weekday = Weekday.MONDAY
    month_day: int = 1
    at: str = "07:00"
    timezone: str = ""
    culture: Language = Language.ENGLISH
    recipients: tuple[int, ...] = ()


@action("scheduled_reports.add")
def schedule_report(actor: Actor, data: ScheduleData) -> ReportSchedule:
    """Have a report mailed again and again, with what its owner, the actor, may see each time.

    Raises:
        InvalidInput: a value is wrong, or a recipient does not work here.
        Conflict: the partner has very many.
        NotPermitted: the actor is no person of a partner's staff.
    """
    if actor.login_id is None or actor.partner_id is None:
        raise NotPermitted
    if ReportSchedule.objects.visible_to(actor).filter(partner_id=actor.partner_id).count() >= MOST_SCHEDULES:
        raise Conflict(_("You have %(most)d scheduled reports. Remove one first.") % {"most": MOST_SCHEDULES})
    schedule = ReportSchedule(partner_id=actor.partner_id)
    with audited(actor, schedule, "create"):
        _fill(actor, schedule, data)
        schedule.save(force_insert=True)
    return schedule


@action("scheduled_reports.change")
def change_schedule(actor: Actor, schedule: ReportSchedule, data: ScheduleData) -> ReportSchedule:
    """Change what is mailed; whoever changes it becomes its owner, so that nobody uses another's rights.

    Raises as `schedule_report`, and NotFound.
    """
    schedule = _own(actor, schedule)
    with audited(actor, schedule, "update"):
        _fill(actor, schedule, data)
        schedule.save()
    return schedule


@action("scheduled_reports.delete")
def remove_schedule(actor: Actor, schedule: ReportSchedule) -> None:
    """Mail a report no more; what was sent stays in the history of reports. Raises NotFound."""
    schedule = locked(ReportSchedule.objects, actor, schedule.pk)
    with audited(actor, schedule, "remove"):
        schedule.delete()


@action("scheduled_reports.change")
def pause_schedule(actor: Actor, schedule: ReportSchedule) -> ReportSchedule:
    """Send nothing until it is resumed. Raises AlreadySo, NotFound."""
    return switch(actor, schedule, is_enabled=False)


@action("scheduled_reports.change")
def resume_schedule(actor: Actor, schedule: ReportSchedule) -> ReportSchedule:
    """Send it again, the next time that it is due; what was missed is not made up for. Raises AlreadySo, NotFound."""
    schedule = switch(actor, schedule, is_enabled=True)
    schedule.next_at = rhythm_of(schedule).next_due(timezone.now())
    schedule.save(update_fields=["next_at"])
    return schedule


@action("scheduled_reports.send")
def send_now(actor: Actor, schedule: ReportSchedule) -> ReportRun:
    """Send a report now, beside those that are due, to the same people with its owner's rights. Raises NotFound."""
    schedule = locked(ReportSchedule.objects, actor, schedule.pk)
    witnessed(actor, schedule, "send")
    return _open(schedule, timezone.now())


def _own(actor: Actor, schedule: ReportSchedule) -> ReportSchedule:
    """The schedule, for who works at its partner: it will run with the actor's rights there."""
    schedule = locked(ReportSchedule.objects, actor, schedule.pk)
    if actor.login_id is None or actor.partner_id != schedule.partner_id:
        raise NotPermitted(_("Only people of the partner that it belongs to can change it: it runs with their rights."))
    return schedule


def _fill(actor: Actor, schedule: ReportSchedule, data: ScheduleData) -> None:
    faults = Faults()
    clock = CLOCK.fullmatch(data.at.strip())
    faults.unless(clock is not None, "at", _("A time of day, such as 07:30."))
    faults.unless(1 <= data.month_day <= 31, "month_day", _("A day from 1 to 31."))
    zone = data.timezone or "UTC"
    faults.timezone(zone)
    strangers = set(data.recipients) - {one.login_id for one in colleagues_of(actor)}
    faults.unless(bool(data.recipients), "recipients", _("Choose at least one person."))
    faults.unless(len(data.recipients) <= MOST_RECIPIENTS, "recipients", _("These are too many people."))
    faults.unless(not strangers, "recipients", _("Only people who work here."))
    faults.stop()
    schedule.name, schedule.report, schedule.query = data.name, data.report, data.query
    schedule.days, schedule.format, schedule.every = data.days, data.format, data.every
    schedule.weekday, schedule.month_day = data.weekday, data.month_day
    schedule.at = f"{int(clock[1]):02d}:{clock[2]}" if clock else ""
    schedule.timezone, schedule.culture = zone, data.culture
    schedule.recipients = sorted(set(data.recipients))
    schedule.owner_id, schedule.permissions = actor.login_id or 0, sorted(actor.permissions)
    schedule.next_at = rhythm_of(schedule).next_due(timezone.now())
    check_values(schedule)


def rhythm_of(schedule: ReportSchedule) -> Rhythm:
    """Return when a schedule is due."""
    weekday = list(Weekday).index(Weekday(schedule.weekday))
    at, zone = time.fromisoformat(schedule.at), ZoneInfo(schedule.timezone)
    return Rhythm(Often(schedule.every), at, zone, weekday, schedule.month_day)


# ---------------------------------------------------------------- each time


@action("scheduled_reports.run")
def open_due_runs(actor: Actor) -> int:
    """Open a run for each schedule that is due, once for each time, and queue it; return how many.

    Times that were missed altogether are one run. A run that was left lying is queued again. Cost: two queries, and
    four for each run.
    """
    now = timezone.now()
    due = ReportSchedule.objects.visible_to(actor).filter(is_enabled=True, next_at__lte=now).order_by("next_at")
    opened = 0
    for schedule in due.select_for_update(skip_locked=True, of=("self",))[:BATCH]:
        _open(schedule, schedule.next_at)
        schedule.next_at = rhythm_of(schedule).next_due(now)
        schedule.save(update_fields=["next_at"])
        opened += 1
    lying = ReportRun.objects.visible_to(actor).filter(state=RunState.WAITING, created_at__lt=now - TAKEN_UP_AFTER)
    for key in lying.values_list("pk", flat=True)[:BATCH]:
        _queue(key, lock=f"send_report again {key}")
    return opened


def _open(schedule: ReportSchedule, due_at: datetime) -> ReportRun:
    run, is_new = ReportRun.objects.get_or_create(
        partner_id=schedule.partner_id,
        schedule=schedule,
        due_at=due_at,
        defaults={"name": schedule.name, "report": schedule.report},
    )
    if is_new:
        _queue(run.pk, lock=f"send_report {run.pk}")
    return run


def _queue(key: int, *, lock: str) -> None:
    app.configure_task("send_report", queueing_lock=lock).defer(run_id=key)


@action("scheduled_reports.run")
def claim_run(actor: Actor, run_id: int) -> ReportRun | None:
    """Return a run that waits, locked until the transaction ends; None: it is done, or another worker has it."""
    waiting = ReportRun.objects.visible_to(actor).filter(pk=run_id, state=RunState.WAITING, schedule__isnull=False)
    return waiting.select_for_update(skip_locked=True, of=("self",)).select_related("schedule__owner").first()


@action("scheduled_reports.run")
def end_run(actor: Actor, run: ReportRun, *, sent_to: Iterable[str] = (), error: str = "") -> None:
    """Write down what became of a run, with the file that it has. One query."""
    run.state = RunState.FAILED if error else RunState.SENT
    run.detail, run.sent_to, run.ended_at = error[:500], list(sent_to), timezone.now()
    run.save()


@action("scheduled_reports.run")
def forget_old_runs(actor: Actor) -> None:
    """Remove files of a month ago, and runs of a year ago. Two queries."""
    now = timezone.now()
    runs = ReportRun.objects.visible_to(actor)
    runs.filter(ended_at__lt=now - FILES_KEPT, content__isnull=False).update(content=None)
    runs.filter(ended_at__lt=now - RUNS_KEPT).delete()
