"""Answer a message: kept beside it, and mailed in the words and the name of its web product."""

from __future__ import annotations

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.notices.choices import MailEvent
from carillon.business.notices.mails import Occasion, letter
from carillon.business.support.messages import MessageReplyData, note_reply
from carillon.business.support.models import Message


@action("messages.reply")
def answer_message(actor: Actor, message: Message, data: MessageReplyData) -> Message:
    """Answer a message by mail, in one transaction with what is kept of it.

    Raises:
        Conflict: it has no e-mail address.
        InvalidInput: nothing is said.
        NotFound
    """
    message = note_reply(actor, message, data)
    product = message.web_product
    values = {
        "name": message.name,
        "site": product.name,
        "subject": message.subject,
        "answer": data.text.strip(),
        "message": message.text,
    }
    occasion = Occasion(
        event=MailEvent.MESSAGE_REPLY,
        partner=message.partner,
        values=values,
        culture=message.culture,
        web_product_id=product.pk,
        site=product.name,
        hostname=product.hostname,
    )
    letter(actor, occasion, [message.email]).send()
    return message
