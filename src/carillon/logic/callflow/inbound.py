"""Calls from carriers to numbers of the stock.

The source address gives the gateways that may have sent the call, then the called number gives its owner: one
carrier's address may serve several partners. A gateway may deliver only to its owner's numbers and those of the
partners below.
"""

from __future__ import annotations

from carillon.logic.callflow.blacklist import blacklisted
from carillon.logic.callflow.callerid import asks_privacy, network_caller
from carillon.logic.callflow.feed import (
    Customer,
    Feed,
    Gateway,
    Number,
    User,
)
from carillon.logic.callflow.forwarding import reach
from carillon.logic.callflow.notes import Note, noted
from carillon.logic.callflow.pricing import NotPriced, free_chain, holds_for, received_chain
from carillon.logic.callflow.refusals import refuse
from carillon.logic.callflow.standing import is_reachable
from carillon.logic.callflow.values import (
    CallRequest,
    ChainKind,
    Decision,
    Direction,
)
from carillon.logic.copies import replace
from carillon.logic.numbers import DialledKind, normalise
from carillon.logic.routing import ancestry, received_charge


def decide_inbound(feed: Feed, request: CallRequest, chunk_s: int) -> Decision:
    """The decision for a call without a device's credentials: from a known carrier to one of our numbers, or refused.

    The called customer pays for the call when it has a price for received calls, and where its user forwards it to.
    """
    draft = Decision(Direction.INBOUND, request, dialled=request.request_user)
    gateways = tuple(g for g in feed.gateways_at(request.source_address, request.source_port) if g.is_enabled)
    if not gateways:
        return refuse(draft, "unknown-source", f"No gateway has the address {request.source_address}.")
    found = _called_number(feed, request, gateways)
    if found is None:
        return _unassigned(draft, request, gateways[0])
    gateway, number = found
    caller, caller_note = network_caller(request, gateway)
    draft = replace(
        draft,
        partner_id=number.partner_id,
        source_gateway_id=gateway.id,
        source_gateway_partner_id=gateway.partner_id,
        source_cost=received_charge(feed, gateway, number.e164),
        callee_partner_id=number.partner_id,
        callee=number.e164,
        caller=caller,
        caller_name=_name(request, caller),
        is_withheld=asks_privacy(request),
    )
    source = Note(f"Gateway {gateway.name} ({request.source_address}) calls {number.e164}.", gateway.partner_id)
    return _to_owner(feed, noted(draft, source, Note(caller_note)), number, chunk_s)


def _unassigned(draft: Decision, request: CallRequest, gateway: Gateway) -> Decision:
    owner = gateway.partner_id
    draft = replace(draft, source_gateway_id=gateway.id, source_gateway_partner_id=owner, partner_id=owner)
    note = f"{gateway.name} sent a call to “{request.request_user[:40]}”, no number of its owner."
    return refuse(noted(draft, Note(note, owner)), "number-unassigned")


def _called_number(feed: Feed, request: CallRequest, gateways: tuple[Gateway, ...]) -> tuple[Gateway, Number] | None:
    """The first gateway of that address whose owner is the number's partner or above it, and the number."""
    for gateway in gateways:
        for e164 in _readings(request.request_user, gateway):
            number = feed.number(e164)
            if number is not None and gateway.partner_id in {p.id for p in ancestry(feed, number.partner_id)}:
                return gateway, number
    return None


def _readings(dialled: str, gateway: Gateway) -> tuple[str, ...]:
    """E.164 numbers that the carrier may mean: with calling code first when it sends them plain."""
    as_plain = normalise(f"+{dialled}", "") if dialled.isascii() and dialled.isdigit() else None
    as_dialled = normalise(dialled, gateway.country)
    ordered = (as_plain, as_dialled) if gateway.number_format == "plain" else (as_dialled, as_plain)
    return tuple(found.number for found in ordered if found is not None and found.kind is DialledKind.E164)


def _to_owner(feed: Feed, draft: Decision, number: Number, chunk_s: int) -> Decision:
    owner = feed.customer(number.customer_id) if number.customer_id is not None else None
    user = feed.user(number.user_id) if number.user_id is not None else None
    if owner is None or user is None:
        return refuse(draft, "number-unassigned", f"{number.e164} is in stock but assigned to nobody.")
    draft = replace(
        draft,
        customer_id=owner.id,
        user_id=user.id,
        callee_partner_id=owner.partner_id,
        callee_customer_id=owner.id,
        callee_user_id=user.id,
        max_s=owner.max_call_s,
        chains=(free_chain(ChainKind.TERMINATING, owner, "received call"),),
    )
    for slug, kind, value in (
        ("source-blacklisted", "network", draft.request.source_address),
        ("caller-blacklisted", "calling", draft.caller),
    ):
        if blocked := blacklisted(feed, owner.partner_id, kind, value):
            return refuse(noted(draft, *blocked), slug)
    if not is_reachable(feed, owner):
        return refuse(noted(draft, Note(f"{owner.name} is out of service.", owner.partner_id)), "callee-not-in-service")
    return _priced(feed, draft, number, user, owner, chunk_s)


def _priced(feed: Feed, draft: Decision, number: Number, user: User, owner: Customer, chunk_s: int) -> Decision:
    """On to the user, with what its customer pays for being called."""
    notes: list[Note] = []
    carrier_partner_id = draft.source_gateway_partner_id or owner.partner_id
    try:
        chain = received_chain(feed, owner, number, carrier_partner_id, draft.caller, notes)
    except NotPriced as problem:
        return refuse(noted(draft, *notes, problem.note), problem.slug)
    draft = replace(draft, chains=(chain,), holds=holds_for(feed, owner, chain, chunk_s, draft.max_s))
    return reach(feed, noted(draft, *notes), user, owner, chunk_s)


def _name(request: CallRequest, caller: str) -> str:
    return "" if caller == "anonymous" else request.from_display[:80]
