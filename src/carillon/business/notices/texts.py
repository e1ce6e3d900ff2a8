"""Changes to how mails read and whom they come from: a partner's own, or a web product's."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, named_or_none, once
from carillon.business.brands.models import WebProduct
from carillon.business.notices.letters import LETTERS
from carillon.business.notices.models import MailIdentity, MailTemplate, MailText
from carillon.business.notices.queries import inherited_words, words_of
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import chosen_partner
from carillon.logic.letters import COLOUR, fault_of, filled

NOT_YOURS = _lazy("Mails come from a domain of yours: that of the portal's hostname or of a web product's.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextData:
    """A mail's words, with places for values: {{ name }}."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityData:
    """Whom mails come from. `web_product_id` and `partner_id` (None: the actor's own partner) stay once created."""

    name: str
    address: str = ""
    reply_to: str = ""
    colour: str = "#206bc4"
    footer: str = ""
    web_product_id: int | None = None
    partner_id: int | None = None


@action("mail_texts.change")
def write_text(actor: Actor, mail: MailText, data: TextData) -> MailText:
    """Give a mail words of its own, which whatever inherits from it has too.

    Raises:
        InvalidInput: a place names no value of this mail, or braces stand alone.
        NotFound
    """
    mail = named(MailText.objects, actor, mail.pk, "id")
    known = LETTERS[mail.event].titles()
    faults = {name: fault for name in ("subject", "text") if (fault := fault_of(getattr(data, name), known))}
    if "\n" in data.subject or "\r" in data.subject:
        faults.setdefault("subject", "A subject is one line.")
    if faults:
        raise InvalidInput(" ".join(faults.values()), fields=faults)
    key = {
        "partner_id": mail.partner_id,
        "web_product_id": mail.web_product_id,
        "event": mail.event,
        "culture": mail.culture,
    }
    with audited(actor, mail, "update"):
        kept = MailTemplate.objects.visible_to(actor).filter(**key).first() or MailTemplate(**key)
        kept.subject, kept.text = data.subject, data.text
        kept.save()
        mail.subject, mail.text, mail.template_id = kept.subject, kept.text, kept.pk
    return mail


@action("mail_texts.change")
def reset_text(actor: Actor, mail: MailText) -> MailText:
    """Let a mail have the inherited words again.

    Raises:
        Conflict: it has none of its own.
        NotFound
    """
    mail = named(MailText.objects, actor, mail.pk, "id")
    if mail.template_id is None:
        raise Conflict(_("It has no words of its own."))
    with audited(actor, mail, "reset"):
        MailTemplate.objects.visible_to(actor).filter(pk=mail.template_id).delete()
        mail.subject = mail.text = mail.template_id = None
    return mail


@action("mail_texts.view")
def preview_inherited(actor: Actor, mail: MailText) -> tuple[str, str]:
    """Return subject and text that a mail would have without words of its own, with example values. One query."""
    mail = named(MailText.objects, actor, mail.pk, "id")
    examples = LETTERS[mail.event].examples()
    subject, text = inherited_words(mail)
    return filled(subject, examples), filled(text, examples)


@action("mail_texts.view")
def preview_text(actor: Actor, mail: MailText) -> tuple[str, str]:
    """Return subject and text of a mail with example values. Cost: one query."""
    mail = named(MailText.objects, actor, mail.pk, "id")
    examples = LETTERS[mail.event].examples()
    subject, text = words_of(mail)
    return filled(subject, examples), filled(text, examples)


# ---------------------------------------------------------------- who they come from


@action("mail_identities.add")
def create_identity(actor: Actor, data: IdentityData) -> MailIdentity:
    """Say whom the mails of a partner or of one web product come from. Raises InvalidInput."""
    product = named_or_none(WebProduct.objects, actor, data.web_product_id, "web_product_id")
    partner = product.partner if product else chosen_partner(actor, data.partner_id)
    identity = MailIdentity(partner=partner, web_product=product)
    twice = {"one_mail_identity_each": ("web_product_id", "There is a sender for this already.")}
    with once(twice), audited(actor, identity, "create"):
        _fill(actor, identity, data)
        identity.save(force_insert=True)
    return identity


@action("mail_identities.change")
def update_identity(actor: Actor, identity: MailIdentity, data: IdentityData) -> MailIdentity:
    """Change whom mails come from. Raises InvalidInput, NotFound."""
    identity = locked(MailIdentity.objects, actor, identity.pk)
    with audited(actor, identity, "update"):
        _fill(actor, identity, data)
        identity.save()
    return identity


@action("mail_identities.delete")
def remove_identity(actor: Actor, identity: MailIdentity) -> None:
    """Let mails come from whoever they would come from without it. Raises NotFound."""
    identity = locked(MailIdentity.objects, actor, identity.pk)
    with audited(actor, identity, "remove"):
        identity.delete()


def _fill(actor: Actor, identity: MailIdentity, data: IdentityData) -> None:
    faults = Faults()
    faults.unless(bool(COLOUR.fullmatch(data.colour)), "colour", _("Give a colour such as #206bc4."))
    faults.unless(data.name.isprintable(), "name", _("A name is one line."))
    if data.address:
        domain = data.address.rpartition("@")[2].lower()
        is_own = identity.partner.parent_id is None or _is_of(domain, _hostnames(actor, identity.partner))
        faults.unless(is_own, "address", NOT_YOURS)
    faults.stop()
    identity.name, identity.address, identity.reply_to = data.name, data.address, data.reply_to
    identity.colour, identity.footer = data.colour, data.footer
    check_values(identity)


def _hostnames(actor: Actor, partner: Partner) -> list[str]:
    products = WebProduct.objects.visible_to(actor).filter(partner=partner).values_list("hostname", "sip_domain")
    return [partner.portal_hostname or "", *(name for pair in products for name in pair)]


def _is_of(domain: str, hostnames: list[str]) -> bool:
    """A partner may write from its hostnames' domains: voice.example.com allows example.com, but never com."""
    return "." in domain and any(name == domain or name.endswith(f".{domain}") for name in hostnames)
