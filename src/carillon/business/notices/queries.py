"""What partners are told."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat, Now

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.notices.choices import AlertKind, Covers, DeliveryState, MailEvent, WordsFrom
from carillon.business.notices.letters import LETTERS, culture_for
from carillon.business.notices.models import (
    Alert,
    AlertChoice,
    BalanceWatch,
    Delivery,
    LowBalance,
    Mail,
    MailIdentity,
    MailTemplate,
    MailText,
    Subscriber,
    Webhook,
)
from carillon.business.partners.choices import Role
from carillon.business.partners.models import Membership
from carillon.business.partners.roles import PERMISSIONS, covers
from carillon.business.routing.models import Gateway

TOLD = (Role.ADMINISTRATOR, Role.SUPPORT)  # of all alerts, unless they choose otherwise
ANY = ("*.view", "*")
SEEING = [role for role, allowed in PERMISSIONS.items() if covers(allowed, ["alerts.view"])]


def alerts_of(actor: Actor) -> ScopedQuerySet[Alert]:
    """Return the alerts of the actor's part of the tree; one query."""
    return Alert.objects.visible_to(actor).select_related("customer", "user", "endpoint")


def open_alerts_of(actor: Actor) -> ScopedQuerySet[Alert]:
    """Return what to look at: devices and gateways still away, balances still low, emergencies of a day.

    A gateway that is no longer there, or no longer asked, can't come back: nobody looks for it any more.
    """
    back = Alert.objects.filter(kind=AlertKind.BACK, endpoint=OuterRef("endpoint"), since=OuterRef("since"))
    up = Alert.objects.filter(
        kind=AlertKind.GATEWAY_UP, subject=OuterRef("subject"), since=OuterRef("since"), partner=OuterRef("partner")
    )
    subject = Concat(Value("gateway "), Cast("pk", CharField()))
    asked = Gateway.objects.filter(is_enabled=True, is_probed=True).annotate(subject=subject)
    low = LowBalance.objects.filter(partner=OuterRef("partner"), since=OuterRef("since"))
    is_offline = Q(kind=AlertKind.OFFLINE, endpoint__isnull=False) & ~Exists(back)
    is_down = Q(kind=AlertKind.GATEWAY_DOWN) & ~Exists(up) & Exists(asked.filter(subject=OuterRef("subject")))
    is_low = Q(kind__in=(AlertKind.BALANCE_LOW, AlertKind.CREDIT_LOW)) & Exists(low)
    is_fresh = Q(kind=AlertKind.EMERGENCY, since__gte=Now() - timedelta(days=1))
    return alerts_of(actor).filter(is_offline | is_down | is_low | is_fresh)


def those_who_see_alerts() -> Q:
    """Return the condition on memberships whose role may see alerts."""
    return Q(role__in=SEEING, own_role=None) | Q(own_role__permissions__overlap=["alerts.view", "alerts.*", *ANY])


def told_of(actor: Actor, partner_id: int, kind: str) -> dict[str, list[str]]:
    """Return the addresses of a partner's people whom alerts of a kind are mailed to, by language; one query.

    These are those who have chosen it of all who may see alerts; who has chosen nothing gets them as an administrator,
    as support, or by a role of the partner's own.
    """
    own = AlertChoice.objects.filter(partner_id=partner_id, login=OuterRef("login_id"))
    usually = Q(role__in=TOLD, own_role=None) | Q(own_role__isnull=False)
    is_told = Exists(own.filter(mailed__contains=[kind])) | (usually & ~Exists(own))
    staff = Membership.objects.visible_to(actor).filter(
        those_who_see_alerts(), is_told, partner_id=partner_id, login__is_active=True
    )
    found: dict[str, list[str]] = {}
    for email, culture in staff.order_by("login__email").values_list("login__email", "login__culture"):
        found.setdefault(culture_for(culture), []).append(email)
    return found


def alert_choices_of(actor: Actor) -> ScopedQuerySet[AlertChoice]:
    """Return what people have chosen to be told of; one query."""
    return AlertChoice.objects.visible_to(actor).select_related("login", "partner")


def balance_watches_of(actor: Actor) -> QuerySet[BalanceWatch]:
    """Return the balances that are watched, each with how many are low now (`low_now`); one query."""
    rows = BalanceWatch.objects.visible_to(actor).select_related("customer", "buyer_partner", "partner")
    return rows.annotate(low_now=Count("low"))


def own_watches_of(actor: Actor, partner_id: int) -> QuerySet[BalanceWatch]:
    """Return below what a partner's people are told of its own account with whoever it buys from; one query."""
    return BalanceWatch.objects.visible_to(actor).filter(partner_id=partner_id, covers=Covers.OWN)


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
    """Return subject and text of a mail: the web product's, else those of its partner and of each above, else built in.

    Cost: one or two queries.
    """
    if web_product_id is not None:
        own = MailTemplate.objects.visible_to(actor).filter(
            partner_id=partner_id, web_product_id=web_product_id, event=event, culture=culture
        )
        if (words := own.values_list("subject", "text").first()) is not None:
            return words
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_inherited_words(%s, true, %s, %s)", [partner_id, event, culture])
        inherited = json.loads(cursor.fetchone()[0] or "null")
    return (inherited["subject"], inherited["text"]) if inherited else LETTERS[event].texts[culture]


def words_of(mail: MailText) -> tuple[str, str]:
    """Return subject and text of a mail: its own, else those it inherits."""
    if mail.subject is not None and mail.text is not None:
        return mail.subject, mail.text
    return inherited_words(mail)


def inherited_words(mail: MailText) -> tuple[str, str]:
    """Return what a mail says, or would say, without words of its own."""
    inherited = mail.inherited
    return (inherited["subject"], inherited["text"]) if inherited else LETTERS[mail.event].texts[mail.culture]


def source_of(mail: MailText) -> WordsFrom:
    """Return whose words a mail has."""
    if mail.template_id is not None:
        return WordsFrom.OWN
    return WordsFrom(mail.inherited["from"]) if mail.inherited else WordsFrom.BUILT_IN


def subscribers_of(actor: Actor) -> ScopedQuerySet[Subscriber]:
    """Return who wants the newsletters of the web products that the actor sees; one query."""
    return Subscriber.objects.visible_to(actor).select_related("web_product")
