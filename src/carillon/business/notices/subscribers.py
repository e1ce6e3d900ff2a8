"""Changes to subscribers of newsletters: nobody is on the list whose consent is not written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import AlreadySo, InvalidInput
from carillon.base.rows import check_values, locked, named, once
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer
from carillon.business.notices.choices import SubscriberSource, SubscriberState
from carillon.business.notices.models import Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberData:
    """Somebody who wants the newsletter of a web product, which stays once created.

    `consent`: how they agreed, in words; `consent_at` (None: now) when. `culture` "": the web product's.
    """

    web_product_id: int
    email: str
    consent: str
    consent_at: datetime | None = None
    name: str = ""
    culture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentData:
    """How somebody who had left agreed anew."""

    consent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingData:
    """Why somebody left, in their words."""

    reason: str = ""


@action("subscribers.add")
def add_subscriber(actor: Actor, data: SubscriberData) -> Subscriber:
    """Add somebody whose consent the staff vouches for; they need not confirm it by mail once more.

    Raises InvalidInput: a value is wrong, the consent is missing, or the address is on the list already.
    """
    product = named(WebProduct.objects, actor, data.web_product_id, "web_product_id")
    subscriber = Subscriber(partner_id=product.partner_id, web_product=product, source=SubscriberSource.STAFF)
    with once(_twice()), audited(actor, subscriber, "create"):
        _fill(actor, subscriber, data)
        _agree(subscriber, data.consent, data.consent_at)
        check_values(subscriber)
        subscriber.save(force_insert=True)
    return subscriber


@action("subscribers.change")
def update_subscriber(actor: Actor, subscriber: Subscriber, data: SubscriberData) -> Subscriber:
    """Change name, address or language, or say better how somebody agreed. Raises InvalidInput, NotFound."""
    subscriber = locked(Subscriber.objects, actor, subscriber.pk)
    with once(_twice()), audited(actor, subscriber, "update"):
        _fill(actor, subscriber, data)
        subscriber.consent = _said(data.consent)
        subscriber.consent_at = data.consent_at or subscriber.consent_at
        check_values(subscriber)
        subscriber.save()
    return subscriber


@action("subscribers.change")
def unsubscribe(actor: Actor, subscriber: Subscriber, data: LeavingData) -> Subscriber:
    """Write to somebody no more; the row stays, so that an import does not bring them back.

    Raises AlreadySo, NotFound.
    """
    subscriber = locked(Subscriber.objects, actor, subscriber.pk)
    if subscriber.state == SubscriberState.UNSUBSCRIBED:
        raise AlreadySo
    with audited(actor, subscriber, "unsubscribe", reason=data.reason):
        subscriber.state, subscriber.unsubscribed_at = SubscriberState.UNSUBSCRIBED, timezone.now()
        subscriber.save(update_fields=["state", "unsubscribed_at"])
    return subscriber


@action("subscribers.change")
def subscribe_again(actor: Actor, subscriber: Subscriber, data: ConsentData) -> Subscriber:
    """Write again to somebody who had left, or has not confirmed, and has now agreed. Raises AlreadySo, NotFound."""
    subscriber = locked(Subscriber.objects, actor, subscriber.pk)
    if subscriber.state == SubscriberState.CONFIRMED:
        raise AlreadySo
    with audited(actor, subscriber, "subscribe"):
        _agree(subscriber, data.consent, None)
        subscriber.save()
    return subscriber


@action("subscribers.delete")
def remove_subscriber(actor: Actor, subscriber: Subscriber) -> None:
    """Remove somebody altogether; an import may bring them back. Raises NotFound."""
    subscriber = locked(Subscriber.objects, actor, subscriber.pk)
    with audited(actor, subscriber, "remove"):
        subscriber.delete()


def _fill(actor: Actor, subscriber: Subscriber, data: SubscriberData) -> None:
    product = subscriber.web_product
    if data.web_product_id != product.pk:
        raise InvalidInput(fields={"web_product_id": _("A subscriber stays with its web product.")})
    known = Customer.objects.visible_to(actor).filter(web_product=product, email__iexact=data.email)
    subscriber.customer = known.order_by("pk").first()
    subscriber.email, subscriber.name = data.email.lower(), data.name
    subscriber.culture = data.culture or subscriber.culture or product.default_culture


def _agree(subscriber: Subscriber, consent: str, at: datetime | None) -> None:
    now = timezone.now()
    if at is not None and at > now:
        raise InvalidInput(fields={"consent_at": _("That is still to come.")})
    subscriber.consent, subscriber.consent_at = _said(consent), at or now
    subscriber.state, subscriber.confirmed_at, subscriber.unsubscribed_at = SubscriberState.CONFIRMED, now, None


def _twice() -> dict[str, tuple[str, str]]:
    return {"one_subscriber_each": ("email", _("This address is on the list already."))}


def _said(consent: str) -> str:
    if not consent.strip():
        raise InvalidInput(fields={"consent": _("Say how the person agreed: without that nobody may be written to.")})
    return consent.strip()
