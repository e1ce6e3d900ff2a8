"""The panel of tickets, its dialogs and the page of a ticket."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from carillon.base.actor import Actor
from carillon.base.errors import NotFound
from carillon.business.support import actions, queries
from carillon.business.support.choices import Priority, TicketStatus
from carillon.business.support.files import KINDS, MOST_FILES, MOST_MB
from carillon.business.support.models import Attachment, Ticket
from carillon.faces.portal.access import actor_of, staff_only
from carillon.panels.declaration import Column, Detail, Extra, Field, Filter, Panel, RowAction, Tab, Upload


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicket:
    """The dialog that asks."""

    subject: str
    text: str
    priority: Priority = Priority.NORMAL
    files: tuple[Upload, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The dialog that goes on talking."""

    text: str
    files: tuple[Upload, ...] = ()
    asks_back: bool = False


def _contents(files: Iterable[Upload]) -> tuple[actions.File, ...]:
    return tuple((file.name, file.content) for file in files)


def _open(actor: Actor, data: NewTicket) -> Ticket:
    asked = actions.TicketData(
        subject=data.subject, text=data.text, priority=data.priority, files=_contents(data.files)
    )
    return actions.open_ticket(actor, asked)


def _reply(actor: Actor, ticket: Ticket, data: Reply) -> Ticket:
    said = actions.ReplyData(text=data.text, files=_contents(data.files), asks_back=data.asks_back)
    return actions.reply_to_ticket(actor, ticket, said)


def _page(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    return {
        "said": queries.conversation_of(actor, ticket),
        "is_answering": queries.is_answering(actor, ticket),
        "side_class": "is-ours" if queries.is_answering(actor, ticket) else "is-theirs",
    }


def _conversation(actor: Actor, ticket: Ticket) -> list[dict[str, Any]]:
    return [{**asdict(one), "at": one.at.isoformat()} for one in queries.conversation_of(actor, ticket)]


TEXT = Field("text", _("Message"), kind="textarea", max_length=actions.LONGEST_TEXT)
FILES = Field(
    "files",
    _("Files"),
    wide=True,
    help=format_lazy(_("At most {most}, each at most {size} MB: {kinds}."), most=MOST_FILES, size=MOST_MB, kinds=KINDS),
)


def _is_talking(ticket: Any) -> bool:
    return str(ticket.side) != queries.BETWEEN


def _is_ours(ticket: Any) -> bool:
    return str(ticket.side) == queries.TO_US


SUPPORT = Panel(
    slug="support",
    title=_("Support"),
    name=_("ticket"),
    section="main",
    icon="headset",
    model=Ticket,
    rows=queries.tickets_of,
    columns=(
        Column("subject", _("Subject"), value=str, width=240, grow=3),
        Column("status", _("Status"), kind="status", width=110),
        Column("priority", _("Priority"), kind="choice", width=80),
        Column("partner", _("From"), value="partner.name", width=140),
        Column("customer", _("Customer"), value="customer.name", width=120),
        Column("assigned", _("Assigned to"), value="assigned.name", width=120),
        Column("changed_at", _("Last said"), kind="datetime", width=140),
        Column("opened_by", _("Opened by"), width=130),
        Column("created_at", _("Opened"), kind="datetime", width=140),
    ),
    api=(
        Column("side", _("Side")),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("answering_partner_id", _("Answered by"), kind="integer"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("assigned_id", _("Assigned to"), kind="integer"),
    ),
    filters=(
        Filter("subject", _("Subject"), lookup="icontains"),
        Filter("status", _("Status"), choices=TicketStatus.choices),
        Filter("priority", _("Priority"), choices=Priority.choices),
        Filter("assigned", _("Assigned to"), kind="integer", field="assigned_id", choices=queries.colleagues_of),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-changed_at", "-id"),
    tabs=(
        Tab("to-us", _("To answer"), Q(side=queries.TO_US) & ~Q(status=TicketStatus.CLOSED)),
        Tab("from-us", _("My tickets"), Q(side=queries.FROM_US)),
        Tab("closed", _("Closed"), Q(status=TicketStatus.CLOSED)),
        Tab("between", _("Between others"), Q(side=queries.BETWEEN)),
    ),
    data=NewTicket,
    fields=(
        Field("subject", _("Subject"), max_length=150, wide=True),
        Field("priority", _("Priority")),
        TEXT,
        FILES,
    ),
    create=_open,
    permission="support",
    actions=(
        RowAction(
            "reply",
            _("Reply"),
            _reply,
            data=Reply,
            fields=(
                TEXT,
                FILES,
                Field("asks_back", _("We cannot go on without their reply"), help=_("Of those who answer only.")),
            ),
            icon="arrow-right",
            permission="support.reply",
            applies=_is_talking,
            done=_("Your reply was sent."),
        ),
        RowAction(
            "note",
            _("Internal note"),
            actions.add_internal_note,
            data=actions.InternalNoteData,
            fields=(
                Field(
                    "text",
                    _("Note"),
                    kind="textarea",
                    max_length=actions.LONGEST_TEXT,
                    help=_("Only your own people see it."),
                ),
            ),
            icon="lock",
            applies=_is_ours,
            done=_("The note was added."),
        ),
        RowAction(
            "assign",
            _("Assign"),
            actions.assign_ticket,
            data=actions.AssignmentData,
            fields=(
                Field("login_id", _("Assigned to"), choices=queries.colleagues_of),
                Field("priority", _("Priority")),
            ),
            icon="user",
            initial=lambda row: {"login_id": row.assigned_id, "priority": row.priority},
            applies=_is_ours,
        ),
        RowAction(
            "close",
            _("Close"),
            actions.close_ticket,
            icon="check",
            confirm=_("Nothing more is to be said. A reply opens it again."),
            applies=lambda row: _is_talking(row) and row.status != TicketStatus.CLOSED,
            done=_("The ticket was closed."),
        ),
    ),
    detail=Detail("portal/support/ticket.html", _page, _("Open")),
    extras=(Extra("conversation", _conversation, _("What was said, the oldest first"), many=True),),
    search="subject",
    has_history=False,
    help=_(
        "Questions of the partners below you, and your own to those you buy from. “Add” asks them. Internal notes are"
        " seen by your own people only."
    ),
    empty=_("No tickets. “Add” asks those you buy from."),
)


def sent_file(file: Attachment) -> HttpResponse:
    """Return an attachment as a download that no browser opens in our name, whatever is in it."""
    answer = HttpResponse(bytes(file.content), content_type="application/octet-stream")
    quoted = file.name.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "_").replace("?", "_")
    answer["Content-Disposition"] = f'attachment; filename="{quoted}"'
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


def file_for(actor: Actor, file_id: int) -> Attachment:
    """Return a file of a ticket that the actor may see; one query. Raises NotFound."""
    file = queries.file_of(actor, file_id) if actor.may("support.view") else None
    if file is None:
        raise NotFound
    return file


@require_GET
@staff_only
def attachment(request: HttpRequest, key: int) -> HttpResponse:
    """A file of a ticket that the person may see."""
    return sent_file(file_for(actor_of(request), key))


PANELS = (SUPPORT,)
