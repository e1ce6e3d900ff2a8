"""Calls as people ask for them: by tab, by tier, live, message by message."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Count, Exists, F, Func, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models import Case as SqlCase
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Now

from carillon.base.actor import Actor
from carillon.business.calls.choices import CallState, Tab
from carillon.business.calls.legs import CALLEE, CALLER, CARRIER, Sides, conceal
from carillon.business.calls.models import BUNDLED, SHOWN, Call, CallEvent, CallTrace, Cdr, PhoneTest
from carillon.business.calls.trace import Ladder, ladder_of
from carillon.business.catalogue.models import Allowance
from carillon.business.partners.models import Partner
from carillon.business.routing.models import Gateway
from carillon.logic.callflow.diagnosis import Case, Finding, Tried, diagnose
from carillon.logic.callflow.notes import attempt_label, callee_partner_of, final_reason
from carillon.logic.callflow.phrases import phrase
from carillon.logic.callflow.quality import CallQuality, LegQuality
from carillon.logic.callflow.values import Decision, Direction, TierCharge
from carillon.logic.callflow.values import Outcome as OutcomeValue
from carillon.logic.documents import DocumentError, from_document

MEDIA = "media"  # the kind of event that says how the call sounded; `quality_of` reads it
LONGEST = timedelta(days=1)  # a call lasts, with room to spare
LIVE = (CallState.TRYING, CallState.RINGING, CallState.ANSWERED)


def cdrs_of(actor: Actor) -> QuerySet[Cdr]:
    """Return every CDR the actor sees, of all tiers; a customer's people see what their customer pays."""
    return Cdr.objects.visible_to(actor)


def cdrs_on(actor: Actor, tab: Tab | None = None) -> QuerySet[Cdr]:
    """Return one row per call and party as the portal's CDR panel shows them: the sale to the customer.

    Rows of strangers' calls to numbers nobody has are on the tab "other". Its seller owns such a row and nobody else
    has part in it, which is said again because an index serves one owner's rows in their order, not "either of two".
    """
    rows = cdrs_of(actor).filter(SHOWN, partner_id__in=actor.scope)
    return rows if tab is None else rows.filter(tab=tab)


def ended_in(rows: QuerySet[Cdr], minute: datetime) -> QuerySet[Cdr]:
    """Return the rows of calls that ended in a minute, as the ledger has them together."""
    until = minute + timedelta(minutes=1)
    return rows.filter(started_at__gte=minute - LONGEST, started_at__lt=until, ended_at__gte=minute, ended_at__lt=until)


def charged_to(rows: QuerySet[Cdr], account_id: int) -> QuerySet[Cdr]:
    """Return the rows of calls that some tier's account was charged for."""
    charged = Cdr.objects.filter(call_id=OuterRef("call_id"), chain_no=OuterRef("chain_no"), account_id=account_id)
    return rows.filter(Exists(charged.filter(is_carrier_cost=False)))


def carried_by(rows: QuerySet[Cdr], gateway_id: int) -> QuerySet[Cdr]:
    """Return the rows of calls for which a gateway's owner has a CDR of the gateway."""
    carried = Cdr.objects.filter(call_id=OuterRef("call_id"), gateway_id=gateway_id, is_carrier_cost=True)
    return rows.filter(Exists(carried))


@dataclass(frozen=True, slots=True)
class BundleUse:
    """What the calls of one user ("": of nobody known) have used of an allowance: seconds."""

    user: str
    calls: int
    seconds: int


def uses_of(actor: Actor, allowance: Allowance) -> list[BundleUse]:
    """Return who used an allowance, most first, over all of its calls; what calls under way have is not used yet.

    Cost: one query over the customer's calls that packages paid for while the allowance held, by an index of these.
    """
    rows = cdrs_of(actor).filter(
        BUNDLED,
        partner_id=allowance.partner_id,
        customer_id=allowance.customer_id,
        tier=0,
        started_at__gte=allowance.starts_at - LONGEST,
        started_at__lt=allowance.ends_at,
        explanation__contains={"bundles": [{"allowance_id": allowance.pk}]},
    )
    path = Value(f"$.bundles[*] ? (@.allowance_id == {allowance.pk}).used_s")  # a call has each allowance once
    used = Cast(Func(F("explanation"), path, function="jsonb_path_query_first"), BigIntegerField())
    found = rows.order_by().values("user_name").annotate(calls=Count("pk"), seconds=Sum(used))
    return [
        BundleUse(one["user_name"], one["calls"], one["seconds"]) for one in found.order_by("-seconds", "user_name")
    ]


def lost_by(actor: Actor) -> Exists:
    """Return whether a seller in the actor's part of the tree lost money by a row's call and chain.

    Customers see none.
    """
    scope = actor.scope if actor.customer_id is None else ()
    lost = cdrs_of(actor).filter(is_loss=True, partner_id__in=scope)
    return Exists(lost.filter(call_id=OuterRef("call_id"), chain_no=OuterRef("chain_no")))


def tiers_of(actor: Actor, cdr: Cdr) -> QuerySet[Cdr]:
    """Return all rows of the CDR's call and chain the actor sees, customer's first, carrier's cost last; one query.

    A partner sees its own sale and what it buys for (the row its parent sells by), never what is above that.
    """
    own = {"call_id": cdr.call_id, "started_on": cdr.started_on, "chain": cdr.chain, "chain_no": cdr.chain_no}
    rows = cdrs_of(actor).filter(**own)
    return rows.order_by("is_carrier_cost", "tier")  # sellers are not joined: a buyer may not read its supplier's row


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
    """Return the price at each tier the actor sees with its explanation; two queries."""
    lines, rows = [], list(tiers_of(actor, cdr))
    owners = Partner.objects.visible_to(actor).filter(pk__in={row.partner_id for row in rows})
    names = dict(owners.values_list("pk", "name"))
    for row in rows:
        explanation = explanation_of(actor, row)
        is_bought = row.partner_id not in actor.scope or row.is_carrier_cost
        seller = str(row.explanation.get("seller") or row.gateway_name or names.get(row.partner_id, ""))
        own = names.get(row.partner_id, "") if row.is_carrier_cost else row.customer_name
        buyer = str(row.explanation.get("buyer") or own)
        lines.append(
            PriceLine(row.tier, seller, buyer, is_bought, row.billed_s, row.amount_micro, row.currency, explanation)
        )
    return lines


SELLERS_ONLY = ("margin", "made_from", "attempts", "notes")


def explanation_of(actor: Actor, cdr: Cdr) -> dict[str, Any]:
    """Return why the CDR's price is what it is; no query.

    Whoever buys is not told what the seller itself pays, nor by whom the call was carried.
    """
    return {key: value for key, value in cdr.explanation.items() if _sells(actor, cdr) or key not in SELLERS_ONLY}


def story_of(actor: Actor, cdr: Cdr) -> dict[str, Any]:
    """Return `explanation_of` with all the actor may know of how the call was decided and who was tried; one query.

    Each row holds what its own seller may know: the fullest story is on the highest row that the actor sells by.
    """
    explanation = explanation_of(actor, cdr)
    if not _sells(actor, cdr):
        return explanation
    own = tiers_of(actor, cdr).filter(partner_id__in=actor.scope).order_by("-tier", "-is_carrier_cost")
    highest = own.values_list("explanation", flat=True).first() or {}
    return {**explanation, **{key: highest[key] for key in ("attempts", "notes") if key in highest}}


def _sells(actor: Actor, cdr: Cdr) -> bool:
    return actor.customer_id is None and cdr.partner_id in actor.scope


def call_of(actor: Actor, call_id: uuid.UUID) -> Call | None:
    """Return a call the actor sees, or None; one query."""
    return Call.objects.visible_to(actor).filter(pk=call_id).first()


def live_calls_of(actor: Actor) -> QuerySet[Call]:
    """Return the calls that are going on, with `now` (the database's clock) to count their seconds by.

    `gateway_name` is the carrier that is tried first; None when there is none or it is not the actor's. `first_price`
    is how the call is priced (`running_charge_of`), for whom its customer is in sight.
    """
    own = Gateway.objects.visible_to(actor).filter(pk=OuterRef("first_gateway_id")).values("name")[:1]
    calls = Call.objects.visible_to(actor).filter(state__in=LIVE).defer("decision")
    first = Cast(KT("decision__targets__0__gateway_id"), BigIntegerField())
    timed = calls.annotate(now=Now(), started=F("started_at"), first_gateway_id=first)
    price = SqlCase(When(partner_id__in=actor.scope, then=KT("decision__chains__0__tiers__0")), default=None)
    return timed.annotate(gateway_name=Subquery(own), first_price=price)


def running_charge_of(call: Any) -> TierCharge | None:
    """Return how a call of `live_calls_of` is priced to its customer; None when that is not known. No query."""
    try:
        return from_document(TierCharge, json.loads(call.first_price)) if call.first_price else None
    except (DocumentError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class CallMoment:
    """One event of a call as the actor may know it; `at_ms` are milliseconds of the Unix epoch."""

    kind: str
    at_ms: int
    source: str
    detail: Mapping[str, Any]

    @property
    def at(self) -> datetime:
        """When it happened, in UTC."""
        return datetime.fromtimestamp(self.at_ms / 1000, UTC)


def events_of(actor: Actor, call_id: uuid.UUID) -> list[CallMoment]:
    """Return a call's events in order of their own time; empty when the actor does not see the call. Two queries.

    Carriers that are not the actor's are told neutrally; customers' people are told by the CDR.
    """
    call = call_of(actor, call_id)
    if call is None or actor.customer_id is not None:
        return []
    decision = _decision_of(call)
    events = CallEvent.objects.filter(call_id=call_id).exclude(kind=MEDIA).order_by("at_ms", "pk")
    return [CallMoment(event.kind, event.at_ms, event.source, _told(actor, decision, event)) for event in events]


def _told(actor: Actor, decision: Decision | None, event: CallEvent) -> dict[str, Any]:
    """The event's detail as the actor may read it: names and words of other partners' carriers are replaced."""
    detail = dict(event.detail)
    sip_code, reason = _whole(detail.get("sip_code")), str(detail.get("reason") or "")
    if event.kind == "attempt":
        name, target = str(detail.get("label") or ""), _whole(detail.get("target"))
        label = attempt_label(decision, target, name, actor.scope) if decision else f"target {target + 1}"
        return {**detail, "label": label, "reason": reason if label == name else phrase(sip_code)}
    if not reason:
        return detail
    told = final_reason(decision, sip_code, reason, actor.scope) if decision else phrase(sip_code)
    return {**detail, "reason": told}


def _whole(value: Any) -> int:
    return int(value) if str(value or "").isdecimal() else 0


def quality_of(actor: Actor, call_id: uuid.UUID) -> CallQuality | None:
    """Return how the legs of a call sounded that the actor may see; None when nothing is known of them.

    Customers' people: the leg of their own phones. Partners: also those of their carriers and of partners below. One or
    two queries.
    """
    try:
        legs = _customers_legs(call_id) if actor.customer_id is not None else _partners_legs(actor, call_id)
    except DocumentError:
        return None
    return CallQuality(legs) if legs else None


def _customers_legs(call_id: uuid.UUID) -> tuple[LegQuality, ...]:
    """Past the second wall, which shows a call to the customer that placed it and not to the one called."""
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_own_legs(%s)", [call_id])
        (found,) = cursor.fetchone()
    return from_document(CallQuality, {"legs": json.loads(found)}).legs


def _partners_legs(actor: Actor, call_id: uuid.UUID) -> tuple[LegQuality, ...]:
    call = call_of(actor, call_id)
    event = CallEvent.objects.filter(call_id=call_id, kind=MEDIA).first() if call else None
    if call is None or event is None:
        return ()
    sides = sides_of(actor, call)
    seen = {side for side, hidden in ((CALLER, sides.source), (CALLEE, sides.destination)) if not hidden}
    return tuple(leg for leg in from_document(CallQuality, event.detail).legs if leg.side in seen)


def diagnosis_of(actor: Actor, cdr: Cdr) -> tuple[Finding, ...]:
    """Return what was the matter with a call, from what the actor may know of it; about six queries."""
    case = _case(cdr, story_of(actor, cdr))
    if cdr.answered_at:
        case = replace(case, answerer=_answerer(actor, cdr), quality=quality_of(actor, cdr.call_id))
    return diagnose(case)


def first_diagnosis_of(cdr: Cdr, *, is_sellers: bool) -> tuple[Finding, ...]:
    """Return what the CDR alone tells of the matter with its call, to its seller or to its customer's people; no query.

    How the call sounded is not in it.
    """
    hidden = () if is_sellers else SELLERS_ONLY
    return diagnose(_case(cdr, {key: value for key, value in cdr.explanation.items() if key not in hidden}))


def _case(cdr: Cdr, story: Mapping[str, Any]) -> Case:
    return Case(
        outcome=OutcomeValue(cdr.outcome),
        who=cdr.callee or str(story.get("dialled") or ""),
        sip_code=cdr.sip_code,
        reason=str(story.get("reason") or ""),
        refusal=str(story.get("refusal") or ""),
        ended_by=str(story.get("ended_by") or ""),
        duration_ms=cdr.duration_ms,
        rang_ms=_milliseconds(cdr.ended_at - cdr.started_at),
        tried=tuple(_tried(attempt) for attempt in story.get("attempts", ())),
    )


def _answerer(actor: Actor, cdr: Cdr) -> str:
    """Who picked up, as the actor may know it; "" for customers' people and when it is not known."""
    call = call_of(actor, cdr.call_id) if actor.customer_id is None else None
    decision = _decision_of(call) if call else None
    answer = CallEvent.objects.filter(call_id=cdr.call_id, kind="answered").first() if decision else None
    if decision is None or answer is None:
        return ""
    index = _whole(answer.detail.get("target"))
    target = decision.targets[index] if index < len(decision.targets) else None
    name = target.carrier.gateway if target and target.carrier else decision.callee
    return attempt_label(decision, index, name, actor.scope)


def _tried(attempt: Mapping[str, Any]) -> Tried:
    reason, code = str(attempt.get("reason") or ""), _whole(attempt.get("sip_code"))
    return Tried(str(attempt.get("label") or ""), code, reason, _whole(attempt.get("elapsed_ms")))


def _milliseconds(span: timedelta) -> int:
    return max(round(span.total_seconds() * 1000), 0)


def trace_of(actor: Actor, call_id: uuid.UUID) -> Ladder | None:
    """Return the SIP messages of a call, None when there is no trace or the actor does not see the call. Two queries.

    A leg to another partner's carrier or phones is there without text and addresses. Customers' people see no trace.
    """
    call = call_of(actor, call_id)
    if actor.customer_id is not None or call is None:
        return None
    trace = CallTrace.objects.filter(pk=call_id).first()
    return conceal(ladder_of(bytes(trace.messages)), sides_of(actor, call)) if trace else None


def party_names(actor: Actor, call: Call) -> dict[str, str]:
    """Return names for the addresses of the call's ladder that the actor may know, by `host:port`; no query."""
    decision, sides = _decision_of(call), sides_of(actor, call)
    if decision is None:
        return {}
    names = {} if sides.source else {sides.caller: call.caller}
    if not sides.destination:
        names |= {f"{t.host}:{t.port}": t.carrier.gateway for t in decision.targets if t.carrier is not None}
    return names


def sides_of(actor: Actor, call: Call) -> Sides:
    """Return which legs of the call belong to the actor or to partners below it; no query."""
    decision = _decision_of(call)
    if decision is None:
        return Sides("") if actor.is_operator else Sides("", source=CALLER, destination=CARRIER)
    caller = f"{_bracketed(decision.request.source_address)}:{decision.request.source_port}"
    if actor.is_operator:
        return Sides(caller)
    is_inbound = decision.direction is Direction.INBOUND
    source_owner = decision.source_gateway_partner_id if is_inbound else call.partner_id
    owners = {
        target.carrier.owner_partner_id if target.carrier is not None else callee_partner_of(decision, target)
        for target in decision.targets
    }
    has_carrier = any(target.carrier is not None for target in decision.targets)
    return Sides(
        caller,
        source="" if source_owner in actor.scope else CARRIER if is_inbound else CALLER,
        destination="" if owners <= actor.scope and owners else CARRIER if has_carrier else CALLEE,
        hosts=tuple(target.host for target in decision.targets if target.host),
    )


def _decision_of(call: Call) -> Decision | None:
    """The call's decision; None when it was written by a version whose words are not understood any more."""
    try:
        return from_document(Decision, call.decision)
    except DocumentError:
        return None


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def phone_tests_of(actor: Actor) -> QuerySet[PhoneTest]:
    """Return the calls that the platform placed to try phones; one query."""
    return PhoneTest.objects.visible_to(actor).select_related("customer", "user")
