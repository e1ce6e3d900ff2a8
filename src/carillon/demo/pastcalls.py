"""Calls of the last weeks, as a busy provider has them: decided by control, ended, and rated like any others.

Each is a call that might have been: control says what it would do with it, and from there on it is a row with its
events that the worker's own code makes CDRs, hourly sums and postings of.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.calls.choices import CallState
from carillon.business.calls.models import Call, CallEvent
from carillon.business.customers.choices import CustomerKind
from carillon.business.endpoints.models import Endpoint
from carillon.business.endpoints.queries import domain_of
from carillon.demo.world import CAST
from carillon.logic.callflow.values import Decision
from carillon.logic.documents import from_document
from carillon.usecases.ask_control import answer_of_control
from carillon.usecases.post_charges import post_charges
from carillon.usecases.settle_calls import settle_due_calls

DAYS = 30
SEED = 1876  # the same calls in every demo world
MARK = "@past.demo"  # at the end of their SIP Call-IDs
BATCH = 500
# How many calls a phone makes in an hour, from midnight on: offices from nine to six, homes in the evening.
OFFICE = (*[0] * 7, 1, 5, 11, 12, 10, 6, 9, 12, 11, 8, 4, 2, 1, 0, 0, 0, 0)
HOME = (*[0] * 7, 1, 2, 2, 2, 3, 3, 2, 2, 3, 4, 6, 9, 10, 8, 4, 1, 0)
WEEKEND = {"office": 0.08, "home": 1.3}
A_DAY = {"office": 14, "home": 7}  # calls of one phone on a working day
NUMBERS = (
    *["02079460988", "01632960123", "01632960440", "02079460877"] * 4,
    *["07700900123", "07700900456"] * 3,
    *["0033199000001", "0033199000044", "004930231250002", "0012125550123"] * 2,
    *[f"0{phone.number[3:]}" for buyer in CAST.buyers for phone in buyer.phones] * 2,  # each other: received calls
    "449000000000",  # premium: barred
)
EMERGENCY = "999"
ENDS = {"answered": 66, "no_answer": 14, "cancelled": 9, "busy": 7, "failed": 4}  # in a hundred
FAILURES: dict[str, tuple[int, str, str]] = {
    "busy": (486, "Busy Here", "callee"),
    "no_answer": (487, "Request Terminated", "timeout"),
    "cancelled": (487, "Request Terminated", "caller"),
    "failed": (503, "Service Unavailable", "callee"),
}


@dataclass(frozen=True, slots=True)
class Phone:
    """A device that calls, and whom."""

    account: str
    shape: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """A call that might have been; times in milliseconds of the Unix epoch."""

    phone: Phone
    number: str
    started_ms: int
    end: str
    ring_ms: int
    talk_ms: int
    fails_over: bool


def phones(actor: Actor) -> list[Phone]:
    """Return the devices of people that `actor` sees, each with the numbers it dials."""
    rows = Endpoint.objects.visible_to(actor).filter(user__isnull=False, is_enabled=True).select_related("user")
    found = []
    rows = rows.select_related("customer").order_by("pk")
    for row in rows:
        others = [one for one in rows if one.customer_id == row.customer_id and one.pk != row.pk]
        colleagues = [one.user.extension for one in others if one.user is not None]
        numbers = (*NUMBERS, *[extension for extension in colleagues if extension])
        shape = "office" if row.customer.kind == CustomerKind.COMPANY else "home"
        found.append(Phone(f"{row.username}@{domain_of(row.web_product_id)}", shape, numbers))
    return found


def past(found: Sequence[Phone], now: datetime, days: int = DAYS) -> Iterator[Past]:
    """Yield the calls of so many days before `now`, the same ones for the same devices. Pure."""
    chance = random.Random(SEED)  # noqa: S311 - nothing secret
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(days, -1, -1):
        day = midnight - timedelta(days=back)
        for phone in found:
            weekday = 1.0 if day.weekday() < 5 else WEEKEND[phone.shape]
            for _call in range(round(A_DAY[phone.shape] * weekday * chance.uniform(0.6, 1.3))):
                hour = chance.choices(range(24), OFFICE if phone.shape == "office" else HOME)[0]
                at = day + timedelta(hours=hour, milliseconds=chance.randrange(3_600_000))
                one = _one(chance, phone, at)
                if at + timedelta(milliseconds=one.ring_ms + one.talk_ms) < now:
                    yield one
    if found:  # one for help: an alert, and its mail
        yield Past(
            found[0], EMERGENCY, int((now - timedelta(hours=3)).timestamp() * 1000), "answered", 900, 95_000, False
        )


def _one(chance: random.Random, phone: Phone, at: datetime) -> Past:
    end = chance.choices(list(ENDS), list(ENDS.values()))[0]
    talk_s = min(3600, chance.lognormvariate(4.7, 1.0)) if end == "answered" else chance.uniform(3, 40)
    return Past(
        phone=phone,
        number=chance.choice(phone.numbers),
        started_ms=int(at.timestamp() * 1000),
        end=end,
        ring_ms=int(chance.lognormvariate(7.6, 0.5)),
        talk_ms=int(talk_s * 1000),
        fails_over=chance.random() < 0.06,
    )


class Writer:
    """Makes rows of calls; control is asked once for each device and number."""

    def __init__(self, now: datetime) -> None:
        self._now, self._known = now, dict[tuple[str, str], tuple[Decision, dict[str, Any]]]()
        self._random = random.Random(SEED + 1)  # noqa: S311

    def write(self, calls: Sequence[Past], first: int) -> None:
        """Add calls that have ended, with their events. Raises ControlSilent."""
        rows, events = [], []
        for number, one in enumerate(calls, first):
            decision, document = self._decided(one)
            call = _row(one, decision, document, number, self._identity(one.started_ms), self._now)
            rows.append(call)
            events += [CallEvent(call_id=call.pk, source="edge", **told) for told in happenings(one, decision)]
        Call.objects.bulk_create(rows)
        CallEvent.objects.bulk_create(events)

    def _decided(self, one: Past) -> tuple[Decision, dict[str, Any]]:
        key = (one.phone.account, one.number)
        if key not in self._known:
            at_ms = str(int(self._now.timestamp() * 1000))
            _status, body = answer_of_control(settings.CONFIG, "GET", "decisions", *key, at_ms, timeout_s=6)
            self._known[key] = (from_document(Decision, body["decision"]), body["decision"])
        return self._known[key]

    def _identity(self, started_ms: int) -> uuid.UUID:
        """A UUIDv7 (RFC 9562, 5.7): it begins with the time."""
        low = self._random.getrandbits(74)
        return uuid.UUID(int=started_ms << 80 | 0x7 << 76 | (low >> 62) << 64 | 0b10 << 62 | low & (1 << 62) - 1)


def _row(one: Past, decision: Decision, document: Any, number: int, key: uuid.UUID, now: datetime) -> Call:
    is_answered = _is_answered(one, decision)
    return Call(
        id=key,
        partner_id=decision.partner_id or 0,
        customer_id=decision.customer_id,
        callee_partner_id=decision.callee_partner_id,
        callee_customer_id=decision.callee_customer_id,
        edge="past",
        sip_call_id=f"{number}{MARK}",
        direction=decision.direction.value,
        caller=decision.caller[:64],
        callee=(decision.callee or decision.dialled)[:64],
        state=CallState.ENDED,
        started_at=_moment(one.started_ms),
        answered_at=_moment(one.started_ms + one.ring_ms) if is_answered else None,
        ended_at=_moment(one.started_ms + one.ring_ms + one.talk_ms),
        due_at=now,
        decision=document,
    )


def _is_answered(one: Past, decision: Decision) -> bool:
    return decision.refusal is None and one.end == "answered"


def happenings(one: Past, decision: Decision) -> Iterator[dict[str, Any]]:
    """Yield the events of a call: kind, time, detail."""
    at = one.started_ms
    if decision.refusal is not None:
        told = {"sip_code": decision.refusal.sip_code, "reason": decision.refusal.reason, "by": "platform"}
        yield {"kind": "failed", "at_ms": at + 40, "detail": told}
        return
    target = 1 if one.fails_over and len(decision.targets) > 1 else 0
    if target:
        told = {"target": 0, "label": label_of(decision), "sip_code": 503, "reason": "Service Unavailable"}
        yield {"kind": "attempt", "at_ms": at + 180, "detail": {**told, "elapsed_ms": 180}}
    if one.end == "failed":
        code, reason, by = FAILURES["failed"]
        yield {"kind": "failed", "at_ms": at + 420, "detail": {"sip_code": code, "reason": reason, "by": by}}
        return
    yield {"kind": "progress", "at_ms": at + one.ring_ms, "detail": {"target": target}}
    end_ms = at + one.ring_ms + one.talk_ms
    if one.end == "answered":
        yield {"kind": "answered", "at_ms": at + one.ring_ms, "detail": {"target": target}}
        yield {"kind": "ended", "at_ms": end_ms, "detail": {"sip_code": 200, "reason": "", "by": "caller"}}
        return
    code, reason, by = FAILURES[one.end]
    yield {"kind": "failed", "at_ms": end_ms, "detail": {"sip_code": code, "reason": reason, "by": by}}


def label_of(decision: Decision) -> str:
    """Return what the first target of a call is called."""
    first = decision.targets[0]
    return first.carrier.gateway if first.carrier else ", ".join(first.contacts)


def load_past_calls(actor: Actor, now: datetime) -> int:
    """Write the calls of a month, rate them and post what they cost; return how many there are; 0: they were there.

    Raises:
        ControlSilent: control decides them, so it must run.

    Cost: a few statements for each 500 calls, and what rating and posting them costs: some seconds in all.
    """
    with tenant(actor):
        if Call.objects.visible_to(actor).filter(state=CallState.RATED, sip_call_id=f"1{MARK}").exists():
            return 0
        found, writer = list(past(phones(actor), now)), Writer(now)
    with tenant(actor):
        for start in range(0, len(found), BATCH):
            writer.write(found[start : start + BATCH], start + 1)
    while True:
        with tenant(actor):
            if not settle_due_calls(actor):
                break
    while True:
        with tenant(actor):
            if not post_charges(actor):
                return len(found)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
