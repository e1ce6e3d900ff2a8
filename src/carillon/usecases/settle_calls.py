"""Finished calls become CDRs: one row per charge chain and tier, the hold given back, the charge noted for the ledger.

One transaction per batch: after a crash at any point a call is either rated with everything that belongs to it or still
waiting. A call whose data can't be understood is put off with a log line and never stops the others.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.base.errors import Conflict, NotFound
from carillon.business.billing.choices import AccountKind, HoldState
from carillon.business.billing.ledger import Change, book_account, change_accounts
from carillon.business.billing.models import CreditWindow, Hold, UnpostedCharge
from carillon.business.calls.choices import CallState, Tab
from carillon.business.calls.facts import Happening, Held, facts_of, is_loss, refusal_of
from carillon.business.calls.models import Call, CallEvent, Cdr
from carillon.business.customers.models import Customer, User
from carillon.business.partners.models import Partner
from carillon.business.reports.actions import add_to_hours
from carillon.logic.callflow.charging import outcome_of, settle
from carillon.logic.callflow.explanation import shown_caller
from carillon.logic.callflow.forwarding import refuse_unpaid
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.refusals import REFUSALS
from carillon.logic.callflow.values import (
    CallFacts,
    CdrDraft,
    ChainKind,
    Decision,
    Direction,
    Outcome,
)
from carillon.logic.documents import from_document, to_brief_document

log = logging.getLogger("carillon.calls")
PUT_OFF = timedelta(minutes=5)
CALLED_ALL_THE_SAME = ("no-device", "callee-cannot-pay")


@dataclass(frozen=True, slots=True)
class _Settled:
    """A finished call with what it costs; nothing is written yet."""

    call: Call
    decision: Decision
    facts: CallFacts
    drafts: tuple[CdrDraft, ...]
    is_refused_late: bool  # by the database, after the decision


@action("cdrs.settle")
def settle_due_calls(actor: Actor, *, limit: int = 100) -> int:
    """Rate the calls that have ended, oldest first, and return how many were taken on.

    Calls that another worker has in hand are passed over. Cost: about thirteen queries for the whole batch.
    """
    rows = Call.objects.visible_to(actor).filter(state=CallState.ENDED, due_at__lte=Now())
    calls = list(rows.select_for_update(skip_locked=True).order_by("due_at")[:limit])
    _settle_each(actor, calls)
    return len(calls)


@action("cdrs.settle")
def settle_call(actor: Actor, call_id: uuid.UUID) -> list[Cdr]:
    """Rate one call at once and return its CDRs; those it has when it is rated already.

    Raises:
        NotFound
        Conflict: the call has not ended.
    """
    call = Call.objects.visible_to(actor).select_for_update().filter(pk=call_id).first()
    if call is None:
        raise NotFound(_("There is no call %(call_id)s.") % {"call_id": call_id})
    if call.state not in (CallState.ENDED, CallState.RATED):
        raise Conflict(_("The call is still going on."))
    if call.state == CallState.ENDED:
        _settle(actor, [call])
    return list(Cdr.objects.filter(call_id=call_id).order_by("chain", "is_carrier_cost", "tier"))


def _settle_each(actor: Actor, calls: Sequence[Call]) -> None:
    """Rate all at once; if that fails, one by one, and put off those that can't be rated."""
    try:
        with transaction.atomic():
            _settle(actor, calls)
    except OperationalError:  # the database, not a call: the whole batch stays for later
        raise
    except Exception:
        if len(calls) > 1:
            for call in calls:
                _settle_each(actor, [call])
            return
        log.exception("Call %s can't be rated; it is tried again in %s", calls[0].pk, PUT_OFF)
        Call.objects.filter(pk=calls[0].pk).update(due_at=Now() + PUT_OFF)


def _settle(actor: Actor, calls: Sequence[Call]) -> None:
    if not calls:
        return
    ids = [call.pk for call in calls]
    happenings: dict[uuid.UUID, list[Happening]] = defaultdict(list)
    for event in CallEvent.objects.filter(call_id__in=ids):
        happenings[event.call_id].append(Happening(event.kind, event.at_ms, event.detail))
    rows = Hold.objects.select_for_update().filter(call_id__in=ids, state=HoldState.OPEN).order_by("pk")
    holds: dict[uuid.UUID, list[Hold]] = defaultdict(list)
    for hold in rows:
        holds[hold.call_id].append(hold)
    settled = [_priced(call, happenings[call.pk], holds[call.pk]) for call in calls]
    cdrs = Cdr.objects.bulk_create(_cdrs(settled))
    add_to_hours(actor, ids)
    _charge(cdrs, [(hold, call.edge) for call in calls for hold in holds[call.pk]])
    _use_bundles(settled, list(rows))
    # decisions are long: only those that the database refused after all are written again
    Call.objects.bulk_update([item.call for item in settled if item.is_refused_late], ["decision"])
    Call.objects.filter(pk__in=ids).update(state=CallState.RATED)


def _priced(call: Call, happenings: list[Happening], holds: Sequence[Hold]) -> _Settled:
    decision = from_document(Decision, call.decision)
    slug = refusal_of(happenings)
    is_refused_late = decision.refusal is None and slug in REFUSALS
    if is_refused_late:
        decision = refuse_unpaid(decision, slug)
        call.decision = to_brief_document(decision)
    facts = facts_of(
        _ms(call.started_at),
        happenings,
        now_ms=int(time.time() * 1000),
        held=Held(
            tuple((hold.chain_no, hold.amount_micro) for hold in holds),
            tuple((hold.chain_no, account_id, micro) for hold in holds for account_id, micro in hold.upper),
            tuple((hold.chain_no, one, seconds) for hold in holds for one, seconds in hold.bundles),
        ),
    )
    drafts = settle(decision, facts) or (_unowned(call, decision, facts),)
    return _Settled(call, decision, facts, drafts, is_refused_late)


def _unowned(call: Call, decision: Decision, facts: CallFacts) -> CdrDraft:
    """The row of a call that concerns no customer, such as a stranger's to a number nobody has."""
    refusal = decision.refusal
    explanation: dict[str, object] = {
        "kind": "sale",
        "free_reason": refusal.reason if refusal else facts.reason,
        "reason": refusal.reason if refusal else facts.reason,
        "refusal": refusal.slug if refusal else None,
        "dialled": decision.dialled,
        "notes": notes_for(decision, {call.partner_id}),
    }
    return CdrDraft(
        chain=ChainKind.TERMINATING if decision.direction is Direction.INBOUND else ChainKind.ORIGINATING,
        tier=0,
        seller_partner_id=call.partner_id,
        buyer_partner_id=None,
        customer_id=None,
        account_id=None,
        gateway_id=None,
        outcome=outcome_of(decision, facts),
        duration_ms=0,
        billed_s=0,
        amount_micro=0,
        currency="",
        explanation=explanation,
    )


# ---------------------------------------------------------------- rows


@dataclass(frozen=True, slots=True)
class _Names:
    """Names as they are now: a CDR keeps them as text."""

    customers: dict[int, str]
    users: dict[int, str]
    currencies: dict[int, str]


def _cdrs(settled: Sequence[_Settled]) -> list[Cdr]:
    names = _names(settled)
    return [_cdr(item, draft, names) for item in settled for draft in item.drafts]


def _names(settled: Sequence[_Settled]) -> _Names:
    customers = {draft.customer_id or 0 for item in settled for draft in item.drafts}
    users = {_user_of(item.decision, draft) or 0 for item in settled for draft in item.drafts}
    sellers = {draft.seller_partner_id for item in settled for draft in item.drafts if not draft.currency}
    return _Names(
        dict(Customer.objects.filter(pk__in=customers).values_list("pk", "name")),
        dict(User.objects.filter(pk__in=users).values_list("pk", "name")),
        dict(Partner.objects.filter(pk__in=sellers).values_list("pk", "currency")) if sellers else {},
    )


def _cdr(item: _Settled, draft: CdrDraft, names: _Names) -> Cdr:
    call, decision, facts = item.call, item.decision, item.facts
    user_id = _user_of(decision, draft)
    is_customers = draft.tier == 0 and draft.customer_id is not None
    refusal = decision.refusal
    return Cdr(
        partner_id=draft.seller_partner_id,
        started_on=call.started_at.astimezone(UTC).date(),
        call_id=call.pk,
        chain=draft.chain.value,
        chain_no=draft.chain_no,
        tier=draft.tier,
        tab=_tab(draft, decision),
        is_carrier_cost=draft.gateway_id is not None,
        buyer_partner_id=draft.buyer_partner_id,
        customer_id=draft.customer_id,
        customer_name=names.customers.get(draft.customer_id or 0, "")[:100],
        user_id=user_id if is_customers else None,
        user_name=names.users.get(user_id or 0, "")[:100] if is_customers else "",
        account_id=draft.account_id or None,
        gateway_id=draft.gateway_id,
        gateway_name=str(draft.explanation.get("seller") or "")[:100] if draft.gateway_id is not None else "",
        direction=decision.direction.value,
        caller=shown_caller(decision, draft.chain)[:64],
        callee=draft.callee[:64] or call.callee or decision.dialled[:64],
        destination=str(draft.explanation.get("rate_name") or "")[:100],
        started_at=call.started_at,
        answered_at=_at(facts.answered_ms) if facts.answered_ms is not None else None,
        ended_at=_at(facts.ended_ms),
        ring_ms=None if facts.rang_ms is None else max(facts.rang_ms - facts.started_ms, 0),
        duration_ms=draft.duration_ms,
        billed_s=draft.billed_s,
        outcome=draft.outcome.value,
        sip_code=min(refusal.sip_code if refusal else facts.sip_code, 999),
        sip_reason=str(draft.explanation.get("reason") or "")[:200],  # as this tier may read it
        currency=draft.currency or names.currencies.get(draft.seller_partner_id, ""),
        amount_micro=draft.amount_micro,
        is_loss=is_loss(draft.explanation),
        explanation=draft.explanation,
    )


def _user_of(decision: Decision, draft: CdrDraft) -> int | None:
    if draft.user_id is not None:
        return draft.user_id
    return decision.callee_user_id if draft.chain is ChainKind.TERMINATING else decision.user_id


def _tab(draft: CdrDraft, decision: Decision) -> Tab:
    """Dialled: what the customer placed; received and missed: what reached its phones; other: what we refused."""
    is_refused = draft.outcome is Outcome.REFUSED
    if draft.chain is not ChainKind.TERMINATING:
        return Tab.OTHER if is_refused else Tab.DIALLED
    if draft.outcome is Outcome.ANSWERED:
        return Tab.RECEIVED
    # a person without a device, or whose company can't pay for the call, was called all the same
    has_customer = draft.customer_id is not None or draft.buyer_partner_id is not None
    is_missed = has_customer and (not is_refused or (decision.refusal and decision.refusal.slug in CALLED_ALL_THE_SAME))
    return Tab.MISSED if is_missed else Tab.OTHER


# ---------------------------------------------------------------- money


def _charge(cdrs: Sequence[Cdr], holds: Sequence[tuple[Hold, str]]) -> None:
    """Give the holds back, each with its call's edge, and note the charges.

    A call's shares leave the windows of its edge in the transaction that notes what it costs the tiers above. Their
    rows are locked once per batch.
    """
    UnpostedCharge.objects.bulk_create(_unposted(cdrs))
    Hold.objects.filter(pk__in=[hold.pk for hold, _account in holds]).update(state=HoldState.SETTLED)
    shares = _shares(holds)
    held, calls, charged = Counter[int](), Counter[int](), Counter[int]()
    for hold, _account in holds:
        held[hold.account_id] += hold.amount_micro
        calls[hold.account_id] += 1
    for (account_id, _edge), micro in shares.items():
        held[account_id] += micro
    for cdr in cdrs:
        if cdr.amount_micro and cdr.account_id and not cdr.is_carrier_cost:
            charged[cdr.account_id] += cdr.amount_micro
    change_accounts(
        {
            account_id: Change(
                reserved_micro=-held[account_id],
                unposted_micro=charged[account_id],
                open_calls=-calls[account_id],
            )
            for account_id in held.keys() | charged.keys()
        }
    )
    _shrink_windows(shares)


# In ascending id, as callfeed's functions lock them: after the accounts.
_USE = """
    with locked as materialized (
        select id from catalogue_allowance where id = any(%(ids)s) order by id for no key update
    )
    update catalogue_allowance a set used = a.used + d.used, reserved = a.reserved - d.held
    from locked l
    join unnest(%(ids)s::bigint[], %(used)s::bigint[], %(held)s::bigint[]) d (id, used, held) on d.id = l.id
    where a.id = l.id
"""


def _use_bundles(settled: Sequence[_Settled], holds: Sequence[Hold]) -> None:
    """Let allowances keep what the calls have used up, and have back what else was set aside.

    Their customers' accounts are locked. No query when no call had a bundle.
    """
    used, held = Counter[int](), Counter[int]()
    for hold in holds:
        held.update(dict(hold.bundles))
    if not held:
        return
    for item in settled:
        for draft in item.drafts:
            used.update(dict(draft.bundles))
    ids = sorted(held)
    with connection.cursor() as cursor:
        cursor.execute(_USE, {"ids": ids, "used": [used[one] for one in ids], "held": [held[one] for one in ids]})


def _shares(holds: Sequence[tuple[Hold, str]]) -> Counter[tuple[int, str]]:
    """What the calls have of the credit windows: micro-units by account and edge."""
    shares = Counter[tuple[int, str]]()
    for hold, edge in holds:
        for account_id, micro in hold.upper:
            shares[account_id, edge] += micro
    return shares


def _shrink_windows(shares: Mapping[tuple[int, str], int]) -> None:
    """Their accounts are locked, so nobody else changes the windows."""
    windows = list(CreditWindow.objects.filter(account__in={account_id for account_id, _share in shares}))
    for window in windows:
        window.granted_micro -= shares.get((window.account_id, window.edge), 0)
    CreditWindow.objects.bulk_update(windows, ["granted_micro"])


def _unposted(cdrs: Sequence[Cdr]) -> Iterator[UnpostedCharge]:
    """Charges for the ledger: on the buyer's account, a carrier's cost on what the gateway's owner owes."""
    costs = {(cdr.partner_id, cdr.currency) for cdr in cdrs if cdr.is_carrier_cost and cdr.amount_micro}
    payable = {(owner, currency): book_account(AccountKind.PAYABLE, owner, currency).pk for owner, currency in costs}
    for cdr in cdrs:
        account_id = payable.get((cdr.partner_id, cdr.currency)) if cdr.is_carrier_cost else cdr.account_id
        if account_id and cdr.amount_micro:
            yield UnpostedCharge(
                partner_id=cdr.partner_id,
                cdr_id=cdr.pk,
                account_id=account_id,
                amount_micro=cdr.amount_micro,
                minute=cdr.ended_at.replace(second=0, microsecond=0),
            )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
