"""What people write to the demo world's web products, and who wants their newsletters."""

from __future__ import annotations

from collections import Counter

from carillon.base.actor import Actor
from carillon.business.brands.models import WebProduct
from carillon.business.notices.models import Subscriber
from carillon.business.notices.subscribers import LeavingData, SubscriberData, add_subscriber, unsubscribe
from carillon.business.support.choices import MessageSource
from carillon.business.support.messages import MessageData, record_message
from carillon.business.support.models import Message

ASKED = (
    ("Mia Berg", "mia@berg.example", "Ten phones", "We move in May and need ten phones. What do they cost a month?"),
    ("Carla", "carla@acme.example", "Number from our old provider", "Can we keep 020 7946 0100 when we move offices?"),
)
WANTED = (
    ("carla@acme.example", "Carla", "Signed the form at the fair in Leeds"),
    ("mia@berg.example", "Mia Berg", "Asked for it by telephone"),
    ("tom@orchard.example", "Tom Orchard", "Signed the form at the fair in Leeds"),
)


def load_visitors(actor: Actor, made: Counter[str]) -> None:
    """Two messages to Northwind Business, and three people on its list, one of whom has left."""
    product = WebProduct.objects.visible_to(actor).get(partner_id=actor.partner_id or 0, name="Northwind Business")
    if Message.objects.visible_to(actor).exists() or Subscriber.objects.visible_to(actor).exists():
        return
    for name, email, subject, text in ASKED:
        data = MessageData(web_product_id=product.pk, name=name, email=email, subject=subject, text=text)
        record_message(actor, data)
    call = MessageData(
        web_product_id=product.pk,
        name="Tom Orchard",
        phone="+442079460170",
        subject="Call back after four",
        text="Wants to hear about numbers in France.",
        source=MessageSource.PHONE,
    )
    record_message(actor, call)
    for email, name, consent in WANTED:
        one = add_subscriber(actor, SubscriberData(web_product_id=product.pk, email=email, name=name, consent=consent))
    unsubscribe(actor, one, LeavingData(reason="Moves away"))
    made["messages"] += 3
    made["subscribers"] += 3
