"""Tickets as each side sees them, and messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, CharField, QuerySet, Value, When

from carillon.base.actor import Actor
from carillon.business.partners.models import Membership
from carillon.business.support.models import Attachment, InternalNote, Message, MessageReply, Post, Ticket

TO_US, FROM_US, BETWEEN = "to-us", "from-us", "between"


def tickets_of(actor: Actor) -> QuerySet[Ticket]:
    """Return the tickets the actor sees; `side` says whether they are asked of it, by it, or between partners below."""
    side = Case(
        When(answering_partner_id=actor.partner_id or 0, then=Value(TO_US)),
        When(partner_id=actor.partner_id or 0, then=Value(FROM_US)),
        default=Value(BETWEEN),
        output_field=CharField(),
    )
    return Ticket.objects.visible_to(actor).annotate(side=side).select_related("partner", "customer", "assigned")


def is_answering(actor: Actor, ticket: Ticket) -> bool:
    """Tell whether the actor works for those who answer the ticket."""
    return actor.customer_id is None and actor.partner_id == ticket.answering_partner_id


def is_asking(actor: Actor, ticket: Ticket) -> bool:
    """Tell whether the actor is of those who ask."""
    return (actor.partner_id, actor.customer_id) == (ticket.partner_id, ticket.customer_id)


def colleagues_of(actor: Actor) -> list[tuple[int, str]]:
    """Return (login id, name) of the people a ticket may be given to: those of the actor's own partner; one query."""
    staff = Membership.objects.visible_to(actor).filter(partner_id=actor.partner_id or 0, login__is_active=True)
    return list(staff.order_by("login__name").values_list("login_id", "login__name"))


@dataclass(frozen=True, slots=True)
class File:
    """An attachment, without what is in it."""

    id: int
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said in a ticket. `is_internal`: only those who answer can see it."""

    at: datetime
    by: str
    text: str
    is_answer: bool
    is_internal: bool = False
    files: tuple[File, ...] = ()


def conversation_of(actor: Actor, ticket: Ticket) -> list[Said]:
    """Return what was said in a ticket, the oldest first, as far as the actor may see it; three queries."""
    attached: dict[int, list[File]] = {}
    files = Attachment.objects.visible_to(actor).filter(post__ticket_id=ticket.pk).order_by("id")
    for post_id, file_id, name, size in files.values_list("post_id", "id", "name", "size"):
        attached.setdefault(post_id, []).append(File(file_id, name, size))
    said = [
        Said(post.at, post.author_name, post.text, post.is_answer, files=tuple(attached.get(post.pk, ())))
        for post in Post.objects.visible_to(actor).filter(ticket_id=ticket.pk)
    ]
    notes = InternalNote.objects.visible_to(actor).filter(ticket_id=ticket.pk, partner_id=ticket.answering_partner_id)
    said += [Said(note.at, note.author_name, note.text, is_answer=True, is_internal=True) for note in notes]
    return sorted(said, key=lambda one: one.at)


def file_of(actor: Actor, file_id: int) -> Attachment | None:
    """Return an attachment the actor may fetch, with what is in it, or None; one query."""
    return Attachment.objects.visible_to(actor).filter(pk=file_id).first()


# ---------------------------------------------------------------- messages


def messages_of(actor: Actor) -> QuerySet[Message]:
    """Return what people wrote to the web products that the actor sees; one query."""
    return Message.objects.visible_to(actor).select_related("web_product", "customer", "assigned")


def replies_of(actor: Actor, message: Message) -> QuerySet[MessageReply]:
    """Return what was answered to a message, the oldest first; one query."""
    return MessageReply.objects.visible_to(actor).filter(message=message).order_by("pk")
