"""Calls as people ask for them: by tab, by tier, live, message by message."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from carillon.base.actor import Actor
from carillon.business.calls.choices import CallState, Tab
from carillon.business.calls.models import Call, CallEvent, CallTrace, Cdr
from carillon.business.calls.trace import Ladder, ladder_of

LIVE = (CallState.TRYING, CallState.RINGING, CallState.ANSWERED)


def cdrs_of(actor: Actor) -> QuerySet[Cdr]:
    """Return every CDR the actor sees, of all tiers; a customer's people see what their customer pays."""
    return Cdr.objects.visible_to(actor)


def cdrs_on(actor: Actor, tab: Tab | None = None) -> QuerySet[Cdr]:
    """Return one row per call and party as the portal's CDR panel shows them: the sale to the customer.

    Rows of strangers' calls to numbers nobody has are on the tab "other".
    """
    rows = cdrs_of(actor).filter(tier=0, is_carrier_cost=False)
    return rows if tab is None else rows.filter(tab=tab)


def tiers_of(actor: Actor, cdr: Cdr) -> QuerySet[Cdr]:
    """Return all rows of the CDR's call and chain the actor sees, customer's first, carrier's cost last; one query.

    A partner sees its own sale and what it buys for (the row its parent sells by), never what is above that.
    """
    rows = cdrs_of(actor).filter(call_id=cdr.call_id, started_on=cdr.started_on, chain=cdr.chain)
    return rows.select_related("partner", "buyer_partner").order_by("is_carrier_cost", "tier")


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One sale of a call. `is_cost` marks what the partner itself pays, to its parent or to a carrier."""

    tier: int
    seller: str
    buyer: str
    is_cost: bool
    billed_s: int
    amount_micro: int
    currency: str
    explanation: dict[str, Any]


def prices_of(actor: Actor, cdr: Cdr) -> list[PriceLine]:
    """Return the price at each tier the actor sees with its explanation; one query."""
    lines = []
    for row in tiers_of(actor, cdr):
        explanation = explanation_of(actor, row)
        is_bought = row.partner_id not in actor.scope or row.is_carrier_cost
        seller = str(row.explanation.get("seller") or row.gateway_name or row.partner.name)
        buyer = str(row.explanation.get("buyer") or row.customer_name)
        lines.append(
            PriceLine(row.tier, seller, buyer, is_bought, row.billed_s, row.amount_micro, row.currency, explanation)
        )
    return lines


SELLERS_ONLY = ("margin", "attempts", "notes")


def explanation_of(actor: Actor, cdr: Cdr) -> dict[str, Any]:
    """Return why the CDR's price is what it is; no query.

    Whoever buys is not told what the seller itself pays, nor by whom the call was carried.
    """
    is_seller = actor.customer_id is None and cdr.partner_id in actor.scope
    return {key: value for key, value in cdr.explanation.items() if is_seller or key not in SELLERS_ONLY}


def call_of(actor: Actor, call_id: uuid.UUID) -> Call | None:
    """Return a call the actor sees, or None; one query."""
    return Call.objects.visible_to(actor).filter(pk=call_id).first()


def live_calls_of(actor: Actor) -> QuerySet[Call]:
    """Return the calls that are going on, with `now` (the database's clock) to count their seconds by."""
    return Call.objects.visible_to(actor).filter(state__in=LIVE).annotate(now=Now(), started=F("started_at"))


def events_of(actor: Actor, call_id: uuid.UUID) -> list[CallEvent]:
    """Return a call's events in order of their own time; empty when the actor does not see the call. Two queries."""
    if call_of(actor, call_id) is None:
        return []
    return list(CallEvent.objects.filter(call_id=call_id).order_by("at_ms", "pk"))


def trace_of(actor: Actor, call_id: uuid.UUID) -> Ladder | None:
    """Return the SIP messages of a call, None when there is no trace or the actor does not see the call. Two queries.

    Customers' people do not: it shows carriers.
    """
    if actor.customer_id is not None or call_of(actor, call_id) is None:
        return None
    trace = CallTrace.objects.filter(pk=call_id).first()
    return ladder_of(bytes(trace.messages)) if trace else None
