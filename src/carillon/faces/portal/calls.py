"""Panels of CDRs and live calls."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.models import BigIntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.base.sentences import retold, retold_all
from carillon.business.billing.choices import HoldState, ReratedState
from carillon.business.billing.models import Hold
from carillon.business.billing.queries import rerated_charges_of
from carillon.business.calls import queries
from carillon.business.calls.choices import CallState, Outcome, Tab
from carillon.business.calls.legs import CALLEE, CALLER, CARRIER
from carillon.business.calls.models import Call, Cdr
from carillon.business.calls.trace import Ladder
from carillon.business.customers.models import Customer
from carillon.business.pricing.choices import Rounding
from carillon.faces.portal.reasons import reasons
from carillon.logic.callflow.bundles import NOTHING, Bundled, seconds_in
from carillon.logic.callflow.charging import charge_of
from carillon.logic.callflow.diagnosis import Finding
from carillon.logic.callflow.quality import Grade
from carillon.logic.documents import to_document
from carillon.panels.declaration import Column, Detail, Extra, Filter, Link, Panel, RowAction
from carillon.panels.declaration import Tab as PanelTab
from carillon.usecases.hang_up_call import hang_up_call

DIRECTIONS = (
    ("outbound", _("Outbound")),
    ("inbound", _("Inbound")),
    ("onnet", _("On-net")),
    ("emergency", _("Emergency")),
)
MOMENTS = {
    "applied": _("Call let through"),
    "progress": _("Ringing"),
    "answered": _("Answered"),
    "ended": _("Ended"),
    "failed": _("Not put through"),
    "attempt": _("Next target tried"),
    "cut": _("Cut off: no money left"),
}
SOURCES = {"edge": _("SIP edge"), "control": _("Call control"), "sweeper": _("Sweeper")}
ENDED_BY = {
    "caller": _("The caller"),
    "callee": _("The called party"),
    "money": _("No money left"),
    "timeout": _("Time limit"),
    "session-timer": _("Session not refreshed"),
    "media-timeout": _("No sound any more"),
    "operator": _("Staff hung up"),
    "sweeper": _("Found dead by the sweeper"),
}
CHARGED_TO = {
    "last-packet": _("Nobody saw the end of this call: it is charged up to its last sound."),
    "last-proof": _("Nobody saw the end of this call: it is charged up to the last proof that it went on."),
}
WAYS = {
    "sendrecv": _("both ways"),
    "sendonly": _("sends only (hold)"),
    "recvonly": _("listens only"),
    "inactive": _("neither way (hold)"),
}
SIDES = {CALLER: _("Caller"), CALLEE: _("Called party")}
GRADES = {
    Grade.GOOD: (_("Good"), "good"),
    Grade.FAIR: (_("Fair"), "warn"),
    Grade.POOR: (_("Poor"), "bad"),
    Grade.UNKNOWN: (_("Unknown"), "calm"),
}


# ---------------------------------------------------------------- CDR

MIN_YEAR, MAX_YEAR = 1970, 9000  # of a moment in an address


def _cdrs(actor: Actor) -> QuerySet[Cdr]:
    """One row per call and party, with what the seller itself pays and keeps; customers are not told."""
    rows = queries.cdrs_on(actor).annotate(is_sellers=Value(actor.customer_id is None))
    rows = rows.alias(is_lost=queries.lost_by(actor))
    if actor.customer_id is not None:
        nothing = Cast(Value(None), BigIntegerField())  # a bare NULL is a text to PostgreSQL, which has no sum
        return rows.annotate(cost_micro=nothing, margin_micro=nothing)
    return rows.annotate(
        cost_micro=Cast(KT("explanation__margin__cost_micro"), BigIntegerField()),
        margin_micro=Cast(KT("explanation__margin__margin_micro"), BigIntegerField()),
    )


def _diagnosed(cdr: Any) -> str:
    """What was the matter, as far as the CDR itself tells."""
    return _said(queries.first_diagnosis_of(cdr, is_sellers=cdr.is_sellers))


def _said(findings: Iterable[Finding]) -> str:
    return " ".join(now_(found.template) % _words(found) for found in findings)


def _words(found: Finding) -> dict[str, object]:
    """The values of a finding; who was tried may be no name ("carrier 1")."""
    return {name: retold(value) if isinstance(value, str) else value for name, value in found.values.items()}


def _moment_of(name: str, text: str) -> datetime:
    """A moment in ISO 8601; without an offset it is in the active time zone.

    Raises:
        InvalidInput: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
        if not MIN_YEAR <= moment.year <= MAX_YEAR:  # reckoning beyond the calendar's ends fails
            raise ValueError
        return (timezone.make_aware(moment) if timezone.is_naive(moment) else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        said = now_("This must be a date and time, like 2026-11-26T14:00.")
        raise InvalidInput(fields={name: said}) from None


def _begun(lookup: str, name: str) -> Callable[[QuerySet[Cdr], str], QuerySet[Cdr]]:
    """A filter by the moment at which a call began."""
    return lambda rows, text: rows.filter(**{f"started_at__{lookup}": _moment_of(name, text)})


def _ended_in(rows: QuerySet[Cdr], text: str) -> QuerySet[Cdr]:
    return queries.ended_in(rows, _moment_of("ended_in", text))


def _page(actor: Actor, cdr: Cdr) -> dict[str, Any]:
    """What the page of a call shows: prices with their reasons, events, the ladder."""
    call = queries.call_of(actor, cdr.call_id)
    ladder = queries.trace_of(actor, cdr.call_id)
    story = queries.story_of(actor, cdr)
    prices = [_retold(line) for line in queries.prices_of(actor, cdr)]
    return {
        "cdr": cdr,
        "diagnosis": _said(queries.diagnosis_of(actor, cdr)),
        "prices": prices,
        "reasons": [(line, reasons(line.explanation, cdr.duration_ms)) for line in prices],
        "explanation": retold_all(story),
        "ended_by": ENDED_BY.get(str(story.get("ended_by")), story.get("ended_by")),
        "charged_to": CHARGED_TO.get(str(story.get("charged_to")), ""),
        "rounding_names": dict(Rounding.choices),
        "charges": _earlier(actor, cdr),
        "events": [_moment(event) for event in queries.events_of(actor, cdr.call_id)],
        "media": [_heard(leg) for leg in _media(actor, cdr)],
        "ladder": [{**message, "told": _told(message["sdp"])} for message in _messages(ladder)],
        "ladder_labels": _labels(actor, cdr, call, ladder),
        "legs": len({message.sip_call_id for message in ladder.messages}) if ladder else 0,
    }


def _earlier(actor: Actor, cdr: Cdr) -> list[dict[str, Any]]:
    """What runs of re-rating have changed of the call's prices, as far as the actor sells it; one query."""
    if not actor.may("reratings.view"):
        return []
    done = rerated_charges_of(actor).filter(call_id=cdr.call_id, state=ReratedState.APPLIED).order_by("pk")
    names = ("rerating_id", "seller", "buyer", "was_micro", "amount_micro", "currency")
    return [
        {**{name: getattr(line, name) for name in names}, "at": line.rerating.applied_at}
        for line in done.select_related("rerating")
    ]


def _retold(line: queries.PriceLine) -> queries.PriceLine:
    """A price with its reasons in the reader's language: kept are English sentences."""
    return dataclasses.replace(line, explanation=retold_all(line.explanation))


def _moment(event: queries.CallMoment) -> dict[str, Any]:
    return {
        "at": event.at,
        "milliseconds": f"{event.at_ms % 1000:03d}",
        "kind": MOMENTS.get(event.kind, event.kind),
        "detail": " ".join(
            str(event.detail[name]) for name in ("label", "sip_code", "reason") if event.detail.get(name)
        ),
        "source": SOURCES.get(event.source, event.source),
    }


def _messages(ladder: Ladder | None) -> list[dict[str, Any]]:
    return [
        {
            "at_us": message.at_us,
            "src": message.source,
            "dst": message.target,
            "proto": message.transport,
            "raw": message.raw,
            "leg": message.leg,
            "summary": message.summary,
            "sdp": [dataclasses.asdict(line) for line in message.sdp],
        }
        for message in (ladder.messages if ladder else ())
    ]


def _told(lines: list[dict[str, Any]]) -> list[str]:
    """A session description in words, a sentence for each medium."""
    words = now_("%(kind)s to %(host)s port %(port)s: %(codecs)s; %(way)s")
    return [
        words % {**line, "codecs": ", ".join(line["codecs"]), "way": WAYS.get(line["direction"], "")}
        if line["port"]
        else now_("%(kind)s refused") % line
        for line in lines
    ]


def _labels(actor: Actor, cdr: Cdr, call: Call | None, ladder: Ladder | None) -> dict[str, str]:
    """Names for the addresses of a ladder: the platform takes part in every message, the rest is the called phones."""
    if call is None or ladder is None:
        return {}
    seen = Counter(party for message in ladder.messages for party in {message.source, message.target})
    labels = dict.fromkeys(seen, cdr.callee or now_("Called party"))
    labels |= {party: now_("Platform") for party, count in seen.items() if count == len(ladder.messages)}
    for party, name in queries.party_names(actor, call).items():
        is_caller = name == call.caller and cdr.tab == Tab.DIALLED
        labels[party] = (cdr.user_name if is_caller else "") or name or now_("Caller")
    return labels | {CARRIER: now_("Carrier"), CALLER: now_("Caller"), CALLEE: now_("Called party")}


def _story(actor: Actor, cdr: Cdr) -> Any:
    return retold_all(queries.story_of(actor, cdr))


def _prices(actor: Actor, cdr: Cdr) -> list[dict[str, Any]]:
    return [
        {
            "tier": line.tier,
            "seller": line.seller,
            "buyer": line.buyer,
            "is_cost": line.is_cost,
            "billed_s": line.billed_s,
            "amount_micro": line.amount_micro,
            "currency": line.currency,
            "explanation": retold_all(line.explanation),
        }
        for line in queries.prices_of(actor, cdr)
    ]


def _events(actor: Actor, cdr: Cdr) -> list[dict[str, Any]]:
    rows = queries.events_of(actor, cdr.call_id) if actor.customer_id is None else []
    return [{"kind": row.kind, "at_ms": row.at_ms, "source": row.source, "detail": row.detail} for row in rows]


def _diagnosis(actor: Actor, cdr: Cdr) -> list[dict[str, Any]]:
    return [{"slug": found.slug, "text": _said([found])} for found in queries.diagnosis_of(actor, cdr)]


def _media(actor: Actor, cdr: Cdr) -> list[dict[str, Any]]:
    """The legs the actor may see, each with its grade; empty when the call was not answered or not measured."""
    quality = queries.quality_of(actor, cdr.call_id)
    return [{**to_document(leg), "grade": leg.grade.value} for leg in (quality.legs if quality else ())]


def _trace(actor: Actor, cdr: Cdr) -> list[dict[str, Any]]:
    return _messages(queries.trace_of(actor, cdr.call_id))


def _heard(leg: dict[str, Any]) -> dict[str, Any]:
    word, tone = GRADES[Grade(leg["grade"])]
    return {**leg, "side": SIDES[leg["side"]], "word": word, "tone": tone}


CDRS = Panel(
    slug="cdrs",
    title=_("CDR"),
    name=_("call"),
    section="main",
    icon="phone-call",
    model=Cdr,
    rows=_cdrs,
    columns=(
        Column("started_at", _("Time"), kind="datetime", width=140),
        Column("customer_name", _("Customer"), width=130, grow=2),
        Column("caller", _("From"), kind="code", width=120),
        Column("callee", _("To"), kind="code", width=120),
        Column("outcome", _("Outcome"), kind="status", width=95),
        Column("duration", _("Duration"), kind="duration", value="duration_ms", total="duration_ms", width=75),
        Column("amount", _("Price"), kind="money", value="amount_micro", total="amount_micro", width=95),
        Column("destination", _("Destination"), width=120),
        Column("user_name", _("User"), width=90),
        Column("cost", _("Cost"), kind="money", value="cost_micro", total="cost_micro", width=95),
        Column("margin", _("Margin"), kind="money", value="margin_micro", total="margin_micro", width=95),
    ),
    api=(
        Column("call_id", _("Call")),
        Column("tab", _("Tab"), kind="choice"),
        Column("direction", _("Direction")),
        Column("chain", _("Charge chain")),
        Column("answered_at", _("Answered"), kind="datetime"),
        Column("ended_at", _("Ended"), kind="datetime"),
        Column("diagnosis", _("Diagnosis"), value=_diagnosed, width=220, grow=3),
        Column("ring", _("Post-dial delay"), kind="duration", value="ring_ms"),
        Column("billed_s", _("Charged seconds"), kind="integer", total="billed_s"),
        Column("sip_code", _("SIP code"), kind="integer"),
        Column("sip_reason", _("SIP reason")),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("user_id", _("User"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("started_at", _("Time"), kind="date", lookup="range"),
        Filter("customer_name", _("Customer"), lookup="istartswith"),
        Filter("user_name", _("User"), lookup="istartswith"),
        Filter("caller", _("From"), lookup="startswith"),
        Filter("callee", _("To"), lookup="startswith"),
        Filter("destination", _("Destination"), lookup="istartswith"),
        Filter("destination_is", _("Destination"), field="destination"),
        Filter("since", _("Since"), apply=_begun("gte", "since")),
        Filter("until", _("Until"), apply=_begun("lt", "until")),
        Filter("ended_in", _("Ended in the minute"), apply=_ended_in),
        Filter("charged_to", _("Charged account"), kind="integer", apply=queries.charged_to),
        Filter("gateway_id", _("Gateway"), kind="integer", apply=queries.carried_by),
        Filter("outcome", _("Outcome"), choices=Outcome.choices),
        Filter("direction", _("Direction"), choices=DIRECTIONS),
        Filter("customer_id", _("Customer"), kind="integer"),
        Filter("user_id", _("User"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
        Filter("call_id", _("Call"), kind="uuid"),
    ),
    order=("-started_at", "-id"),
    tabs=(
        *(PanelTab(value, label, Q(tab=value)) for value, label in Tab.choices),
        PanelTab("lost", _("At a loss"), Q(is_lost=True)),
    ),
    detail=Detail("portal/calls/cdr.html", _page, _("Price and trace")),
    links=(Link(_("Calls of this customer"), "cdrs", {"customer_id": "customer_id"}),),
    extras=(
        Extra("explanation", _story, _("Why this price")),
        Extra("prices", _prices, _("Price at each tier you may see"), many=True),
        Extra("charges", _earlier, _("What re-ratings have changed of its prices"), many=True),
        Extra("events", _events, _("What happened, in order"), many=True),
        Extra("diagnosis", _diagnosis, _("What was the matter, in plain words"), many=True),
        Extra("media", _media, _("Media quality of each leg you may see"), many=True),
        Extra("trace", _trace, _("SIP messages"), many=True),
    ),
    audiences=frozenset({"operator", "partner", "customer"}),
    customer_field="customer_id",
    search="callee",
    searched="calls",
    has_history=False,
    help=_(
        "Every call with its price at each tier. Open one to see why it costs what it costs, what happened and the SIP"
        " messages of all its legs."
    ),
    empty=_("No calls yet. They appear here within a second after they end."),
)


# ---------------------------------------------------------------- live calls


def _live(actor: Actor) -> QuerySet[Call]:
    """Live calls with the customer's name and what is set aside for each."""
    holds = Hold.objects.filter(call_id=OuterRef("pk"), state=HoldState.OPEN).order_by("chain_no")
    names = Customer.objects.filter(pk=OuterRef("customer_id"))
    return queries.live_calls_of(actor).annotate(
        customer_name=Subquery(names.values("name")[:1]),
        held_micro=Subquery(holds.values("amount_micro")[:1]),
        held_bundles=Subquery(holds.values("bundles")[:1]),
        held_currency=Subquery(holds.values("account__currency")[:1]),
    )


def _charge_micro(call: Any) -> int | None:
    """What the call costs its customer up to now; None until it is answered, or when that is another partner's."""
    charge = queries.running_charge_of(call) if call.answered_at else None
    if charge is None:
        return None
    talked_ms, included_s = _talking_ms(call), seconds_in(call.held_bundles or ())
    paid = Bundled(min(included_s, -(-talked_ms // 1000)), owes_fee=False) if included_s else NOTHING
    price = charge_of(charge, talked_ms, int(call.answered_at.timestamp() * 1000), paid)
    return price.amount_micro if price else 0


def _talking_ms(call: Any) -> int:
    """Milliseconds since the answer, by the database's clock."""
    return max(int((call.now - call.answered_at).total_seconds() * 1000), 0) if call.answered_at else 0


LIVE_CALLS = Panel(
    slug="live-calls",
    title=_("Live calls"),
    name=_("call"),
    section="main",
    icon="phone",
    model=Call,
    rows=_live,
    columns=(
        Column("state", _("State"), kind="status", width=90),
        Column("customer_name", _("Customer"), width=150, grow=2),
        Column("caller", _("From"), kind="code", width=130),
        Column("callee", _("To"), kind="code", width=130),
        Column("direction", _("Direction"), kind="choice", choices=DIRECTIONS, width=90),
        Column("started_at", _("Since"), kind="datetime", width=140),
        Column("talking", _("Duration"), kind="duration", value=_talking_ms, width=80),
        Column("charge", _("Charge so far"), kind="money", value=_charge_micro, currency="held_currency", width=100),
        Column("held", _("Set aside"), kind="money", value="held_micro", currency="held_currency", width=100),
        Column("gateway", _("Gateway"), value="gateway_name", width=110, in_api=False),
    ),
    api=(
        Column("answered_at", _("Answered"), kind="datetime"),
        Column("funded_until", _("Paid until"), kind="datetime"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("state", _("State"), choices=[choice for choice in CallState.choices if choice[0] in set(queries.LIVE)]),
        Filter("caller", _("From"), lookup="startswith"),
        Filter("callee", _("To"), lookup="startswith"),
        Filter("direction", _("Direction"), choices=DIRECTIONS),
        Filter("customer_id", _("Customer"), kind="integer"),
    ),
    order=("-started_at",),
    actions=(
        RowAction(
            "hang_up",
            _("Hang up"),
            hang_up_call,
            icon="phone-off",
            danger=True,
            confirm=_("Both sides are disconnected at once."),
            done=_("The call is being ended."),
        ),
    ),
    audiences=frozenset({"operator", "partner", "customer"}),
    customer_field="customer_id",
    search="caller",
    refresh_s=3,
    help=_("Calls that are being set up or going on now."),
    empty=_("Nobody is on the telephone."),
)

PANELS = (CDRS, LIVE_CALLS)
