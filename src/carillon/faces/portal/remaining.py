"""The page of what a customer has left and for how long it could talk; programs ask the same."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.sentences import retold
from carillon.business.calls.models import Call
from carillon.logic.callflow.remaining import Remaining
from carillon.panels.declaration import Field, Page
from carillon.usecases.tell_remaining import RemainingData, Told, tell_remaining


def read_remaining(actor: Actor, data: RemainingData) -> dict[str, Any]:
    """What a customer has left, as `usecases.tell_remaining` says."""
    told = tell_remaining(actor, data)
    account = told.account
    return {
        "customer_id": told.customer.pk,
        "customer": told.customer.name,
        "currency": account.currency,
        "balance_micro": account.balance_micro - account.unposted_micro,
        "credit_limit_micro": account.credit_limit_micro,
        "reserved_micro": account.reserved_micro,
        "available_micro": account.available_micro,
        "live_calls": [_live(call) for call in told.calls],
        "call": None if told.call is None else _call(told.call, told),
    }


def _live(call: Call) -> dict[str, Any]:
    return {
        "id": str(call.pk),
        "caller": call.caller,
        "callee": call.callee,
        "answered_at": call.answered_at.isoformat() if call.answered_at else None,
        "funded_until": call.funded_until.isoformat() if call.funded_until else None,
    }


def _call(call: Remaining, told: Told) -> dict[str, Any]:
    refusal = call.refusal
    return {
        "callee": call.callee,
        "is_allowed": refusal is None,
        "refusal": {"slug": refusal.slug, "text": retold(told.refused_because)} if refusal else None,
        "minute_micro": call.minute_micro,
        "currency": call.currency or None,
        "per_minute": None if call.per_minute is None else f"{call.per_minute.normalize():f}",
        "list_currency": call.list_currency or None,
        "bundle_s": call.bundle_s,
        "lasts_s": call.lasts_s,
        "longest_s": call.longest_s,
    }


REMAINING_TIME = Page(
    slug="remaining-time",
    title=_("Remaining time"),
    section="main",
    read=read_remaining,
    template="portal/calls/remaining_time.html",
    icon="coins",
    data=RemainingData,
    fields=(
        Field("customer_id", _("Customer"), lookup="customers"),
        Field("number", _("Number"), kind="code", max_length=64, help=_("As it is dialled. Empty: only the balance.")),
    ),
    audiences=frozenset({"operator", "partner", "customer"}),
    help=_(
        "What a customer has left to spend, which calls go on, and what a call to a number costs now and for how long"
        " the money lasts. The same code decides as for real calls. Nobody is called and no money is set aside."
    ),
)

PAGES = (REMAINING_TIME,)
