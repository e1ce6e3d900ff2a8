"""Notifications of a person: mentions, what was said in tickets, alerts, own work that has ended.

They are found where they happened, so nobody writes into another tenant's rows: what a partner's people are told of
is what they may read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from carillon.base.actor import Actor
from carillon.base.choices import JobState
from carillon.base.errors import NotPermitted
from carillon.base.models import Job, Mention
from carillon.business.notices.models import Alert, AlertChoice, Reading
from carillon.business.notices.sentences import alert_text
from carillon.business.pricing.choices import Purpose, TrialState
from carillon.business.pricing.models import PriceTrial
from carillon.business.support.models import Post

MOST = 30  # of each kind, and in all
LOOKED_BACK = timedelta(days=14)
MOST_KEYS = 200


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing to know. `panel` and `object_id` lead to it. Alerts and ended work are by nobody.

    `kind`: mention, ticket, alert; of one's own work: import, tried (an import that was only tried), rows (many
    changed at once), ended (a re-rating), failed, what-if.
    `counts`: of what ended; `detail`: why it failed.
    """

    key: str
    kind: str
    at: datetime
    by: str
    about: str
    panel: str
    object_id: str
    is_read: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    detail: str = ""


def notifications_of(actor: Actor) -> list[Notification]:
    """Return the newest notifications of the person at work, at most 30 of the last two weeks, newest first.

    Cost: seven queries, each along an index.
    """
    if actor.login_id is None or actor.partner_id is None or actor.customer_id is not None:
        return []
    since = timezone.now() - LOOKED_BACK
    found = [one for kind in (_mentions, _said, _alerts, _jobs, _trials) for one in kind(actor, since)]
    read = Reading.objects.visible_to(actor).filter(partner_id=actor.partner_id, login_id=actor.login_id).first()
    newest = sorted(found, key=lambda one: one.at, reverse=True)[:MOST]
    if read is None:
        return newest
    return [replace(one, is_read=_is_read(read, one)) for one in newest]


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


def _jobs(actor: Actor, since: datetime) -> Iterator[Notification]:
    """Imports and changes of many rows that the person has started; what they cancelled themselves they know."""
    if not actor.may("jobs.view"):
        return
    mine = Job.objects.visible_to(actor).filter(partner_id=actor.partner_id or 0, login_id=actor.login_id or 0)
    ended = Q(state__in=(JobState.DONE, JobState.FAILED)) | Q(state=JobState.DRAFT, is_rehearsal=True)
    for one in mine.filter(ended, created_at__gt=since, ended_at__gt=since).order_by("-created_at")[:MOST]:
        done = "rows" if one.is_of_rows else "ended" if one.kind == "rerate" else "import"
        kind = {JobState.DONE: done, JobState.FAILED: "failed"}.get(JobState(one.state), "tried")
        counts = {"created": one.created, "changed": one.changed, "wrong": one.wrong}
        at = one.ended_at or one.created_at
        where = (one.panel, one.object_id) if kind == "ended" else ("jobs", str(one.pk))
        yield Notification(f"{kind}:{one.pk.hex}", kind, at, "", one.name, *where, counts=counts, detail=one.detail)


def _trials(actor: Actor, since: datetime) -> Iterator[Notification]:
    """What-ifs that the person has asked for."""
    mine = PriceTrial.objects.visible_to(actor).filter(partner_id__in=actor.scope, login_id=actor.login_id or 0)
    ended = mine.exclude(state=TrialState.WAITING).filter(finished_at__gt=since)
    for one in ended.select_related("version__price_list").order_by("-id")[:MOST]:
        is_sale = one.version.price_list.purpose == Purpose.SALE
        if actor.may("price_lists.view" if is_sale else "costs.view"):
            kind, panel = "what-if" if one.state == TrialState.DONE else "failed", "price" if is_sale else "cost"
            at = one.finished_at or one.created_at
            key, panel = f"trial:{one.pk}", f"{panel}-trials"
            yield Notification(key, kind, at, "", str(one.version), panel, str(one.pk), counts={"calls": one.calls})


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
