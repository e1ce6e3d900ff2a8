"""Reaching a user of ours: their phones, or wherever they have forwarded their calls, at their expense.

A forwarding is a call of the forwarder's customer: read by its dial plan, routed and priced as if dialled by it, with
a chain and a hold of its own. The caller's chains stay as they are. Unconditional forwarding and users without a device
are decided at once (`reach`); busy, no answer, nobody registered and a phone's own redirection come after an attempt,
and the edge asks again (`forward_after`).

At most MAX_FORWARDS per call, those of other networks counted, and never back to the caller or to somebody who has
forwarded already. A circle through the telephone network shows by the forwarder's own number as the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

from carillon.logic.callflow.blacklist import blacklisted
from carillon.logic.callflow.bundles import with_bundles
from carillon.logic.callflow.callerid import ANONYMOUS
from carillon.logic.callflow.feed import (
    Customer,
    Feed,
    User,
)
from carillon.logic.callflow.lossguard import resale_losses, without_loss
from carillon.logic.callflow.notes import Note, noted
from carillon.logic.callflow.phrases import BECAUSE
from carillon.logic.callflow.pricelists import NOWHERE
from carillon.logic.callflow.pricing import NotPriced, free_chain, holds_for, onnet_chain, priced_chain
from carillon.logic.callflow.refusals import REFUSALS, refuse
from carillon.logic.callflow.standing import is_reachable, why_barred, why_destination_barred
from carillon.logic.callflow.values import (
    Cause,
    Chain,
    ChainKind,
    Decision,
    Direction,
    Diversion,
    Forward,
    HoldRequest,
    Target,
)
from carillon.logic.copies import replace
from carillon.logic.numbers import DialledKind, is_extension, normalise
from carillon.logic.routing import RouteChoice, RouteQuery, caller_for, choose_routes, formatted

MAX_FORWARDS = 5
RING_S = 60


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the edge asks again: the target at index `target` failed; `contact` is where a 3xx points, as dialled."""

    cause: Cause
    target: int
    contact: str = ""


@dataclass(frozen=True, slots=True)
class _Called:
    """Who is to be reached, and by which number or extension."""

    user: User
    owner: Customer
    number: str


class _NotReached(Exception):
    """Nobody can be rung; `slug` names the refusal, the notes say why."""

    def __init__(self, slug: str, *notes: Note) -> None:
        super().__init__(slug)
        self.slug, self.notes = slug, notes


def reach(feed: Feed, draft: Decision, user: User, owner: Customer, chunk_s: int) -> Decision:
    """The draft, whose chains are complete, with targets for `user` of `owner`; or refused.

    Refusals: `no-device`, and of a forwarding that can't be done `not-forwarded` or `forwarding-loop`. Raises only what
    the feed raises.
    """
    try:
        return _reached(feed, draft, _Called(user, owner, draft.callee), chunk_s)
    except _NotReached as problem:
        return refuse(noted(draft, *problem.notes), problem.slug)


def forward_after(feed: Feed, decision: Decision, failure: Failure, chunk_s: int) -> Decision | None:
    """The decision with further targets, chain and hold for whoever the call is forwarded to after a failure.

    Without further targets, but with notes why, when the forwarding can't be done; None when there is none.
    """
    target = decision.targets[failure.target] if 0 <= failure.target < len(decision.targets) else None
    user = feed.user(target.user_id) if target is not None and target.user_id is not None else None
    owner = feed.customer(user.customer_id) if user is not None else None
    if target is None or user is None or owner is None:
        return None
    dialled = failure.contact if failure.cause is Cause.REDIRECTED else _destination(user, failure.cause)
    if not dialled and failure.cause is not Cause.REDIRECTED:
        return None
    try:
        return _forwarded(feed, decision, _Called(user, owner, target.number), failure.cause, dialled, chunk_s)
    except _NotReached as problem:
        return noted(decision, *problem.notes)


def refuse_unpaid(decision: Decision, slug: str, hold: HoldRequest | None = None) -> Decision:
    """The decision refused for what the database answered about a hold (None: the first), told to whom it concerns.

    A caller is not told that a forwarder or whoever pays for being called has no money: it hears that the called user
    can't be reached.
    """
    refused = hold or next(iter(decision.holds), None)
    place = refused.chain if refused is not None else 0
    payer = decision.chains[place] if place < len(decision.chains) else None
    if payer is not None and payer.kind is ChainKind.TERMINATING and slug != "channels-exhausted":
        text = f"The called customer can't pay for this call: {REFUSALS[slug].reason}."
        return refuse(noted(decision, Note(text, payer.partner_id)), "callee-cannot-pay")
    if payer is None or payer.kind is not ChainKind.FORWARDING:
        return refuse(decision, slug)
    return refuse(noted(decision, unpaid_note(decision, slug)), "not-forwarded")


def unpaid_note(decision: Decision, slug: str) -> Note:
    """That the last forwarding of the decision can't be paid, for the forwarder's partner."""
    last = decision.forwards[-1]
    return Note(f"{last.name} can't forward the call: {REFUSALS[slug].reason}.", last.partner_id)


# ---------------------------------------------------------------- one user


def _reached(feed: Feed, draft: Decision, called: _Called, chunk_s: int) -> Decision:
    user = called.user
    if user.forward_always:
        return _forwarded(feed, draft, called, Cause.ALWAYS, user.forward_always, chunk_s)
    if user.endpoints:
        return _rung(draft, called)
    if user.forward_unreachable:
        return _forwarded(feed, draft, called, Cause.UNREACHABLE, user.forward_unreachable, chunk_s)
    raise _NotReached("no-device", Note(f"{user.name} has no device.", called.owner.partner_id))


def _rung(draft: Decision, called: _Called) -> Decision:
    user, owner = called.user, called.owner
    own = tuple(cause for cause in (Cause.BUSY, Cause.NO_ANSWER, Cause.UNREACHABLE) if _destination(user, cause))
    target = Target(
        "contacts",
        contacts=user.endpoints,
        trunks=user.trunks,
        number=called.number,
        caller=_caller_at_phones(draft, owner),
        ring_timeout_s=user.no_answer_s if user.forward_no_answer else RING_S,
        chain=len(draft.chains) - 1,
        user_id=user.id,
        asks=(*own, Cause.REDIRECTED),
        diversions=tuple(Diversion(f.number or f.extension, f.cause) for f in draft.forwards),
    )
    note = Note(f"{user.name} of {owner.name} is rung.", owner.partner_id)
    return noted(replace(draft, targets=(*draft.targets, target)), note)


def _destination(user: User, cause: Cause) -> str:
    return {
        Cause.ALWAYS: user.forward_always,
        Cause.BUSY: user.forward_busy,
        Cause.NO_ANSWER: user.forward_no_answer,
        Cause.UNREACHABLE: user.forward_unreachable,
    }.get(cause, "")


# ---------------------------------------------------------------- one forwarding


def _forwarded(feed: Feed, draft: Decision, called: _Called, cause: Cause, dialled: str, chunk_s: int) -> Decision:
    user, owner = called.user, called.owner
    if len(draft.forwards) + draft.request.diversions >= MAX_FORWARDS:
        raise _NotReached("forwarding-loop", Note(f"The call was forwarded {MAX_FORWARDS} times already."))
    barred = why_barred(feed, owner)
    if barred is not None:
        raise _NotReached("not-forwarded", barred[1])
    read = normalise(dialled, owner.country)
    text = f"Forwarded by {user.name} ({BECAUSE[cause]}) to “{dialled[:40]}”: {read.reason}"
    number = called.number if called.number.startswith("+") else user.caller_id or owner.default_caller_id
    forward = Forward(cause, user.id, owner.id, owner.partner_id, user.name, number, user.extension, read.number)
    draft = noted(replace(draft, forwards=(*draft.forwards, forward)), Note(text, owner.partner_id))
    if draft.direction is Direction.INBOUND and draft.caller == number:  # our own forwarding has come back to us
        raise _loop(draft)
    if read.kind is DialledKind.EXTENSION:
        callee = feed.user_at(owner.id, read.number)
        return _to_user(feed, draft, called, callee, owner, chunk_s)
    if read.kind is not DialledKind.E164:  # emergency services are only called by whoever needs them
        raise _not_done(draft)
    if blocked := blacklisted(feed, owner.partner_id, "called", read.number):
        raise _not_done(draft, *(replace(note, partner_id=note.partner_id or owner.partner_id) for note in blocked))
    found = feed.number(read.number)
    if found is None:
        return _to_network(feed, draft, called, chunk_s)
    callee = feed.user(found.user_id) if found.user_id is not None else None
    owner_there = feed.customer(found.customer_id) if found.customer_id is not None else None
    return _to_user(feed, draft, called, callee, owner_there, chunk_s)


def _not_done(draft: Decision, *notes: Note) -> _NotReached:
    last = draft.forwards[-1]
    text = Note(f"{last.name} can't forward the call to {last.destination or 'this number'}.", last.partner_id)
    return _NotReached("not-forwarded", *notes, text)


def _to_user(
    feed: Feed, draft: Decision, called: _Called, callee: User | None, owner: Customer | None, chunk_s: int
) -> Decision:
    """On to a user of ours: the forwarder's chain, priced as calls on the platform are, and one of the called customer
    if it is another.
    """
    if callee is None or owner is None or not is_reachable(feed, owner):
        raise _not_done(draft)
    if callee.id in _seen(draft):
        raise _loop(draft)
    destination = draft.forwards[-1].destination
    notes: list[Note] = []
    try:
        paid = _onnet(feed, called.owner, destination, notes)
    except NotPriced as problem:
        raise _not_done(draft, *notes, problem.note) from None
    losses = resale_losses(feed, paid, notes)
    if not all(loss.is_allowed for loss in losses):
        raise _not_done(draft, *notes)
    draft = replace(draft, losses=(*draft.losses, *losses))
    place, max_s = len(draft.chains), min(draft.max_s, called.owner.max_call_s)
    holds = holds_for(feed, called.owner, paid, chunk_s, max_s, place=place)
    if holds:
        draft = replace(draft, max_s=max_s, holds=(*draft.holds, *holds))
    chains = [_forwarding(paid, called, destination)]
    if owner.id != called.owner.id:
        received = free_chain(ChainKind.TERMINATING, owner, "received call")
        chains.append(replace(received, user_id=callee.id, callee=destination))
    draft = noted(replace(draft, chains=(*draft.chains, *chains)), *notes)
    return _reached(feed, draft, _Called(callee, owner, destination), chunk_s)


def _onnet(feed: Feed, payer: Customer, destination: str, notes: list[Note]) -> Chain:
    """What the forwarder pays for a call to an extension or a number of ours; a toll-free one's owner pays."""
    number = feed.number(destination) if destination.startswith("+") else None
    if number is not None and number.is_toll_free:
        return free_chain(ChainKind.FORWARDING, payer, "forwarded on-net")
    return onnet_chain(feed, payer, destination if number is not None else NOWHERE, "forwarded on-net", notes)


def _seen(draft: Decision) -> set[int | None]:
    """Users that the call must not come back to: who placed it and who has forwarded it."""
    return {draft.user_id, *(forward.user_id for forward in draft.forwards)} - {None}


def _loop(draft: Decision) -> _NotReached:
    last = draft.forwards[-1]
    return _NotReached("forwarding-loop", Note(f"{last.name} forwards the call in a circle.", last.partner_id))


def _forwarding(chain: Chain, called: _Called, destination: str) -> Chain:
    return replace(chain, kind=ChainKind.FORWARDING, user_id=called.user.id, callee=destination)


# ---------------------------------------------------------------- to the telephone network


def _to_network(feed: Feed, draft: Decision, called: _Called, chunk_s: int) -> Decision:
    """On to a carrier, as if the forwarder's customer had dialled: its routes, its prices, its money."""
    owner, number = called.owner, draft.forwards[-1].destination
    if number == draft.caller:
        raise _loop(draft)
    barred = why_destination_barred(owner, number)
    if barred is not None:
        raise _not_done(draft, replace(barred, partner_id=owner.partner_id))
    caller, caller_note = _caller_outside(draft, called)
    country, call = owner.country.upper(), draft.request.sip_call_id
    query = RouteQuery(owner.partner_id, owner.id, owner.web_product_id, number, country, caller, call)
    choice = choose_routes(feed, query)
    if choice.refusal or choice.owner is None:
        raise _not_done(draft, *choice.notes)
    notes: list[Note] = []
    try:
        chain = priced_chain(feed, owner, choice.owner.id, number, notes)
    except NotPriced as problem:
        raise _not_done(draft, *choice.notes, *notes, problem.note) from None
    choice = without_loss(feed, choice, chain, notes)
    if choice.refusal:
        raise _not_done(draft, *choice.notes, *notes)
    draft = replace(draft, losses=(*draft.losses, *choice.losses))
    chain = with_bundles(feed, chain, owner, called.user.id, number)
    place, max_s = len(draft.chains), min(draft.max_s, owner.max_call_s)
    draft = replace(
        draft,
        max_s=max_s,
        chains=(*draft.chains, _forwarding(chain, called, number)),
        holds=(*draft.holds, *holds_for(feed, owner, chain, chunk_s, max_s, place=place)),
        targets=(*draft.targets, *_carriers(feed, draft, choice, place)),
    )
    return noted(draft, caller_note, *choice.notes, *notes)


def _carriers(feed: Feed, draft: Decision, choice: RouteChoice, place: int) -> tuple[Target, ...]:
    """The route's targets, each told in its own format who forwarded the call, and who called if it may be."""
    targets = []
    for target in choice.targets:
        gateway = feed.gateway(target.gateway_id) if target.gateway_id is not None else None
        shown = [(f.number, f.cause) for f in draft.forwards if f.number and gateway is not None]
        diversions = tuple(Diversion(formatted(number, gateway), cause) for number, cause in shown if gateway)
        if gateway is not None and gateway.style.shows_foreign_caller and draft.caller.startswith("+"):
            target = replace(target, caller=caller_for(draft.caller, gateway))
        targets.append(replace(target, chain=place, diversions=diversions))
    return tuple(targets)


# ---------------------------------------------------------------- who is calling


def _caller_outside(draft: Decision, called: _Called) -> tuple[str, Note]:
    """The number shown to carriers: only one that the forwarder's customer may show itself."""
    owner = called.owner
    if draft.caller in owner.caller_ids:
        return draft.caller, Note(f"Caller ID {draft.caller}: one of {owner.name}'s numbers.", owner.partner_id)
    own = called.user.caller_id or owner.default_caller_id
    text = f"Caller ID {own}: {called.user.name}'s, who forwards." if own else "Caller ID withheld."
    return own, Note(text, owner.partner_id)


def _caller_at_phones(draft: Decision, owner: Customer) -> str:
    """Who the called phones are told is calling: as the caller was shown, but an extension only at its own customer."""
    payers = [chain.customer_id for chain in draft.chains if chain.kind is ChainKind.ORIGINATING]
    is_foreign = bool(draft.forwards) and owner.id not in payers
    if not is_foreign or draft.caller == ANONYMOUS or not is_extension(draft.caller, ""):
        return draft.caller
    return draft.forwards[-1].number
