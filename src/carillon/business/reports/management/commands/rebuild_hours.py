"""`./carillon manage rebuild_hours`: makes the dashboard's hourly sums from CDRs anew."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from carillon.base.tenancy import tenant
from carillon.business.calls.models import Cdr
from carillon.business.partners.queries import system_actor
from carillon.business.reports.actions import rebuild_hours


class Command(BaseCommand):
    """Day by day, each in a transaction of its own: calls go on meanwhile, and an interrupted run does no harm."""

    help = "Makes the dashboard's hourly sums from CDRs anew: after an upgrade, or after CDRs were corrected."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=date.fromisoformat, help="first day, UTC (default: that of the first CDR)")
        parser.add_argument("--until", type=date.fromisoformat, help="last day, UTC (default: today)")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = system_actor()
        with tenant(actor):
            earliest = Cdr.objects.visible_to(actor).order_by("started_on").values_list("started_on", flat=True).first()
        day, last = options["since"] or earliest, options["until"] or datetime.now(UTC).date()
        while day is not None and day <= last:
            with tenant(actor):
                rebuild_hours(actor, day, day)
            self.stdout.write(f"{day} is done.")
            day += timedelta(days=1)
