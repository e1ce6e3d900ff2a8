"""What a customer has left, and for how long it could talk to a number: for announcements, programs and the portal.

Who asks is limited in pace, and the customer's history names whoever was told what it has left, itself excepted.
"""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import witnessed
from carillon.base.errors import NotFound
from carillon.base.pace import paced
from carillon.base.rows import named
from carillon.business.billing.models import Account
from carillon.business.billing.queries import customer_account
from carillon.business.calls.models import Call
from carillon.business.calls.queries import live_calls_of
from carillon.business.customers.models import Customer
from carillon.business.endpoints.queries import domain_of
from carillon.logic.callflow.remaining import Remaining
from carillon.logic.documents import from_document
from carillon.usecases.ask_control import ControlSilent, answer_of_control
from carillon.usecases.try_call import TrialData, caller_of, why_refused

TIMEOUT_S = 6  # control gives up after five
MOST_CALLS = 100
MOST_A_MINUTE = 120  # somebody's look-ups: each with a number is a decision of the call control
WRITTEN_DOWN_S = 3600  # programs ask again and again: once an hour for each that asks


@dataclass(frozen=True, slots=True)
class RemainingData:
    """Whose money, and which number they might dial ("": none)."""

    customer_id: int
    number: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """The account, the calls that go on, and what a call to the number would be (None: no number was named)."""

    customer: Customer
    account: Account
    calls: Sequence[Call]
    call: Remaining | None
    refused_because: str


def tell_remaining(actor: Actor, data: RemainingData) -> Told:
    """Return what a customer has left. With a number control decides as for a real call of its first SIP endpoint.

    Raises:
        InvalidInput: there is no such customer, or it has no SIP endpoint to call with.
        NotFound: it has no account.
        AskedTooOften: more than 120 in a minute.
        ControlSilent

    Cost: six queries, in each hour's first one more; with a number three more and one question to the call control.
    """
    with paced(actor, "remaining", per_minute=MOST_A_MINUTE):
        return _told(actor, data)


def _told(actor: Actor, data: RemainingData) -> Told:
    customer = named(Customer.objects, actor, data.customer_id, "customer_id")
    account = customer_account(actor, customer.pk)
    if account is None:
        raise NotFound(_("%(name)s has no account.") % {"name": customer.name})
    _write_down(actor, customer)
    calls = list(live_calls_of(actor).filter(customer_id=customer.pk).order_by("started_at")[:MOST_CALLS])
    call = _asked(actor, customer, data.number) if data.number else None
    refusal = call.refusal if call else None
    return Told(customer, account, calls, call, why_refused(refusal.slug, call.callee) if call and refusal else "")


def _write_down(actor: Actor, customer: Customer) -> None:
    who = f"{actor.partner_id}:{actor.login_id}"
    if actor.customer_id is None and cache.add(f"balance-told:{customer.pk}:{who}", True, WRITTEN_DOWN_S):
        witnessed(actor, customer, "balance_told")


def _asked(actor: Actor, customer: Customer, number: str) -> Remaining:
    endpoint = caller_of(actor, TrialData(number=number, customer_id=customer.pk))
    account = f"{endpoint.username}@{domain_of(endpoint.web_product_id)}"
    at_ms = str(int(timezone.now().timestamp() * 1000))
    path = ("remaining", account, number, at_ms)
    status, body = answer_of_control(settings.CONFIG, "GET", *path, timeout_s=TIMEOUT_S)
    if status != http.client.OK:
        raise ControlSilent(str(body.get("detail") or ""))
    remaining: Any = body["remaining"]
    return from_document(Remaining, remaining)
