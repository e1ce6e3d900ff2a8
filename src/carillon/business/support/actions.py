"""Changes to tickets. Those who ask and those who answer both reply; only the latter note, assign and weigh."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import AlreadySo, Conflict, InvalidInput, NotPermitted
from carillon.base.rows import check_values, locked
from carillon.business.partners.models import Login, Partner
from carillon.business.support.choices import Priority, TicketStatus
from carillon.business.support.files import checked_files
from carillon.business.support.models import Attachment, InternalNote, Post, Ticket
from carillon.business.support.queries import colleagues_of, is_answering, is_asking

LONGEST_TEXT = 10_000
File = tuple[str, bytes]  # its name and what is in it


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketData:
    """A question to those one buys from."""

    subject: str
    text: str
    priority: Priority = Priority.NORMAL
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyData:
    """What is said in a ticket. `asks_back`: those who answer cannot go on without a reply."""

    text: str
    files: tuple[File, ...] = ()
    asks_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalNoteData:
    """What those who answer say among themselves."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentData:
    """Who looks after a ticket (None: nobody yet) and how urgent it is."""

    login_id: int | None = None
    priority: Priority = Priority.NORMAL


@action("support.add")
def open_ticket(actor: Actor, data: TicketData) -> Ticket:
    """Ask the partner that the actor's own buys from; a customer's people ask the partner they buy from.

    Raises:
        Conflict: there is nobody above to ask.
        InvalidInput: a text or a file is not right.
    """
    own = Partner.objects.filter(pk=actor.partner_id or 0).values_list("parent_id", flat=True).first()
    answering = actor.partner_id if actor.customer_id is not None else own
    if answering is None or actor.partner_id is None:
        raise Conflict(_("Nobody is above you: your own people answer the tickets of this platform."))
    ticket = Ticket(
        partner_id=actor.partner_id,
        answering_partner_id=answering,
        customer_id=actor.customer_id,
        subject=data.subject,
        priority=data.priority,
        opened_by_login_id=actor.login_id,
        opened_by=_name_of(actor),
        changed_at=timezone.now(),
    )
    check_values(ticket)
    with audited(actor, ticket, "open"):
        ticket.save(force_insert=True)
    _say(actor, ticket, data.text, data.files, is_answer=False)
    return ticket


@action("support.reply")
def reply_to_ticket(actor: Actor, ticket: Ticket, data: ReplyData) -> Ticket:
    """Say something in a ticket; a closed one is open again.

    Raises:
        NotPermitted: it is between others.
        InvalidInput: the text or a file is not right.
        NotFound
    """
    ticket = locked(Ticket.objects, actor, ticket.pk)
    is_answer = _side(actor, ticket)
    _say(actor, ticket, data.text, data.files, is_answer=is_answer)
    status = TicketStatus.OPEN
    if is_answer:
        status = TicketStatus.WAITING if data.asks_back else TicketStatus.ANSWERED
    _change(actor, ticket, "reply", status=status)
    return ticket


@action("support.reply")
def close_ticket(actor: Actor, ticket: Ticket) -> Ticket:
    """Close a ticket: nothing more is to be said.

    Raises:
        NotPermitted: it is between others.
        AlreadySo: it is closed.
        NotFound
    """
    ticket = locked(Ticket.objects, actor, ticket.pk)
    _side(actor, ticket)
    if ticket.status == TicketStatus.CLOSED:
        raise AlreadySo(_("This ticket is closed already."))
    _change(actor, ticket, "close", status=TicketStatus.CLOSED)
    return ticket


@action("support.note")
def add_internal_note(actor: Actor, ticket: Ticket, data: InternalNoteData) -> Ticket:
    """Write what only those who answer can see. Raises NotPermitted, InvalidInput, NotFound."""
    ticket = locked(Ticket.objects, actor, ticket.pk)
    _answering(actor, ticket)
    InternalNote.objects.create(
        partner_id=ticket.answering_partner_id,
        ticket=ticket,
        author_login_id=actor.login_id,
        author_name=_name_of(actor),
        text=_checked_text(data.text),
    )
    return ticket


@action("support.assign")
def assign_ticket(actor: Actor, ticket: Ticket, data: AssignmentData) -> Ticket:
    """Say who of the actor's own people looks after a ticket, and how urgent it is.

    Raises:
        NotPermitted: the actor is not of those who answer.
        InvalidInput: the person does not work for the actor's partner.
        NotFound
    """
    ticket = locked(Ticket.objects, actor, ticket.pk)
    _answering(actor, ticket)
    if data.login_id is not None and data.login_id not in dict(colleagues_of(actor)):
        raise InvalidInput(fields={"login_id": _("This person does not work for you.")})
    _change(actor, ticket, "assign", assigned_id=data.login_id, priority=data.priority)
    return ticket


def _side(actor: Actor, ticket: Ticket) -> bool:
    """Whether the actor answers (else it asks)."""
    if not (is_answering(actor, ticket) or is_asking(actor, ticket)):
        raise NotPermitted(_("This ticket is between others: you can read it, they talk."))
    return is_answering(actor, ticket)


def _answering(actor: Actor, ticket: Ticket) -> None:
    if not is_answering(actor, ticket):
        raise NotPermitted(_("Only those who answer this ticket can do this."))


def _change(actor: Actor, ticket: Ticket, verb: str, **values: object) -> None:
    with audited(actor, ticket, verb):
        for name, value in values.items():
            setattr(ticket, name, value)
        ticket.changed_at = timezone.now()
        ticket.save(update_fields=[*values, "changed_at"])


def _say(actor: Actor, ticket: Ticket, text: str, files: Iterable[File], *, is_answer: bool) -> None:
    kept = checked_files(files)
    own = {"partner_id": ticket.partner_id, "customer_id": ticket.customer_id}
    post = Post.objects.create(
        ticket=ticket,
        author_login_id=actor.login_id,
        author_name=_name_of(actor),
        is_answer=is_answer,
        text=_checked_text(text),
        **own,
    )
    for name, content in kept:
        Attachment.objects.create(post=post, name=name, size=len(content), content=content, **own)


def _checked_text(text: str) -> str:
    text = text.strip().replace("\x00", "")
    if not 0 < len(text) <= LONGEST_TEXT:
        raise InvalidInput(
            fields={"text": _("Write 1 to %(longest_text)s characters.") % {"longest_text": LONGEST_TEXT}}
        )
    return text


def _name_of(actor: Actor) -> str:
    """How the other side calls the actor: by name where the login can be read, else by e-mail address."""
    found = Login.objects.visible_to(actor).filter(pk=actor.login_id or 0).values_list("name", flat=True).first()
    return found or actor.name
