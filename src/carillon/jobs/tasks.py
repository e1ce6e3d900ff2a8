"""What the worker does through procrastinate: periodic housekeeping, mails."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.contrib.sessions.models import Session
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from carillon.base.models import IdempotencyKey
from carillon.base.tenancy import tenant
from carillon.business.catalogue.queries import due_subscriptions
from carillon.business.notices.actions import mail_alert as mail_one_alert
from carillon.business.notices.balances import note_low_balances as note_low
from carillon.business.numbers.actions import restock_numbers as restock
from carillon.business.partners.queries import system_actor
from carillon.usecases import try_prices as trials
from carillon.usecases.announce_prices import announce_prices as announce
from carillon.usecases.charge_subscriptions import charge_subscription
from carillon.usecases.charge_subscriptions import give_to_newcomers as give
from carillon.usecases.try_phone import place_call

MAIL_ATTEMPTS = RetryStrategy(max_attempts=12, exponential_wait=3)
KEPT_ANSWERS = timedelta(days=7)
MOST_SUBSCRIPTIONS = 2000  # in a minute
log = logging.getLogger("carillon.jobs")


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


@app.periodic(cron="*/10 * * * *")
@app.task(name="restock_numbers", queueing_lock="restock_numbers")
def restock_numbers(timestamp: int) -> None:
    """Return numbers whose quarantine is over to stock."""
    actor = system_actor()
    with tenant(actor):
        restock(actor)


@app.periodic(cron="* * * * *")
@app.task(name="note_low_balances", queueing_lock="note_low_balances")
def note_low_balances(timestamp: int) -> None:
    """Tell partners of balances that have fallen below what they watch, and customers of their own."""
    actor = system_actor()
    with tenant(actor):
        note_low(actor)


@app.periodic(cron="* * * * *")
@app.task(name="charge_subscriptions", queueing_lock="charge_subscriptions")
def charge_subscriptions(timestamp: int) -> None:
    """Charge what subscriptions owe and give what they include; one that fails is tried again in the next minute."""
    actor = system_actor()
    with tenant(actor):
        due = due_subscriptions(actor, timezone.now(), limit=MOST_SUBSCRIPTIONS)
    for subscription_id in due:
        try:
            with tenant(actor):
                charge_subscription(actor, subscription_id)
        except Exception:
            log.exception("The subscription %s could not be charged", subscription_id)


@app.periodic(cron="7 * * * *")
@app.task(name="give_to_newcomers", queueing_lock="give_to_newcomers")
def give_to_newcomers(timestamp: int) -> None:
    """Give users who have come since what packages give to each user."""
    actor = system_actor()
    with tenant(actor):
        give(actor)


@app.task(name="mail_alert", retry=MAIL_ATTEMPTS)
def mail_alert(alert_id: int) -> None:
    """Mail an alert; tried again when the mail server fails, within a day."""
    actor = system_actor()
    with tenant(actor):
        mail_one_alert(actor, alert_id)


@app.task(name="announce_prices", retry=MAIL_ATTEMPTS)
def announce_prices(version_id: int) -> None:
    """Tell customers of new prices, or that they do not come; all of them or, tried again later, none."""
    actor = system_actor()
    with tenant(actor):
        announce(actor, version_id)


@app.task(name="try_phone")
def try_phone(phone_test_id: int) -> None:
    """Place the call of a phone test. Not tried again: a phone that rings twice is worse than none."""
    place_call(system_actor(), phone_test_id)


@app.task(name="try_prices")
def try_prices(trial_id: int) -> None:
    """Work out what a version would have charged; when that fails, say so where it is waited for."""
    actor = system_actor()
    try:
        with tenant(actor):
            trials.try_prices(actor, trial_id)
    except Exception:
        with tenant(actor):
            trials.fail_trial(actor, trial_id)
        raise
