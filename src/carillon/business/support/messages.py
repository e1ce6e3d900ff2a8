"""Changes to messages: what people who are no customers, or not yet, write to a web product."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import AlreadySo, Conflict, InvalidInput
from carillon.base.rows import check_values, locked, named
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Login
from carillon.business.support.choices import MessageSource, MessageStatus
from carillon.business.support.models import Message, MessageReply
from carillon.business.support.queries import colleagues_of

LONGEST_TEXT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageData:
    """A message as somebody of the staff took it. `culture` "": the web product's. E-mail or telephone is needed."""

    web_product_id: int
    name: str
    subject: str
    text: str
    email: str = ""
    phone: str = ""
    culture: str = ""
    source: MessageSource = MessageSource.PHONE


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReplyData:
    """What is answered."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAssignmentData:
    """Who looks after a message; None: nobody yet."""

    login_id: int | None = None


@action("messages.add")
def record_message(actor: Actor, data: MessageData) -> Message:
    """Write down a message. A customer of the same web product with that e-mail address is known by it.

    Raises InvalidInput.
    """
    product = named(WebProduct.objects, actor, data.web_product_id, "web_product_id")
    if not data.email and not data.phone:
        raise InvalidInput(fields={"email": _("Give an e-mail address or a telephone number to answer to.")})
    known = Customer.objects.visible_to(actor).filter(web_product=product, email__iexact=data.email).exclude(email="")
    message = Message(
        partner_id=product.partner_id,
        web_product=product,
        customer=known.order_by("pk").first(),
        name=data.name,
        email=data.email,
        phone=data.phone,
        subject=data.subject,
        text=data.text,
        culture=data.culture or product.default_culture,
        source=data.source,
        changed_at=timezone.now(),
    )
    check_values(message)
    with audited(actor, message, "create"):
        message.save(force_insert=True)
    return message


@action("messages.reply")
def note_reply(actor: Actor, message: Message, data: MessageReplyData) -> Message:
    """Keep what is answered and count the message as answered; the mail is the use case's (`usecases.answer_message`).

    Raises:
        Conflict: there is no e-mail address to answer to.
        InvalidInput: nothing is said.
        NotFound
    """
    message = locked(Message.objects, actor, message.pk)
    if not message.email:
        raise Conflict(_("This message has no e-mail address: call, and close it."))
    text = data.text.strip().replace("\x00", "")
    if not 0 < len(text) <= LONGEST_TEXT:
        raise InvalidInput(fields={"text": _("Write 1 to %(most)d characters.") % {"most": LONGEST_TEXT}})
    name = Login.objects.visible_to(actor).filter(pk=actor.login_id or 0).values_list("name", flat=True).first()
    MessageReply.objects.create(
        partner_id=message.partner_id,
        message=message,
        author_login_id=actor.login_id,
        author_name=name or actor.name,
        text=text,
    )
    _change(actor, message, "reply", status=MessageStatus.ANSWERED)
    return message


@action("messages.change")
def assign_message(actor: Actor, message: Message, data: MessageAssignmentData) -> Message:
    """Say who of the actor's own people looks after a message. Raises InvalidInput, NotFound."""
    message = locked(Message.objects, actor, message.pk)
    if data.login_id is not None and data.login_id not in dict(colleagues_of(actor)):
        raise InvalidInput(fields={"login_id": _("This person does not work for you.")})
    _change(actor, message, "assign", assigned_id=data.login_id)
    return message


@action("messages.change")
def close_message(actor: Actor, message: Message) -> Message:
    """Count a message as dealt with. Raises AlreadySo, NotFound."""
    return _moved(actor, message, "close", MessageStatus.CLOSED)


@action("messages.change")
def mark_as_spam(actor: Actor, message: Message) -> Message:
    """Count a message as spam. Raises AlreadySo, NotFound."""
    return _moved(actor, message, "spam", MessageStatus.SPAM)


@action("messages.change")
def reopen_message(actor: Actor, message: Message) -> Message:
    """Count a message as new again. Raises AlreadySo, NotFound."""
    return _moved(actor, message, "reopen", MessageStatus.NEW)


@action("messages.delete")
def remove_message(actor: Actor, message: Message) -> None:
    """Remove a message and what was answered. Raises NotFound."""
    message = locked(Message.objects, actor, message.pk)
    with audited(actor, message, "remove"):
        message.delete()


def _moved(actor: Actor, message: Message, verb: str, status: MessageStatus) -> Message:
    message = locked(Message.objects, actor, message.pk)
    if message.status == status:
        raise AlreadySo
    _change(actor, message, verb, status=status)
    return message


def _change(actor: Actor, message: Message, verb: str, **values: object) -> None:
    with audited(actor, message, verb):
        for name, value in values.items():
            setattr(message, name, value)
        message.changed_at = timezone.now()
        message.save(update_fields=[*values, "changed_at"])
