"""Tickets of the cast: what partners ask those they buy from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.support.actions import (
    InternalNoteData,
    ReplyData,
    TicketData,
    add_internal_note,
    open_ticket,
    reply_to_ticket,
)
from carillon.business.support.choices import Priority
from carillon.business.support.models import Ticket

LOG = b"2026-11-25 09:12:03 INVITE sip:+33199000002@carrier-a.test -> 503 Service Unavailable\n"
QUESTION = "Calls to +33 1 99 00 00 02 fail since nine o'clock. Our other routes to France work. Our log is attached."
BACK = (
    "One carrier answers 503: we have taken it out of your route. Please try again and tell us a call id if it fails."
)


def load_tickets(actor_of: Callable[[str], Actor], made: Counter[str]) -> None:
    """A question from Northwind that is being answered, and one from Fjord Voice that nobody has looked at."""
    operator, northwind, fjord = (actor_of(name) for name in ("Level Platform", "Northwind Telecom", "Fjord Voice"))
    with tenant(operator):
        if Ticket.objects.visible_to(operator).exists():
            return
    with tenant(northwind):
        asked = TicketData(
            subject="Calls to France fail", text=QUESTION, priority=Priority.HIGH, files=(("trace.log", LOG),)
        )
        ticket = open_ticket(northwind, asked)
    with tenant(operator):
        add_internal_note(operator, ticket, InternalNoteData(text="Carrier A works on a fibre cut in Lyon until noon."))
        reply_to_ticket(operator, ticket, ReplyData(text=BACK, asks_back=True))
    with tenant(fjord):
        text = "We sell to boats in Stavanger from next month and need twenty numbers there. What do they cost?"
        open_ticket(fjord, TicketData(subject="Numbers in Stavanger", text=text))
    made["tickets"] += 2
