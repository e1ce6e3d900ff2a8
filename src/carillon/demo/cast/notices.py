"""What the demo world's partners are told: an example of a webhook, switched off, and which balances they watch."""

from __future__ import annotations

from collections import Counter

from carillon.base.actor import Actor
from carillon.business.notices.balances import BalanceWatchData, watch_balance
from carillon.business.notices.choices import AlertKind, Covers, Event
from carillon.business.notices.choosing import AlertChoiceData, choose_alerts
from carillon.business.notices.models import BalanceWatch, Webhook
from carillon.business.notices.webhooks import WebhookData, create_webhook, disable_webhook
from carillon.demo.world import micro

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


def load_watches(actor: Actor, made: Counter[str]) -> None:
    """Watch one's own account and those of all customers, and leave out what one person does not want by mail."""
    if BalanceWatch.objects.visible_to(actor).filter(partner_id=actor.partner_id or 0).exists():
        return
    for covers, below in ((Covers.OWN, "100"), (Covers.CUSTOMERS, "2"), (Covers.PARTNERS, "50")):
        watch_balance(actor, BalanceWatchData(covers=covers, below_micro=micro(below)))
        made["balance alerts"] += 1
    wanted = tuple(kind for kind in AlertKind if kind not in (AlertKind.BACK, AlertKind.GATEWAY_UP))
    choose_alerts(actor, AlertChoiceData(mailed=wanted, in_bell=tuple(AlertKind)))
