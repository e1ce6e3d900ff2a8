"""What partners are told."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.notices.choices import AlertKind, DeliveryState, MailEvent
from carillon.business.notices.letters import LETTERS
from carillon.business.notices.models import Alert, Delivery, Mail, MailIdentity, MailTemplate, MailText, Webhook
from carillon.business.partners.choices import Role
from carillon.business.partners.models import Membership

TOLD = (Role.ADMINISTRATOR, Role.SUPPORT)


def alerts_of(actor: Actor) -> ScopedQuerySet[Alert]:
    """Return the alerts of the actor's part of the tree; one query."""
    return Alert.objects.visible_to(actor).select_related("customer", "user", "endpoint")


def open_alerts_of(actor: Actor) -> ScopedQuerySet[Alert]:
    """Return what somebody should look at: devices that are still offline, emergency calls of the last day."""
    back = Alert.objects.filter(kind=AlertKind.BACK, endpoint=OuterRef("endpoint"), since=OuterRef("since"))
    is_offline = Q(kind=AlertKind.OFFLINE, endpoint__isnull=False) & ~Exists(back)
    return alerts_of(actor).filter(is_offline | Q(kind=AlertKind.EMERGENCY, since__gte=Now() - timedelta(days=1)))


def told_of(actor: Actor, partner_id: int) -> list[str]:
    """Return the addresses of a partner's people whom alerts are mailed to; one query.

    These are administrators, support, and who has a role of the partner's own that may see alerts.
    """
    is_told = Q(role__in=TOLD, own_role=None) | Q(own_role__permissions__overlap=["alerts.view", "*.view", "*"])
    staff = Membership.objects.visible_to(actor).filter(is_told, partner_id=partner_id, login__is_active=True)
    return list(staff.order_by("login__email").values_list("login__email", flat=True))


def webhooks_of(actor: Actor) -> QuerySet[Webhook]:
    """Return the webhooks of the actor's part of the tree, each with its last answer; one query."""
    newest = Delivery.objects.filter(webhook=OuterRef("pk"), duration_ms__isnull=False).order_by("-pk")
    rows = Webhook.objects.visible_to(actor).select_related("partner")
    return rows.annotate(
        last_status=Subquery(newest.values("status")[:1]), last_error=Subquery(newest.values("error")[:1])
    )


def deliveries_of(actor: Actor) -> ScopedQuerySet[Delivery]:
    """Return the log of what went to webhooks; one query."""
    return Delivery.objects.visible_to(actor).select_related("webhook")


def next_try_of(delivery: Delivery) -> datetime | None:
    """Return when a message is tried next; None: never."""
    return delivery.due_at if delivery.state == DeliveryState.WAITING else None


# ---------------------------------------------------------------- mails


def mails_of(actor: Actor) -> ScopedQuerySet[Mail]:
    """Return the mails of the actor's part of the tree; one query."""
    return Mail.objects.visible_to(actor)


def mail_texts_of(actor: Actor) -> ScopedQuerySet[MailText]:
    """Return every mail in every language of every place that the actor sees; one query."""
    return MailText.objects.visible_to(actor)


def identities_of(actor: Actor) -> ScopedQuerySet[MailIdentity]:
    """Return whom mails come from; one query."""
    return MailIdentity.objects.visible_to(actor).select_related("partner", "web_product")


def identity_of(actor: Actor, partner_id: int, web_product_id: int | None) -> MailIdentity | None:
    """Return whom a mail comes from: the web product's sender, else its partner's; one query."""
    mine = MailIdentity.objects.visible_to(actor).filter(partner_id=partner_id)
    fitting = mine.filter(Q(web_product=None) | Q(web_product_id=web_product_id))
    return fitting.order_by(F("web_product_id").asc(nulls_last=True)).first()


def text_of(
    actor: Actor, event: MailEvent, culture: str, partner_id: int, web_product_id: int | None
) -> tuple[str, str]:
    """Return subject and text of a mail: the web product's, else its partner's, else the platform's; one query."""
    mine = MailTemplate.objects.visible_to(actor).filter(partner_id=partner_id, event=event, culture=culture)
    fitting = mine.filter(Q(web_product=None) | Q(web_product_id=web_product_id))
    own = fitting.order_by(F("web_product_id").asc(nulls_last=True)).first()
    return (own.subject, own.text) if own else LETTERS[event].texts[culture]


def words_of(mail: MailText) -> tuple[str, str]:
    """Return subject and text of a mail: its own, else its partner's, else the platform's."""
    if mail.subject is not None and mail.text is not None:
        return mail.subject, mail.text
    if mail.inherited_subject is not None and mail.inherited_text is not None:
        return mail.inherited_subject, mail.inherited_text
    return LETTERS[mail.event].texts[mail.culture]
