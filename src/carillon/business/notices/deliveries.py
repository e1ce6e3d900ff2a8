"""Sending what waits for webhooks: a receiver at a time, in the order of the facts, no transaction open while we wait.

Whoever sends holds a lease on the webhook. A worker killed between sending and noting it sends the same message again,
with the same id, once the lease is over.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from carillon.base import secrets
from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.tenancy import tenant
from carillon.business.notices.actions import raise_alert
from carillon.business.notices.calling import LONGEST_S, Answer, post
from carillon.business.notices.choices import AlertKind, DeliveryState
from carillon.business.notices.messages import body_of
from carillon.business.notices.models import Alert, Delivery, Webhook
from carillon.logic.retries import next_try, rest
from carillon.logic.webhooks import signed_headers

BATCH = 20
LEASE = timedelta(seconds=60)
SENDING_S = LEASE.total_seconds() - 3 * LONGEST_S  # no message is begun later than that
DISABLED_AFTER = timedelta(days=1)
TRIES_KEPT = 20
KEPT = timedelta(days=30)
GONE = 410  # a receiver's word for "never again" (Standard Webhooks)
NOTHING_LEFT = _lazy("What it told of is there no more.")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message ready to be sent."""

    delivery_id: int
    url: str
    body: str
    headers: dict[str, str]


def deliver(actor: Actor) -> bool:
    """Send what is due for one webhook; return whether there was any. Opens its own transactions."""
    with tenant(actor):
        webhook = claim(actor)
        waiting = due_of(actor, webhook) if webhook else []
    started = time.monotonic()
    if webhook is None:
        return False
    for delivery in waiting:
        if time.monotonic() - started > SENDING_S:
            break
        with tenant(actor):
            parcel = packed(actor, delivery)
        if parcel is None:
            continue
        answer = post(
            parcel.url, parcel.headers, parcel.body.encode(), with_loopback=settings.CONFIG.webhooks_to_loopback
        )
        with tenant(actor):
            if not note(actor, delivery, answer):
                return True
    with tenant(actor):
        release(actor, webhook)
    return True


@action("webhooks.deliver")
def claim(actor: Actor) -> Webhook | None:
    """Take the lease on a webhook with something due, of several the one longest left alone; two queries."""
    now = timezone.now()
    due = Delivery.objects.filter(webhook=OuterRef("pk"), state=DeliveryState.WAITING, due_at__lte=now)
    free = Q(rests_until=None) | Q(rests_until__lte=now)
    webhooks = Webhook.objects.visible_to(actor).filter(free, Exists(due), is_enabled=True)
    webhook = (
        webhooks.select_for_update(skip_locked=True).order_by(F("rests_until").asc(nulls_first=True), "pk").first()
    )
    if webhook is not None:
        webhook.rests_until = now + LEASE
        webhook.save(update_fields=["rests_until"])
    return webhook


def due_of(actor: Actor, webhook: Webhook) -> list[Delivery]:
    """Return what is due for a webhook, the oldest first; one query."""
    waiting = Delivery.objects.visible_to(actor).filter(webhook=webhook, state=DeliveryState.WAITING)
    return list(waiting.filter(due_at__lte=timezone.now()).order_by("due_at", "pk")[:BATCH])


@action("webhooks.deliver")
def packed(actor: Actor, delivery: Delivery) -> Parcel | None:
    """Return a message as it is sent now; None when there is nothing to send. At most four queries."""
    webhook = Webhook.objects.visible_to(actor).filter(pk=delivery.webhook_id, is_enabled=True).first()
    if webhook is None:
        return None
    if not delivery.body:
        body = body_of(actor, delivery)
        if body is None:
            Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.FAILED, error=NOTHING_LEFT)
            return None
        delivery.body = body
        delivery.save(update_fields=["body"])
    now = timezone.now()
    stored = [webhook.secret]
    if webhook.old_secret_until is not None and now < webhook.old_secret_until:
        stored.append(webhook.old_secret)
    signed = signed_headers(map(secrets.decrypt, stored), delivery.message_id, now, delivery.body.encode())
    headers = {"content-type": "application/json", "user-agent": "Webhooks/1.0", **signed}
    return Parcel(delivery.pk, webhook.url, delivery.body, headers)


@action("webhooks.deliver")
def note(actor: Actor, delivery: Delivery, answer: Answer) -> bool:
    """Write down what came of a try; return whether to go on with the same webhook. Three queries."""
    webhook = Webhook.objects.visible_to(actor).select_for_update().filter(pk=delivery.webhook_id).first()
    if webhook is None:  # removed while we were sending
        return False
    now = timezone.now()
    one = {"at": now.isoformat(), "status": answer.status, "error": answer.error, "duration_ms": answer.duration_ms}
    delivery.attempts, delivery.tries = delivery.attempts + 1, [*delivery.tries, one][-TRIES_KEPT:]
    delivery.status, delivery.error, delivery.answer = answer.status, answer.error[:300], answer.body
    delivery.duration_ms = answer.duration_ms
    if answer.is_success:
        delivery.state = DeliveryState.DELIVERED
        webhook.failing_since, webhook.failures = None, 0
    else:
        again = next_try(delivery.attempts, now, delivery.gives_up_at)
        delivery.state = DeliveryState.WAITING if again else DeliveryState.FAILED
        delivery.due_at = again or delivery.due_at
        _failed(actor, webhook, answer, now)
    delivery.save()
    webhook.save(update_fields=["rests_until", "failing_since", "failures"])
    return answer.is_success


def _failed(actor: Actor, webhook: Webhook, answer: Answer, now: datetime) -> None:
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    webhook.rests_until = now + rest(webhook.failures)
    if answer.status != GONE and now - webhook.failing_since < DISABLED_AFTER:
        return
    why = "it answered 410 Gone" if answer.status == GONE else f"{webhook.failures} tries in a day have failed"
    with audited(actor, webhook, "disable", reason=f"Disabled by the platform: {why}."):
        webhook.is_enabled = False
        webhook.save(update_fields=["is_enabled"])
    raise_alert(
        Alert(
            partner_id=webhook.partner_id,
            kind=AlertKind.WEBHOOK,
            subject=f"webhook {webhook.pk}",
            values={"webhook": str(webhook), "why": why},
            since=webhook.failing_since,
        )
    )


@action("webhooks.deliver")
def release(actor: Actor, webhook: Webhook) -> None:
    """Give a lease back: the next in line are webhooks that have waited longer. One query."""
    Webhook.objects.visible_to(actor).filter(pk=webhook.pk).update(rests_until=timezone.now())


@action("webhooks.deliver")
def forget_old_deliveries(actor: Actor, *, limit: int) -> int:
    """Remove up to `limit` log lines that are older than 30 days; return how many. One query."""
    old = Delivery.objects.visible_to(actor).filter(created_at__lt=timezone.now() - KEPT).order_by("created_at")
    return Delivery.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()[0]
