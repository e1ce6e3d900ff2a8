"""Reports that the demo world's people have mailed to them."""

from __future__ import annotations

from collections import Counter

from carillon.base.actor import Actor
from carillon.business.reports.choices import Days, Every, Weekday
from carillon.business.reports.models import ReportSchedule
from carillon.faces.portal.schedules import ScheduleForm, create


def load_reports(actor: Actor, made: Counter[str]) -> None:
    """Yesterday's calls each morning and the dashboard each Monday, mailed to the actor."""
    if ReportSchedule.objects.visible_to(actor).filter(partner_id=actor.partner_id or 0).exists():
        return
    me = (actor.login_id or 0,)
    calls = ScheduleForm(
        name="Calls of yesterday", report="cdrs", days=Days.DAY, timezone="Europe/London", recipients=me
    )
    create(actor, calls)
    week = ScheduleForm(
        name="The week in figures",
        report="dashboard",
        days=Days.WEEK,
        every=Every.WEEK,
        weekday=Weekday.MONDAY,
        at="08:00",
        timezone="Europe/London",
        recipients=me,
    )
    create(actor, week)
    made["scheduled reports"] += 2
