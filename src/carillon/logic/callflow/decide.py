"""What to do with a new call.

`decide` is a pure function of the feed and the request: the same code answers live calls, the portal's test call and
the golden call flows. The feed may raise `need.Missing`; the caller loads that document and decides again.

Calls of customers' devices are here (emergency, extension, own number, telephone network), calls from carriers in
`inbound`. Standing (status of customer and partners) is checked for everything but emergency calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from carillon.logic.callflow.blacklist import blacklisted
from carillon.logic.callflow.bundles import with_bundles
from carillon.logic.callflow.callerid import ANONYMOUS, asks_privacy, caller_id, emergency_caller, withheld_by_prefix
from carillon.logic.callflow.feed import (
    Customer,
    Endpoint,
    Feed,
    Number,
    User,
)
from carillon.logic.callflow.forwarding import reach
from carillon.logic.callflow.inbound import decide_inbound
from carillon.logic.callflow.lossguard import REFUSED, resale_losses, without_loss
from carillon.logic.callflow.notes import Note, noted
from carillon.logic.callflow.pricelists import NOWHERE
from carillon.logic.callflow.pricing import NotPriced, free_chain, holds_for, onnet_chain, priced_chain
from carillon.logic.callflow.refusals import refuse
from carillon.logic.callflow.standing import is_reachable, why_barred, why_destination_barred
from carillon.logic.callflow.values import (
    LONGEST_S,
    CallRequest,
    Chain,
    ChainKind,
    Decision,
    Direction,
)
from carillon.logic.copies import replace
from carillon.logic.numbers import DialledKind, normalise
from carillon.logic.routing import RouteQuery, choose_emergency_routes, choose_routes

CHUNK_S = 60


@dataclass(frozen=True, slots=True)
class _Call:
    """A device's call once its parties are known; `draft` is the decision so far."""

    feed: Feed
    request: CallRequest
    endpoint: Endpoint
    customer: Customer
    user: User | None
    draft: Decision
    chunk_s: int


def decide(feed: Feed, request: CallRequest, *, chunk_s: int = CHUNK_S) -> Decision:
    """The decision for an INVITE: targets in order, chains with frozen prices, money to hold; or a refusal.

    `chunk_s` is how many seconds beyond the initial interval the first hold covers. Identity is `auth_user@auth_realm`
    for devices, the source address for carriers; From decides nothing. Raises only what the feed raises (`Missing`).
    """
    if request.auth_user:
        return _decide_device(feed, request, chunk_s)
    return decide_inbound(feed, request, chunk_s)


def _decide_device(feed: Feed, request: CallRequest, chunk_s: int) -> Decision:
    draft = Decision(Direction.OUTBOUND, request, dialled=request.request_user)
    endpoint = feed.endpoint(request.auth_user, request.auth_realm)
    if endpoint is None:
        return refuse(draft, "unknown-endpoint", f"No SIP account {request.auth_user}@{request.auth_realm}.")
    customer = feed.customer(endpoint.customer_id)
    if customer is None:
        return refuse(draft, "unknown-customer", f"Customer {endpoint.customer_id} of the SIP account does not exist.")
    user = feed.user(endpoint.user_id) if endpoint.user_id is not None else None
    draft = replace(
        draft,
        partner_id=customer.partner_id,
        customer_id=customer.id,
        user_id=endpoint.user_id,
        endpoint_id=endpoint.id,
        max_s=customer.max_call_s,
    )
    device = f"{endpoint.username}@{endpoint.domain} of {customer.name}"
    draft = noted(draft, Note(f"{device} dialled “{request.request_user[:40]}”.", customer.partner_id))
    return _by_dialled(_Call(feed, request, endpoint, customer, user, draft, chunk_s))


def _by_dialled(call: _Call) -> Decision:
    wanted, is_hidden = withheld_by_prefix(call.request.request_user, call.customer.country)
    if is_hidden is None:
        is_anonymous = call.request.from_user.lower() == ANONYMOUS  # RFC 3323, 4.1: what phones without Privacy send
        is_hidden = call.endpoint.withholds_caller or asks_privacy(call.request) or is_anonymous
    dialled = normalise(wanted, call.customer.country)
    draft = noted(replace(call.draft, callee=dialled.number, is_withheld=is_hidden), Note(dialled.reason))
    call = replace(call, draft=noted(draft, _own(call, "The caller withholds the number.")) if is_hidden else draft)
    if dialled.kind is DialledKind.EMERGENCY:
        return _emergency(call, dialled.number)
    standing = _standing(call)
    if standing is not None:
        return _refused(call, *standing)
    is_own_domain = _is_own_domain(call.request)
    if not is_own_domain and call.feed.domain(call.request.request_domain) is None:
        note = Note(f"{call.request.request_domain[:60]} is not a domain of this platform.")
        return _refused(call, "unknown-domain", note)
    if dialled.kind is DialledKind.INVALID:
        return _refused(call, "invalid-number")
    if dialled.kind is DialledKind.EXTENSION:
        return _extension(call, dialled.number, is_own_domain)
    if blocked := blacklisted(call.feed, call.customer.partner_id, "called", dialled.number):
        return _refused(call, "called-blacklisted", *blocked)
    number = call.feed.number(dialled.number)
    return _own_number(call, number) if number is not None else _network(call, dialled.number)


def _refused(call: _Call, slug: str, *notes: Note) -> Decision:
    """The refusal with the caller's free chain, so that the customer finds the call among its CDRs."""
    chains = call.draft.chains or (free_chain(ChainKind.ORIGINATING, call.customer, ""),)
    return refuse(noted(replace(call.draft, chains=chains), *notes), slug)


def _standing(call: _Call) -> tuple[str, Note] | None:
    """Why this device, customer or a partner above may not call: slug and sentence; None when all may."""
    if not call.endpoint.is_enabled:
        return "endpoint-disabled", Note(f"{call.endpoint.username}@{call.endpoint.domain} is disabled.")
    return why_barred(call.feed, call.customer)


def _is_own_domain(request: CallRequest) -> bool:
    """Whether the request URI's host is the device's own domain, absent, or an address (then the edge's own)."""
    host = request.request_domain.lower().strip("[]")
    if host in ("", request.auth_realm.lower()):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- emergency


def _emergency(call: _Call, number: str) -> Decision:
    """Never refused for credit, status or barring; free at every tier; 503 only when there is no carrier at all."""
    caller, caller_note = emergency_caller(call.request, call.endpoint, call.user, call.customer)
    choice = choose_emergency_routes(call.feed, _query(call, number, caller))
    draft = replace(
        call.draft,
        direction=Direction.EMERGENCY,
        max_s=LONGEST_S,
        caller=caller,
        targets=choice.targets,
        chains=(free_chain(ChainKind.ORIGINATING, call.customer, "emergency"),),
    )
    draft = noted(draft, _own(call, caller_note), *choice.notes, Note("Emergency calls are free."))
    return refuse(draft, choice.refusal) if choice.refusal else draft


def _own(call: _Call, text: str) -> Note:
    """A sentence about the caller: its partner's business, not that of a called customer's partner."""
    return Note(text, call.customer.partner_id)


# ---------------------------------------------------------------- on-net


def _extension(call: _Call, extension: str, is_own_domain: bool) -> Decision:
    call = replace(call, draft=replace(call.draft, direction=Direction.ONNET))
    callee = call.feed.user_at(call.customer.id, extension) if is_own_domain else None
    if callee is None:
        return _refused(call, "unknown-extension", Note(f"{call.customer.name} has no extension {extension}."))
    if call.user is not None and call.user.extension:
        note = f"{callee.name} sees extension {call.user.extension}."
        return _ring(call, callee, call.customer, call.user.extension, note)
    caller, note = caller_id(call.request, call.endpoint, call.user, call.customer)
    return _ring(call, callee, call.customer, caller, note)


def _own_number(call: _Call, number: Number) -> Decision:
    """A number of the platform's own stock: reached without a carrier, also at another partner."""
    call = replace(call, draft=replace(call.draft, direction=Direction.ONNET, callee_partner_id=number.partner_id))
    callee = call.feed.user(number.user_id) if number.user_id is not None else None
    owner = call.feed.customer(number.customer_id) if number.customer_id is not None else None
    if callee is None or owner is None:
        return _refused(call, "number-unassigned", Note(f"{number.e164} is in stock but assigned to nobody."))
    if not is_reachable(call.feed, owner):
        return _refused(call, "callee-not-in-service", Note(f"{owner.name} is out of service.", owner.partner_id))
    caller, note = caller_id(call.request, call.endpoint, call.user, call.customer)
    if blocked := blacklisted(call.feed, owner.partner_id, "calling", caller):
        return _refused(call, "caller-blacklisted", *blocked)
    return _ring(call, callee, owner, caller, note, "" if number.is_toll_free else number.e164)


def _ring(call: _Call, callee: User, owner: Customer, caller: str, caller_note: str, number: str = NOWHERE) -> Decision:
    """On to `callee`; the called customer has its own chain unless it is the caller itself.

    `number`: by which the caller's lists for calls that stay on the platform are read; "" for none, it is free.
    """
    said = (_own(call, caller_note), Note(f"On-net: {call.draft.callee} is reached without a carrier."))
    call = replace(call, draft=noted(call.draft, *said))
    notes: list[Note] = []
    try:
        paid = _onnet(call, number, notes)
    except NotPriced as problem:
        return _refused(call, problem.slug, *notes, problem.note)
    losses = resale_losses(call.feed, paid, notes)
    call = replace(call, draft=replace(call.draft, losses=tuple(losses)))
    if not all(loss.is_allowed for loss in losses):
        return _refused(call, REFUSED, *notes)
    chains: list[Chain] = [paid]
    if owner.id != call.customer.id:
        chains.append(free_chain(ChainKind.TERMINATING, owner, "received call"))
    draft = replace(
        call.draft,
        callee_partner_id=owner.partner_id,
        callee_customer_id=owner.id,
        callee_user_id=callee.id,
        caller=caller,
        caller_name=call.user.name if call.user else "",
        chains=tuple(chains),
        holds=holds_for(call.feed, call.customer, paid, call.chunk_s, call.draft.max_s),
    )
    return reach(call.feed, noted(draft, *notes), callee, owner, call.chunk_s)


def _onnet(call: _Call, number: str, notes: list[Note]) -> Chain:
    if not number:
        return free_chain(ChainKind.ORIGINATING, call.customer, "on-net")
    return onnet_chain(call.feed, call.customer, number, "on-net", notes)


# ---------------------------------------------------------------- telephone network


def _query(call: _Call, number: str, caller: str) -> RouteQuery:
    customer = call.customer
    return RouteQuery(
        customer.partner_id,
        customer.id,
        customer.web_product_id,
        number,
        customer.country.upper(),
        caller,
        call.request.sip_call_id,
    )


def _network(call: _Call, number: str) -> Decision:
    barred = why_destination_barred(call.customer, number)
    if barred is not None:
        return _refused(call, "destination-barred", barred)
    caller, caller_note = caller_id(call.request, call.endpoint, call.user, call.customer)
    choice = choose_routes(call.feed, _query(call, number, caller))
    draft = noted(replace(call.draft, caller=caller), _own(call, caller_note), *choice.notes)
    if choice.refusal or choice.owner is None:
        return _refused(replace(call, draft=draft), choice.refusal or "no-route")
    notes: list[Note] = []
    try:
        chain = priced_chain(call.feed, call.customer, choice.owner.id, number, notes)
    except NotPriced as problem:
        return _refused(replace(call, draft=noted(draft, *notes)), problem.slug, problem.note)
    choice = without_loss(call.feed, choice, chain, notes)
    draft = replace(draft, losses=choice.losses)
    if choice.refusal:
        return _refused(replace(call, draft=noted(draft, *notes)), choice.refusal)
    chain = with_bundles(call.feed, chain, call.customer, call.draft.user_id, number)
    holds = holds_for(call.feed, call.customer, chain, call.chunk_s, draft.max_s)
    return noted(replace(draft, targets=choice.targets, chains=(chain,), holds=holds), *notes)
