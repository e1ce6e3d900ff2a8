"""Finished calls become CDRs: one row per charge chain and tier, the hold given back, the charge noted for the ledger.

One transaction per batch: after a crash at any point a call is either rated with everything that belongs to it or still
waiting. A call whose data can't be understood is put off with a log line and never stops the others.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import OperationalError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.base.errors import Conflict, NotFound
from carillon.base.statements import array, by_index, records, run
from carillon.business.billing.choices import AccountKind
from carillon.business.billing.holds import CallCharge, OpenHold, open_holds, settle_holds
from carillon.business.billing.ledger import book_account_ids
from carillon.business.calls.cdrs import CdrRow, write_cdrs
from carillon.business.calls.choices import CallState, Tab
from carillon.business.calls.facts import Happening, Held, facts_of, is_loss, refusal_of
from carillon.business.calls.models import Call, Cdr
from carillon.business.partners.models import Partner
from carillon.business.reports.actions import add_to_hours
from carillon.logic import jsontext
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


class _Call(NamedTuple):
    """What is read of a finished call; `started_at` and `started_on` (UTC) as a CDR has them."""

    id: str
    partner_id: int
    edge: str
    callee: str
    started_at: str
    started_on: str
    started_ms: int
    decision: str


@dataclass(frozen=True, slots=True)
class _Settled:
    """A finished call with what it costs; nothing is written yet."""

    call: _Call
    decision: Decision
    facts: CallFacts
    drafts: tuple[CdrDraft, ...]
    is_refused_late: bool  # by the database, after the decision


@action("cdrs.settle")
def settle_due_calls(actor: Actor, *, limit: int = 100) -> int:
    """Rate the calls that have ended, oldest first, and return how many were taken on.

    Calls that another worker has in hand are passed over, and while new calls wait for their decisions those that ended
    in the last minute. Cost: about eleven queries for the whole batch.
    """
    by_index()
    rows = run(_DUE.format(limit=limit), {"scope": array(actor.scope)})
    calls = [_Call(*row) for row in rows]
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
        _settle(actor, [_Call(*row) for row in run(_ONE, {"id": str(call_id)})])
    return list(Cdr.objects.filter(call_id=call_id).order_by("chain", "is_carrier_cost", "tier"))


def _settle_each(actor: Actor, calls: Sequence[_Call]) -> None:
    """Rate all at once; if that fails, one by one, and put off those that can't be rated."""
    if not calls:
        return
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
        log.exception("Call %s can't be rated; it is tried again in %s", calls[0].id, PUT_OFF)
        Call.objects.filter(pk=calls[0].id).update(due_at=Now() + PUT_OFF)


def _settle(actor: Actor, calls: Sequence[_Call]) -> None:
    ids = array(call.id for call in calls)
    happenings: dict[str, list[Happening]] = defaultdict(list)
    for call_id, kind, at_ms, detail in run(_EVENTS, {"calls": ids}):
        happenings[call_id].append(Happening(kind, at_ms, jsontext.decode(detail)))
    rows = open_holds(ids)
    holds: dict[str, list[OpenHold]] = defaultdict(list)
    for hold in rows:
        holds[hold.call_id].append(hold)
    settled = [_priced(call, happenings[call.id], holds[call.id]) for call in calls]
    cdrs = _cdrs(settled)
    charges = list(_charges(cdrs, write_cdrs(cdrs)))
    add_to_hours(actor, [call.id for call in calls])
    # decisions are long: only those that the database refused after all are written again
    for item in settled:
        if item.is_refused_late:
            run(_REFUSED, {"id": item.call.id, "decision": jsontext.encode(to_brief_document(item.decision)).decode()})
    run(_RATED, {"calls": ids})
    settle_holds([(hold, call.edge) for call in calls for hold in holds[call.id]], charges)
    _use_bundles(settled, rows)


# ---------------------------------------------------------------- what is read


_WANTED = """
    select id::text, partner_id, edge, callee, started_at::text, (started_at at time zone 'UTC')::date::text,
           round(extract(epoch from started_at) * 1000)::bigint, decision::text
"""
# The rows are found, sorted and locked first: long decisions are read of those alone. While calls wait for a decision
# (`callfeed.do_calls_wait`) those that are over leave them the machine for a minute; what they have is their hold.
_DUE = f"""
    {_WANTED}
    from (
        select * from calls_call
        where state = 'ended'
          and due_at <= now() - case when (select callfeed.do_calls_wait()) then interval '60 s' else interval '0' end
          and (partner_id = any(%(scope)s::bigint[]) or callee_partner_id = any(%(scope)s::bigint[]))
        order by due_at limit {{limit:d}} for update skip locked
    ) c
"""  # noqa: S608 - constants
_ONE = f"{_WANTED} from calls_call where id = %(id)s::uuid"
_EVENTS = "select call_id::text, kind, at_ms, detail::text from calls_callevent where call_id = any(%(calls)s::uuid[])"
_NAMES = """
    select true, id, name from customers_customer where id = any(%(customers)s::bigint[])
    union all
    select false, id, name from customers_user where id = any(%(users)s::bigint[])
"""
_REFUSED = "update calls_call set decision = %(decision)s::jsonb where id = %(id)s::uuid"
_RATED = "update calls_call set state = 'rated' where id = any(%(calls)s::uuid[])"


def _priced(call: _Call, happenings: list[Happening], holds: Sequence[OpenHold]) -> _Settled:
    decision = from_document(Decision, jsontext.decode(call.decision))
    slug = refusal_of(happenings)
    is_refused_late = decision.refusal is None and slug in REFUSALS
    if is_refused_late:
        decision = refuse_unpaid(decision, slug)
    facts = facts_of(
        call.started_ms,
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


def _unowned(call: _Call, decision: Decision, facts: CallFacts) -> CdrDraft:
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


def _cdrs(settled: Sequence[_Settled]) -> list[CdrRow]:
    names = _names(settled)
    return [_cdr(item, draft, names) for item in settled for draft in item.drafts]


def _names(settled: Sequence[_Settled]) -> _Names:
    drafts = [(item, draft) for item in settled for draft in item.drafts]
    customers = {draft.customer_id for _item, draft in drafts if draft.customer_id}
    users = {_user_of(item.decision, draft) for item, draft in drafts} - {None}
    sellers = {draft.seller_partner_id for _item, draft in drafts if not draft.currency}
    found = run(_NAMES, {"customers": array(customers), "users": array(users)})
    return _Names(
        {row_id: name for is_customer, row_id, name in found if is_customer},
        {row_id: name for is_customer, row_id, name in found if not is_customer},
        dict(Partner.objects.filter(pk__in=sellers).values_list("pk", "currency")) if sellers else {},
    )


def _cdr(item: _Settled, draft: CdrDraft, names: _Names) -> CdrRow:
    call, decision, facts = item.call, item.decision, item.facts
    user_id = _user_of(decision, draft)
    is_customers = draft.tier == 0 and draft.customer_id is not None
    refusal = decision.refusal
    return CdrRow(
        partner_id=draft.seller_partner_id,
        started_on=call.started_on,
        call_id=call.id,
        chain=draft.chain,
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
        direction=decision.direction,
        caller=shown_caller(decision, draft.chain)[:64],
        callee=draft.callee[:64] or call.callee or decision.dialled[:64],
        destination=str(draft.explanation.get("rate_name") or "")[:100],
        started_at=call.started_at,
        answered_at=_at(facts.answered_ms) if facts.answered_ms is not None else None,
        ended_at=_at(facts.ended_ms),
        ring_ms=None if facts.rang_ms is None else max(facts.rang_ms - facts.started_ms, 0),
        duration_ms=draft.duration_ms,
        billed_s=draft.billed_s,
        outcome=draft.outcome,
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


# In ascending id, as callfeed's functions lock them: after the accounts.
_USE = """
    with locked as materialized (
        select id from catalogue_allowance where id = any(%(ids)s::bigint[]) order by id for no key update
    )
    update catalogue_allowance a set used = a.used + d.used, reserved = a.reserved - d.held
    from locked l
    join json_to_recordset(%(changes)s::json) d (id bigint, used bigint, held bigint) on d.id = l.id
    where a.id = l.id
"""


def _use_bundles(settled: Sequence[_Settled], holds: Sequence[OpenHold]) -> None:
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
    changes = [{"id": one, "used": used[one], "held": held[one]} for one in held]
    run(_USE, {"ids": array(held), "changes": records(changes)})


def _charges(cdrs: Sequence[CdrRow], cdr_ids: Sequence[int]) -> Iterator[CallCharge]:
    """Charges for the ledger: on the buyer's account, a carrier's cost on what the gateway's owner owes."""
    costs = {(cdr["partner_id"], cdr["currency"]) for cdr in cdrs if cdr["is_carrier_cost"] and cdr["amount_micro"]}
    payable = book_account_ids(AccountKind.PAYABLE, costs)
    for cdr_id, cdr in zip(cdr_ids, cdrs, strict=True):
        owner, is_cost = cdr["partner_id"], cdr["is_carrier_cost"]
        account_id = payable.get((owner, cdr["currency"])) if is_cost else cdr["account_id"]
        if account_id and cdr["amount_micro"]:
            minute = f"{cdr['ended_at'][:16]}Z"  # cut to the minute
            yield CallCharge(owner, cdr_id, account_id, cdr["amount_micro"], minute, is_cost)


def _at(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()
