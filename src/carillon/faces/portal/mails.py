"""Panels of mails: the log, the words they use, and whom they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.notices import mails, queries, texts
from carillon.business.notices.choices import MailEvent, MailState, WordsFrom
from carillon.business.notices.letters import CULTURES, LETTERS
from carillon.business.notices.models import Mail, MailIdentity, MailText
from carillon.panels.declaration import Column, Detail, Field, Filter, Panel, RowAction

LANGUAGES = {"en": _("English"), "es": _("Spanish")}


def _mail_page(actor: Actor, mail: Mail) -> Mapping[str, Any]:
    """The page of one mail; a body that lets somebody in is shown to nobody."""
    return {"mail": mail, "body": "" if mail.is_secret else mail.text}


MAILS = Panel(
    slug="mails",
    title=_("E-mail log"),
    name=_("mail"),
    section="settings",
    icon="mail",
    model=Mail,
    rows=queries.mails_of,
    columns=(
        Column("created_at", _("Written"), kind="datetime", width=140),
        Column("event", _("Event"), kind="choice", choices=MailEvent.choices, width=120),
        Column("to", _("To"), kind="list", width=190, grow=2),
        Column("subject", _("Subject"), width=230, grow=3),
        Column("state", _("State"), kind="status", width=90),
        Column("attempts", _("Tries"), kind="integer", width=60),
        Column("sent_at", _("Sent"), kind="datetime", width=140),
        Column("error", _("Error"), width=160, grow=2),
    ),
    api=(
        Column("sender", _("From")),
        Column("culture", _("Language")),
        Column("body", _("Text"), value=lambda mail: "" if mail.is_secret else mail.text),
        Column("due_at", _("Next try"), kind="datetime"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("created_at", _("Written"), kind="date", lookup="range"),
        Filter("event", _("Event"), choices=MailEvent.choices),
        Filter("state", _("State"), choices=MailState.choices),
        Filter("to", _("To"), apply=lambda rows, value: rows.filter(to__contains=[value.strip().lower()])),
        Filter("subject", _("Subject"), lookup="icontains"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    search="subject",
    detail=Detail("portal/notices/mail.html", _mail_page, _("Read")),
    actions=(
        RowAction(
            "resend",
            _("Send once more"),
            mails.resend_mail,
            icon="refresh",
            confirm=_("The same people get the same words again."),
            applies=mails.can_resend,
            done=_("It is on its way."),
        ),
    ),
    refresh_s=5,
    help=_(
        "Every mail that the platform has written in your name in the last 90 days, and what the mail server said. What"
        " lets somebody in, such as a link for a new password, is shown to nobody and not kept once it is sent."
    ),
    empty=_("No mail has been written yet."),
)


def _values(mail: MailText) -> Mapping[str, Any]:
    """The words a form starts with, its own or inherited."""
    subject, text = queries.words_of(mail)
    return {"subject": subject, "text": text}


def _places(mail: MailText) -> str:
    return ", ".join(f"{{{{ {name} }}}}" for name in LETTERS[mail.event].places)


MAIL_TEXTS = Panel(
    slug="mail-texts",
    title=_("E-mail templates"),
    name=_("template"),
    section="settings",
    icon="template",
    model=MailText,
    rows=queries.mail_texts_of,
    columns=(
        Column("event", _("Mail"), kind="choice", choices=MailEvent.choices, width=185, grow=1),
        Column("culture", _("Language"), kind="choice", choices=LANGUAGES.items(), width=90),
        Column("owner", _("For"), width=150, grow=2),
        Column("source", _("Words from"), kind="choice", value=queries.source_of, choices=WordsFrom.choices, width=150),
        Column("subject", _("Subject"), value=lambda mail: _values(mail)["subject"], width=170, grow=2),
        Column("places", _("Values it may hold"), kind="code", value=_places, width=150, grow=2),
    ),
    api=(
        Column("text", _("Text"), value=lambda mail: _values(mail)["text"]),
        Column("is_own", _("Own words"), kind="bool", value=lambda mail: mail.template_id is not None),
        Column("inherited_subject", _("Inherited subject"), value=lambda mail: queries.inherited_words(mail)[0]),
        Column("inherited_text", _("Inherited text"), value=lambda mail: queries.inherited_words(mail)[1]),
        Column("web_product_id", _("Web product"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("event", _("Mail"), choices=[choice for choice in MailEvent.choices if choice[0] in LETTERS]),
        Filter("culture", _("Language"), choices=[(culture, LANGUAGES[culture]) for culture in CULTURES]),
        Filter("owner", _("For"), lookup="istartswith"),
        Filter(
            "is_own",
            _("Own words"),
            kind="bool",
            apply=lambda rows, value: rows.filter(template_id__isnull=not value),
        ),
        Filter("web_product_id", _("Web product"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("id",),
    search="owner",
    data=texts.TextData,
    fields=(
        Field("subject", _("Subject"), max_length=200, wide=True),
        Field(
            "text",
            _("Text"),
            kind="textarea",
            max_length=10_000,
            wide=True,
            help=_("Values stand in braces, as in {{ name }}. A line whose values are all empty is left out."),
        ),
    ),
    initial=_values,
    update=texts.write_text,
    actions=(
        RowAction(
            "preview",
            _("Preview"),
            texts.preview_text,
            icon="eye",
            confirm=_("With example values."),
            result=lambda words: {str(_("Subject")): words[0], str(_("Text")): words[1]},
        ),
        RowAction(
            "inherited",
            _("Show inherited words"),
            texts.preview_inherited,
            icon="git-branch",
            confirm=_("What it says without words of its own, with example values."),
            applies=lambda mail: mail.template_id is not None,
            result=lambda words: {str(_("Subject")): words[0], str(_("Text")): words[1]},
        ),
        RowAction(
            "reset",
            _("Reset to inherited"),
            texts.reset_text,
            icon="refresh",
            confirm=_("Your own words are removed; history keeps them."),
            applies=lambda mail: mail.template_id is not None,
        ),
    ),
    help=_(
        "The words of each mail. A web product without its own uses those of your company, that without its own those"
        " of the company that it buys from, and so on up to the platform's operator; where nobody has written any,"
        " those that came with the platform. What you write here passes down to your web products and to the partners"
        " below you, as long as they have none of their own. Each mail goes out as plain text and as HTML with the"
        " sender's name and colour."
    ),
)

MAIL_IDENTITIES = Panel(
    slug="mail-identities",
    title=_("E-mail senders"),
    name=_("sender"),
    section="settings",
    icon="id",
    model=MailIdentity,
    rows=queries.identities_of,
    columns=(
        Column("name", _("Name"), width=170, grow=1),
        Column("address", _("Address"), kind="code", width=190, grow=1),
        Column("reply_to", _("Replies go to"), kind="code", width=170, grow=1),
        Column("web_product", _("Web product"), value="web_product.name", width=150),
        Column("partner", _("Partner"), value="partner.name", width=150),
        Column("colour", _("Colour"), kind="code", width=80),
    ),
    api=(
        Column("footer", _("Footer")),
        Column("web_product_id", _("Web product"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(Filter("name", _("Name"), lookup="istartswith"), Filter("partner_id", _("Partner"), kind="integer")),
    order=("-id",),
    data=texts.IdentityData,
    fields=(
        Field("name", _("Name"), max_length=100, help=_("What receivers see as the sender.")),
        Field(
            "address",
            _("Address"),
            kind="email",
            max_length=254,
            help=_("In a domain of yours. Empty: the platform's."),
        ),
        Field("reply_to", _("Replies go to"), kind="email", max_length=254),
        Field("colour", _("Colour"), kind="code", max_length=7, placeholder="#206bc4"),
        Field(
            "footer",
            _("Footer"),
            kind="textarea",
            help=_("Company name, address, register: what the law asks for."),
            wide=True,
        ),
        Field(
            "web_product_id",
            _("Web product"),
            lookup="web-products",
            only="create",
            help=_("Leave empty for all that have no sender of their own."),
        ),
        Field(
            "partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
    ),
    create=texts.create_identity,
    update=texts.update_identity,
    remove=texts.remove_identity,
    help=_("Whom mails to your staff and customers come from, and how their HTML part looks."),
    empty=_("Mails bear the name of your company or web product. Add a sender to change name, address and colour."),
)

PANELS = (MAILS, MAIL_TEXTS, MAIL_IDENTITIES)
