"""What the demo world's partners have told to their programs: an example of a webhook, switched off."""

from __future__ import annotations

from collections import Counter

from carillon.base.actor import Actor
from carillon.business.notices.choices import Event
from carillon.business.notices.models import Webhook
from carillon.business.notices.webhooks import WebhookData, create_webhook, disable_webhook

ADDRESS = "https://hooks.northwind.example/carillon"  # nobody's: names below .example never resolve (RFC 2606)


def load_webhook(actor: Actor, made: Counter[str]) -> None:
    """Add a disabled webhook for calls and payments unless it is there."""
    if Webhook.objects.visible_to(actor).filter(partner_id=actor.partner_id or 0, url=ADDRESS).exists():
        return
    data = WebhookData(
        url=ADDRESS,
        events=(Event.CALL_ENDED, Event.TRANSACTION_CREATED, Event.CUSTOMER_CREATED),
        description="Bookkeeping (an example)",
    )
    disable_webhook(actor, create_webhook(actor, data))
    made["webhook"] += 1
