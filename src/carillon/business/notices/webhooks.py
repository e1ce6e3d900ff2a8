"""Changes to webhooks and to what is on its way to them; sending is in `deliveries`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base import secrets
from carillon.base.actor import Actor
from carillon.base.changes import action, audited, witnessed
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked
from carillon.base.switches import switch
from carillon.business.notices.choices import TEST, DeliveryState, Event
from carillon.business.notices.models import Delivery, Webhook
from carillon.business.partners.queries import chosen_partner
from carillon.logic.webhooks import make_secret

PORTS = (443, 8443)
TRIED_FOR = timedelta(days=1)
BOTH_SECRETS_FOR = timedelta(days=1)
MOST_WEBHOOKS = 50  # of one partner: each of its facts is written once for each
NOT_AN_ADDRESS = _lazy(
    "Give an address such as https://hooks.example.com/carillon: https, a host name, port 443 or 8443."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookData:
    """Where messages go and which. `partner_id` (None: the actor's own partner) stays once created."""

    url: str
    events: tuple[Event, ...]
    description: str = ""
    partner_id: int | None = None


@action("webhooks.add")
def create_webhook(actor: Actor, data: WebhookData) -> Webhook:
    """Create a webhook, enabled, with a secret that nobody has seen yet.

    Raises:
        InvalidInput: a value breaks a rule.
        Conflict: the partner has as many as it may have.
    """
    partner = chosen_partner(actor, data.partner_id)
    if Webhook.objects.visible_to(actor).filter(partner=partner).count() >= MOST_WEBHOOKS:
        raise Conflict(_("A partner has at most %(most)s webhooks.") % {"most": MOST_WEBHOOKS})
    webhook = Webhook(partner=partner, secret=secrets.encrypt(make_secret()))
    with audited(actor, webhook, "create"):
        _fill(webhook, data)
        webhook.save(force_insert=True)
    return webhook


@action("webhooks.change")
def update_webhook(actor: Actor, webhook: Webhook, data: WebhookData) -> Webhook:
    """Change where messages go or which; what waits already goes to the new address.

    Raises:
        InvalidInput: a value breaks a rule.
        NotFound
    """
    webhook = locked(Webhook.objects, actor, webhook.pk)
    with audited(actor, webhook, "update"):
        _fill(webhook, data)
        webhook.save(update_fields=["url", "events", "description"])
    return webhook


def _fill(webhook: Webhook, data: WebhookData) -> None:
    webhook.url = checked_url(data.url)
    webhook.events, webhook.description = sorted(set(data.events)), data.description
    check_values(webhook)


def checked_url(url: str) -> str:
    """Return an address that messages may go to.

    Whether its host is on the public Internet is asked at each connection, of the address connected to (`calling`).

    Raises:
        InvalidInput: it is not https, or names a port, a user or a fragment that it may not.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidInput(fields={"url": NOT_AN_ADDRESS}) from None
    if settings.CONFIG.webhooks_to_loopback and host == "127.0.0.1":
        return url
    faults = Faults()
    faults.hostname(host, "url")
    is_right = parts.scheme == "https" and port in (None, *PORTS) and "@" not in parts.netloc and not parts.fragment
    faults.unless(is_right and url.isascii() and url.isprintable() and " " not in url, "url", NOT_AN_ADDRESS)
    faults.stop()
    return url


@action("webhooks.change")
def enable_webhook(actor: Actor, webhook: Webhook) -> Webhook:
    """Send messages again, those first that still wait. Raises AlreadySo when it does."""
    webhook = switch(actor, webhook, is_enabled=True)
    webhook.failing_since, webhook.failures, webhook.rests_until = None, 0, None
    webhook.save(update_fields=["failing_since", "failures", "rests_until"])
    return webhook


@action("webhooks.change")
def disable_webhook(actor: Actor, webhook: Webhook) -> Webhook:
    """Send nothing and collect nothing. Raises AlreadySo when that is so already."""
    return switch(actor, webhook, is_enabled=False)


@action("webhooks.delete")
def remove_webhook(actor: Actor, webhook: Webhook) -> None:
    """Remove a webhook with its log and what still waits. Raises NotFound."""
    webhook = locked(Webhook.objects, actor, webhook.pk)
    with audited(actor, webhook, "remove"):
        webhook.delete()


@action("webhooks.change")
def show_secret(actor: Actor, webhook: Webhook) -> str:
    """Return the secret, once; history says who has seen it.

    Raises:
        Conflict: it has been shown: replace it instead.
        NotFound
    """
    webhook = locked(Webhook.objects, actor, webhook.pk)
    if webhook.secret_shown_at is not None:
        raise Conflict(_("The secret has been shown. Replace it when it is lost."))
    witnessed(actor, webhook, "show_secret")
    webhook.secret_shown_at = timezone.now()
    webhook.save(update_fields=["secret_shown_at"])
    return secrets.decrypt(webhook.secret)


@action("webhooks.change")
def replace_secret(actor: Actor, webhook: Webhook) -> str:
    """Return a new secret; for a day messages are signed by both. Raises NotFound."""
    webhook = locked(Webhook.objects, actor, webhook.pk)
    clear, now = make_secret(), timezone.now()
    witnessed(actor, webhook, "replace_secret")
    webhook.old_secret, webhook.old_secret_until = webhook.secret, now + BOTH_SECRETS_FOR
    webhook.secret, webhook.secret_shown_at = secrets.encrypt(clear), now
    webhook.save(update_fields=["old_secret", "old_secret_until", "secret", "secret_shown_at"])
    return clear


@action("webhooks.change")
def send_test(actor: Actor, webhook: Webhook) -> Delivery:
    """Send a test message, at once even when the receiver is being left alone after failures.

    Raises:
        Conflict: the webhook is disabled.
        NotFound
    """
    webhook = locked(Webhook.objects, actor, webhook.pk)
    _wake(webhook)
    now = timezone.now()
    return Delivery.objects.create(
        partner_id=webhook.partner_id,
        webhook=webhook,
        message=uuid.uuid4(),
        event=TEST,
        source=webhook.pk,
        due_at=now,
        gives_up_at=now,  # tried once: the person is looking
    )


@action("webhooks.change")
def send_again(actor: Actor, delivery: Delivery) -> Delivery:
    """Send a message again, the same bytes with the same id, and try for another day.

    Raises:
        Conflict: its webhook is disabled.
        NotFound
    """
    webhook = locked(Webhook.objects, actor, delivery.webhook_id)
    delivery = locked(Delivery.objects, actor, delivery.pk)
    _wake(webhook)
    now = timezone.now()
    delivery.state, delivery.attempts = DeliveryState.WAITING, 0
    delivery.due_at, delivery.gives_up_at = now, now + TRIED_FOR
    delivery.save(update_fields=["state", "attempts", "due_at", "gives_up_at"])
    return delivery


def _wake(webhook: Webhook) -> None:
    """A pause after failures ends; the lease of whoever is sending right now is short and runs out by itself."""
    if not webhook.is_enabled:
        raise Conflict(_("The webhook is disabled: enable it first."))
    if webhook.failures:
        webhook.rests_until = None
        webhook.save(update_fields=["rests_until"])
