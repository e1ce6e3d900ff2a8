"""Mails: composed in the words and the name of whoever they come from, kept as rows, sent by the worker."""

from __future__ import annotations

import smtplib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base import secrets
from carillon.base.actor import Actor
from carillon.base.changes import action, witnessed
from carillon.base.errors import Conflict
from carillon.base.rows import locked
from carillon.base.tenancy import tenant
from carillon.business.brands.queries import portal_face
from carillon.business.notices.choices import MailEvent, MailState
from carillon.business.notices.letters import LETTERS, culture_for
from carillon.business.notices.models import Mail, MailFile, MailIdentity
from carillon.business.notices.queries import identity_of, text_of
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import system_actor
from carillon.logic.letters import Look, filled, html_of
from carillon.logic.retries import next_try

TRIED_FOR = timedelta(days=1)
LEASE = timedelta(minutes=5)  # of who sends; a mail server that hangs is given up after 20 seconds
KEPT = timedelta(days=90)
PERMANENT = 500  # replies from here on mean "never", RFC 5321 4.2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Why a mail is written: the event with its values, and whose words and name it bears."""

    event: MailEvent
    partner: Partner
    values: Mapping[str, str]
    culture: str = "en"
    web_product_id: int | None = None
    site: str = ""  # what the mail calls itself when nobody has named a sender; "": the partner's name
    hostname: str = ""  # whose noreply address stands in then; "": the installation's address


class Letter(EmailMultiAlternatives):
    """A mail ready to be sent, that knows whose it is. `send()` keeps it as a row of the outbox."""

    def __init__(self, occasion: Occasion, **values: Any) -> None:
        super().__init__(**values)
        self.occasion = occasion


def letter(actor: Actor, occasion: Occasion, to: Sequence[str], *, is_blind: bool = False) -> Letter:
    """Return the mail of an occasion in the words of its web product, else of its partner, else the platform's.

    To staff, where nobody has named a sender, it bears the name and colour of their portal. Cost: three queries.
    """
    culture = culture_for(occasion.culture)
    identity = identity_of(actor, occasion.partner.pk, occasion.web_product_id)
    subject, text = text_of(actor, occasion.event, culture, occasion.partner.pk, occasion.web_product_id)
    body = filled(text, occasion.values)
    face = portal_face(occasion.partner.pk) if identity is None and occasion.web_product_id is None else None
    name = identity.name if identity else occasion.site or (face.name if face else occasion.partner.name)
    colour, footer = (identity.colour, identity.footer) if identity else (face.accent if face else "#206bc4", "")
    made = Letter(
        occasion,
        subject=" ".join(filled(subject, occasion.values).split())[:400],
        body=f"{body}\n\n-- \n{footer}" if footer else body,
        from_email=formataddr((name, _address(identity, occasion.hostname))),
        to=[] if is_blind else list(to),
        bcc=list(to) if is_blind else [],
        reply_to=[identity.reply_to] if identity and identity.reply_to else None,
    )
    made.attach_alternative(html_of(body, Look(name, colour, footer)), "text/html")
    return made


def _address(identity: MailIdentity | None, hostname: str) -> str:
    if identity and identity.address:
        return identity.address
    usual = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return f"noreply@{hostname}" if hostname else usual


# ---------------------------------------------------------------- the outbox


class Outbox(BaseEmailBackend):
    """Django's way out for mails: each becomes a row in the sender's transaction; a taken back change sends none."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep the mails and return how many. One query each; the system's, for a visitor's mails are sent as well."""
        with tenant(system_actor()) as actor:
            for message in email_messages:
                _keep(actor, message)
        return len(email_messages)


def _keep(actor: Actor, message: EmailMessage) -> Mail:
    occasion = message.occasion if isinstance(message, Letter) else None
    is_secret = (
        occasion is None or LETTERS[occasion.event].is_secret
    )  # of a mail unknown to us we tell nobody what it says
    html = next((str(part[0]) for part in getattr(message, "alternatives", ()) if part[1] == "text/html"), "")
    file = next((part for part in message.attachments if isinstance(part, tuple)), None)
    now = timezone.now()
    mail = Mail.objects.create(
        partner_id=occasion.partner.pk if occasion else actor.partner_id or 0,
        event=occasion.event if occasion else MailEvent.OTHER,
        culture=culture_for(occasion.culture) if occasion else "en",
        sender=message.from_email,
        reply_to=", ".join(message.reply_to)[:254],
        to=message.recipients(),
        is_blind=bool(message.bcc),
        subject=str(message.subject),
        text=secrets.encrypt(str(message.body)) if is_secret else str(message.body),
        html=secrets.encrypt(html) if is_secret and html else html,
        file_name=file[0] or "" if file else "",
        is_secret=is_secret,
        message_id=message.extra_headers.get("Message-ID") or f"<{uuid.uuid4().hex}@carillon>",
        due_at=now,
        gives_up_at=now + TRIED_FOR,
    )
    if file:
        content = file[1].encode() if isinstance(file[1], str) else file[1]
        MailFile.objects.create(partner_id=mail.partner_id, mail=mail, content_type=file[2] or "", content=content)
    return mail


def send_mail(actor: Actor) -> bool:
    """Send one mail that is due; return whether there was any. Opens its own transactions, none while it sends."""
    with tenant(actor):
        mail = claim_mail(actor)
        message = _message(mail) if mail else None
    if mail is None or message is None:
        return False
    error, is_final = "", False
    try:
        get_connection(settings.MAIL_TRANSPORT).send_messages([message])
    except (smtplib.SMTPException, OSError, ValueError) as caught:  # ValueError: what no mail program could write
        error, is_final = _sentence(caught), _is_final(caught)
    with tenant(actor):
        note_mail(actor, mail, error, is_final=is_final)
    return True


@action("mails.send")
def claim_mail(actor: Actor) -> Mail | None:
    """Take the oldest mail that is due, for as long as a mail server may take; two queries."""
    now = timezone.now()
    due = Mail.objects.visible_to(actor).filter(state=MailState.WAITING, due_at__lte=now).order_by("due_at", "pk")
    mail = due.select_for_update(skip_locked=True).first()
    if mail is not None:
        mail.attempts, mail.due_at = mail.attempts + 1, now + LEASE
        mail.save(update_fields=["attempts", "due_at"])
    return mail


def _message(mail: Mail) -> EmailMessage:
    """The mail as it goes to the mail server. One query when a file goes with it."""
    text, html = (secrets.decrypt(part) if mail.is_secret and part else part for part in (mail.text, mail.html))
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=text,
        from_email=mail.sender,
        to=[] if mail.is_blind else mail.to,
        bcc=mail.to if mail.is_blind else [],
        reply_to=[mail.reply_to] if mail.reply_to else None,
        headers={"Message-ID": mail.message_id},  # sent twice after a crash, it is the same mail
    )
    if html:
        message.attach_alternative(html, "text/html")
    if mail.file_name:
        file = MailFile.objects.get(mail=mail)
        message.attach(mail.file_name, bytes(file.content), file.content_type)
    return message


@action("mails.send")
def note_mail(actor: Actor, mail: Mail, error: str, *, is_final: bool) -> None:
    """Write down what became of a try; a secret body and a file go once they are not needed any more. Two queries."""
    now = timezone.now()
    again = None if is_final else next_try(mail.attempts, now, mail.gives_up_at)
    if not error:
        mail.state, mail.sent_at, mail.error = MailState.SENT, now, ""
    else:
        mail.state, mail.error = MailState.WAITING if again else MailState.FAILED, error[:300]
        mail.due_at = again or mail.due_at
    if mail.is_secret and mail.state != MailState.WAITING:
        mail.text = mail.html = ""
    if mail.file_name and mail.state != MailState.WAITING:
        MailFile.objects.visible_to(actor).filter(mail=mail).delete()
    Mail.objects.visible_to(actor).filter(pk=mail.pk).update(
        state=mail.state, sent_at=mail.sent_at, error=mail.error, due_at=mail.due_at, text=mail.text, html=mail.html
    )


def _is_final(error: Exception) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= PERMANENT for code, _said in error.recipients.values())
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return False  # ours to mend, not the mail's
    return isinstance(error, ValueError) or (
        isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= PERMANENT
    )


def _sentence(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        said = [f"{to}: {code} {_words(text)}" for to, (code, text) in error.recipients.items()]
        return "The mail server refused " + "; ".join(said)
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server said {error.smtp_code} {_words(error.smtp_error)}"
    return f"The mail server can't be reached: {str(error) or type(error).__name__}"


def _words(text: bytes | str) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else text


@action("mails.change")
def resend_mail(actor: Actor, mail: Mail) -> Mail:
    """Send a mail once more, to the same people, as a new mail of the same words.

    Raises:
        Conflict: it waits already, or its body was a secret or its file went along, and is gone.
        NotFound
    """
    mail = locked(Mail.objects, actor, mail.pk)
    if not can_resend(mail):
        raise Conflict(_("It is on its way already, or its body or file was not kept: ask for a new one."))
    now = timezone.now()
    witnessed(actor, mail, "resend")
    mail.state, mail.attempts, mail.error, mail.due_at, mail.gives_up_at = (
        MailState.WAITING,
        0,
        "",
        now,
        now + TRIED_FOR,
    )
    mail.message_id = f"<{uuid.uuid4().hex}@carillon>"
    mail.save(update_fields=["state", "attempts", "error", "due_at", "gives_up_at", "message_id"])
    return mail


def can_resend(mail: Mail) -> bool:
    """Whether a mail may be sent once more."""
    return mail.state != MailState.WAITING and not mail.is_secret and not mail.file_name


@action("mails.send")
def forget_old_mails(actor: Actor, *, limit: int) -> int:
    """Remove up to `limit` mails older than 90 days; return how many. Two queries."""
    old = Mail.objects.visible_to(actor).filter(created_at__lt=timezone.now() - KEPT).order_by("created_at")
    keys = list(old.values_list("pk", flat=True)[:limit])
    Mail.objects.filter(pk__in=keys).delete()
    return len(keys)


def moment(at: datetime) -> str:
    """Return how mails write a moment."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
