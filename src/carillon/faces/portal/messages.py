"""The panel of messages: what people write to web products under “contact us”, and what is answered."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.support import messages, queries
from carillon.business.support.choices import MessageSource, MessageStatus
from carillon.business.support.models import Message
from carillon.panels.declaration import Column, Detail, Extra, Field, Filter, Link, Panel, RowAction, Tab
from carillon.usecases.answer_message import answer_message


def _page(actor: Actor, message: Message) -> dict[str, Any]:
    return {"replies": queries.replies_of(actor, message)}


def _conversation(actor: Actor, message: Message) -> list[dict[str, Any]]:
    return [
        {"at": one.at.isoformat(), "by": one.author_name, "text": one.text}
        for one in queries.replies_of(actor, message)
    ]


TEXT = Field("text", _("Message"), kind="textarea", max_length=messages.LONGEST_TEXT)

MESSAGES = Panel(
    slug="messages",
    title=_("Messages"),
    name=_("message"),
    section="main",
    icon="mail",
    model=Message,
    rows=queries.messages_of,
    columns=(
        Column("subject", _("Subject"), width=220, grow=3),
        Column("name", _("From"), width=140, grow=1),
        Column("status", _("Status"), kind="status", width=95),
        Column("web_product", _("Web product"), value="web_product.name", width=140),
        Column("customer", _("Customer"), value="customer.name", width=120),
        Column("assigned", _("Assigned to"), value="assigned.name", width=120),
        Column("changed_at", _("Last said"), kind="datetime", width=140),
        Column("email", _("E-mail"), width=170),
        Column("source", _("Came by"), kind="choice", width=90),
    ),
    api=(
        Column("text", _("Message"), in_grid=False),
        Column("phone", _("Telephone")),
        Column("culture", _("Language")),
        Column("web_product_id", _("Web product"), kind="integer"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("assigned_id", _("Assigned to"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Received"), kind="datetime"),
    ),
    filters=(
        Filter("subject", _("Subject"), lookup="icontains"),
        Filter("name", _("From"), lookup="istartswith"),
        Filter("email", _("E-mail"), lookup="istartswith"),
        Filter("status", _("Status"), choices=MessageStatus.choices),
        Filter("source", _("Came by"), choices=MessageSource.choices),
        Filter("assigned", _("Assigned to"), kind="integer", field="assigned_id", choices=queries.colleagues_of),
        Filter("web_product_id", _("Web product"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-changed_at", "-id"),
    tabs=(
        Tab("open", _("To answer"), Q(status=MessageStatus.NEW)),
        Tab("done", _("Dealt with"), Q(status__in=(MessageStatus.ANSWERED, MessageStatus.CLOSED))),
        Tab("spam", _("Spam"), Q(status=MessageStatus.SPAM)),
    ),
    customer_field="customer_id",
    search="subject",
    data=messages.MessageData,
    fields=(
        Field("web_product_id", _("Web product"), lookup="web-products"),
        Field("source", _("Came by"), choices=MessageSource.choices),
        Field("name", _("From"), max_length=100),
        Field("email", _("E-mail"), kind="email", max_length=254, help=_("Answers go there.")),
        Field("phone", _("Telephone"), max_length=40),
        Field("culture", _("Language"), max_length=12, help=_("Leave empty for the web product's.")),
        Field("subject", _("Subject"), max_length=150, wide=True),
        TEXT,
    ),
    create=messages.record_message,
    remove=messages.remove_message,
    actions=(
        RowAction(
            "reply",
            _("Reply"),
            answer_message,
            data=messages.MessageReplyData,
            fields=(TEXT,),
            icon="arrow-right",
            applies=lambda row: bool(row.email),
            done=_("Your answer is on its way by mail."),
        ),
        RowAction(
            "assign",
            _("Assign"),
            messages.assign_message,
            data=messages.MessageAssignmentData,
            fields=(Field("login_id", _("Assigned to"), choices=queries.colleagues_of),),
            icon="user",
            initial=lambda row: {"login_id": row.assigned_id},
        ),
        RowAction(
            "close",
            _("Close"),
            messages.close_message,
            icon="check",
            applies=lambda row: row.status != MessageStatus.CLOSED,
            done=_("The message was closed."),
        ),
        RowAction(
            "spam",
            _("Spam"),
            messages.mark_as_spam,
            icon="ban",
            applies=lambda row: row.status != MessageStatus.SPAM,
        ),
        RowAction(
            "reopen",
            _("Open again"),
            messages.reopen_message,
            icon="refresh",
            applies=lambda row: row.status != MessageStatus.NEW,
        ),
    ),
    links=(
        Link(_("Customer"), "customers", {"name": "customer.name"}, applies=lambda row: row.customer_id is not None),
        Link(_("Mails"), "mails", {"to": "email"}, icon="mail", applies=lambda row: bool(row.email)),
    ),
    detail=Detail("portal/support/message.html", _page, _("Open")),
    extras=(Extra("replies", _conversation, _("What was answered, the oldest first"), many=True),),
    help=_(
        "What people who are no customers, or not yet, write to your web products. Answers are mailed in the name of"
        " the web product and kept here. The contact form of the web sites will fill this; until then add what comes"
        " by telephone or mail, and answer it here."
    ),
    empty=_(
        "No messages. The contact form of your web sites will fill this; add what comes by telephone or mail yourself."
    ),
)

PANELS = (MESSAGES,)
