"""Periodic housekeeping, run by the worker through procrastinate."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.utils import timezone
from procrastinate.contrib.django import app

from carillon.base.models import IdempotencyKey
from carillon.base.tenancy import tenant
from carillon.business.partners.queries import system_actor

KEPT_ANSWERS = timedelta(days=7)


@app.periodic(cron="23 * * * *")
@app.task(name="forget_old_sessions", queueing_lock="forget_old_sessions")
def forget_old_sessions(timestamp: int) -> None:
    """Remove sessions that have expired. `timestamp` is when the run was due, Unix seconds."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@app.periodic(cron="41 3 * * *")
@app.task(name="forget_old_answers", queueing_lock="forget_old_answers")
def forget_old_answers(timestamp: int) -> None:
    """Remove answers kept for idempotency keys that nobody will repeat any more."""
    actor = system_actor()
    with tenant(actor):
        IdempotencyKey.objects.visible_to(actor).filter(at__lt=timezone.now() - KEPT_ANSWERS).delete()
