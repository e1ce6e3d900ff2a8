"""Notifications of a person: mentions in notes, what was said in tickets, alerts; found where they happened.

So nobody writes into another tenant's rows: what a partner's people are told of is what they may read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from carillon.base.actor import Actor
from carillon.base.errors import NotPermitted
from carillon.base.models import Mention
from carillon.business.notices.models import Alert, AlertChoice, Reading
from carillon.business.notices.sentences import alert_text
from carillon.business.support.models import Post

MOST = 30  # of each kind, and in all
LOOKED_BACK = timedelta(days=14)
MOST_KEYS = 200


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing to know. `kind`: mention, ticket or alert. `panel` and `object_id` lead to it. Alerts are by nobody."""

    key: str
    kind: str
    at: datetime
    by: str
    about: str
    panel: str
    object_id: str
    is_read: bool = False


def notifications_of(actor: Actor) -> list[Notification]:
    """Return the newest notifications of the person at work, at most 30 of the last two weeks, newest first.

    Cost: five queries, each along an index.
    """
    if actor.login_id is None or actor.partner_id is None or actor.customer_id is not None:
        return []
    since = timezone.now() - LOOKED_BACK
    found = [*_mentions(actor, since), *_said(actor, since), *_alerts(actor, since)]
    read = Reading.objects.visible_to(actor).filter(partner_id=actor.partner_id, login_id=actor.login_id).first()
    newest = sorted(found, key=lambda one: one.at, reverse=True)[:MOST]
    if read is None:
        return newest
    return [
        Notification(one.key, one.kind, one.at, one.by, one.about, one.panel, one.object_id, _is_read(read, one))
        for one in newest
    ]


def _is_read(read: Reading, one: Notification) -> bool:
    return one.at <= read.read_until or one.key in read.keys


def _mentions(actor: Actor, since: datetime) -> Iterator[Notification]:
    mine = Mention.objects.visible_to(actor).filter(
        login_id=actor.login_id or 0, partner_id=actor.partner_id or 0, at__gt=since
    )
    for one in mine.select_related("note").order_by("-id")[:MOST]:
        yield Notification(
            f"mention:{one.pk}", "mention", one.at, one.note.author_name, one.object_name, one.panel, one.object_id
        )


def _said(actor: Actor, since: datetime) -> Iterator[Notification]:
    if not actor.may("support.view"):
        return
    is_mine = Q(ticket__assigned_id=actor.login_id) | Q(ticket__assigned=None)
    to_us = Q(is_answer=False, ticket__answering_partner_id=actor.partner_id) & is_mine
    to_me = Q(is_answer=True, ticket__partner_id=actor.partner_id, ticket__customer=None)
    posts = Post.objects.visible_to(actor).filter(to_us | to_me, at__gt=since).exclude(author_login_id=actor.login_id)
    for one in posts.select_related("ticket").order_by("-id")[:MOST]:
        yield Notification(
            f"post:{one.pk}", "ticket", one.at, one.author_name, str(one.ticket), "support", str(one.ticket_id)
        )


def _alerts(actor: Actor, since: datetime) -> Iterator[Notification]:
    if not actor.may("alerts.view"):
        return
    rows = Alert.objects.visible_to(actor).filter(partner_id=actor.partner_id or 0, created_at__gt=since)
    choice = (
        AlertChoice.objects.visible_to(actor).filter(partner_id=actor.partner_id or 0, login=actor.login_id).first()
    )
    wanted = rows if choice is None else rows.filter(kind__in=choice.in_bell)
    for one in wanted.order_by("-id")[:MOST]:
        yield Notification(f"alert:{one.pk}", "alert", one.created_at, "", alert_text(one), "alerts", str(one.pk))


@transaction.atomic
def mark_read(actor: Actor, key: str = "") -> None:
    """Remember that the person has read one notification, or (no key) all there are now. Nobody else's business.

    Raises:
        NotPermitted: nobody has signed in.

    Cost: two statements.
    """
    if actor.login_id is None or actor.partner_id is None or actor.customer_id is not None:
        raise NotPermitted
    now = timezone.now()
    own = {"partner_id": actor.partner_id, "login_id": actor.login_id}
    read, _is_new = Reading.objects.select_for_update().get_or_create(
        **own, defaults={"read_until": now - LOOKED_BACK if key else now}
    )
    if key:
        read.keys = [*read.keys, key[:40]][-MOST_KEYS:] if key not in read.keys else read.keys
    else:
        read.read_until, read.keys = now, []
    read.save(update_fields=["read_until", "keys"])
