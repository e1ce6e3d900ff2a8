"""Calls as they happen, what they cost, and their traces."""

from __future__ import annotations

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models.functions import Reverse

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.calls.choices import CallState, Outcome, PhoneTestState, Tab
from carillon.business.customers.models import Customer, User
from carillon.business.partners.models import Partner
from carillon.business.partners.tenant import TenantModel, of_tenant


class Call(models.Model):
    """One call through the edge, written by callfeed's functions. `decision` is the whole decision as a document.

    `partner_id` is the paying customer's partner (for inbound calls the called customer's); the operator when nobody
    could be found, such as a stranger's call to a number we do not have. `due_at` is when the worker looks at it
    next: to rate it once it has ended, else to see whether it is still alive.
    """

    tenancy = Tenancy(also=("callee_partner_id",), customer="customer_id")
    audit_exclude = ("decision",)

    id = models.UUIDField(primary_key=True)  # UUIDv7: begins with the start time
    partner_id = models.BigIntegerField()
    customer_id = models.BigIntegerField(null=True)
    callee_partner_id = models.BigIntegerField(null=True)
    callee_customer_id = models.BigIntegerField(null=True)
    edge = models.CharField(max_length=64)
    sip_call_id = models.CharField(max_length=255)
    direction = models.CharField(max_length=10)
    caller = models.CharField(max_length=64)
    callee = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=CallState.choices, default=CallState.TRYING)
    started_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    funded_until = models.DateTimeField(null=True)
    alive_at = models.DateTimeField(null=True)  # last proof that an answered call went on
    due_at = models.DateTimeField()
    decision = models.JSONField()

    objects = ScopedQuerySet["Call"].as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["partner_id", "-started_at"],
                name="call_live",
                condition=models.Q(state__in=["trying", "ringing", "answered"]),
            ),
            models.Index(fields=["due_at"], name="call_due", condition=~models.Q(state="rated")),
            models.Index(fields=["started_at"], name="call_emergency", condition=models.Q(direction="emergency")),
            # once rated a call is never written again: each has one entry
            models.Index(fields=["sip_call_id"], name="call_by_sip_id", condition=models.Q(state="rated")),
        ]

    def __str__(self) -> str:
        return f"{self.caller} → {self.callee}"


class CallEvent(models.Model):
    """A fact about a call, by its clock and not by arrival. Written by the edge, control and the sweeper only."""

    tenancy = Tenancy(through=("call_id", "calls_call"))

    call_id = models.UUIDField()
    kind = models.CharField(max_length=10)
    at_ms = models.BigIntegerField()
    source = models.CharField(max_length=16)  # edge | control | sweeper
    detail = models.JSONField(default=dict)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["call_id", "kind"],
                condition=models.Q(kind__in=["applied", "answered", "ended", "failed"]),
                name="one_event_of_a_kind",
            )
        ]
        indexes = [models.Index(fields=["call_id", "at_ms"], name="event_by_call")]

    def __str__(self) -> str:
        return f"{self.kind} {self.call_id}"


# What the CDR panel shows: the sale to the customer. The tiers above are reached from it, by call.
SHOWN = models.Q(tier=0, is_carrier_cost=False)


BUNDLED = models.Q(explanation__contains={"bundles": [{}]})  # a package has paid for a part of the call


def by_last_digits(number: str) -> models.Index:
    """`public.carillon_search` finds calls by the end of a number, however its beginning was written."""
    reversed_ = OpClass(Reverse(number), "text_pattern_ops")
    return models.Index(models.F("partner"), reversed_, name=f"cdr_by_{number}", condition=SHOWN)


class Cdr(TenantModel):
    """What one call cost one charged party at one tier. `partner` is the tier's seller and owns the row.

    The carrier's row (`is_carrier_cost`) is owned by the gateway's partner. What happened never changes once written;
    the price does by re-rating alone (`sql/20_rerated.sql`), which keeps what it was. Once it is on an invoice
    (`invoice_id`) only a credit note corrects it.
    """

    tenancy = Tenancy(also=("buyer_partner_id",), customer="customer_id", across=("buyer_partner",))
    revoked = ("update", "delete")

    partner = of_tenant()
    started_on = models.DateField()
    call_id = models.UUIDField()
    chain = models.CharField(max_length=12)
    chain_no = models.PositiveSmallIntegerField(default=0)  # the chain's index in the call's decision
    tier = models.PositiveSmallIntegerField()
    tab = models.CharField(max_length=8, choices=Tab.choices)
    is_carrier_cost = models.BooleanField(default=False)
    buyer_partner = models.ForeignKey(
        Partner, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    customer_id = models.BigIntegerField(null=True)  # tier 0 only: the customer sees its own price, nothing above
    customer_name = models.CharField(max_length=100, default="")
    user_id = models.BigIntegerField(null=True)
    user_name = models.CharField(max_length=100, default="")
    account_id = models.BigIntegerField(null=True)
    gateway_id = models.BigIntegerField(null=True)
    gateway_name = models.CharField(max_length=100, default="")
    direction = models.CharField(max_length=10)
    caller = models.CharField(max_length=64)
    callee = models.CharField(max_length=64)
    destination = models.CharField(max_length=100, default="")
    started_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField()
    ring_ms = models.BigIntegerField(null=True)  # from its arrival until a phone rang; None: none did
    duration_ms = models.BigIntegerField()
    billed_s = models.PositiveIntegerField()
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    sip_code = models.PositiveSmallIntegerField(default=0)
    sip_reason = models.CharField(max_length=200, default="")
    currency = models.CharField(max_length=3)
    amount_micro = models.BigIntegerField()
    is_loss = models.BooleanField(default=False, db_default=False)  # the seller paid more for the call than it was paid
    explanation = models.JSONField()
    invoice_id = models.BigIntegerField(null=True)
    rated_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Cdr"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["started_on", "call_id", "chain", "chain_no", "tier", "is_carrier_cost"],
                name="one_cdr_per_chain_no_and_tier",
            )
        ]
        indexes = [
            models.Index(fields=["partner", "tab", "-started_at", "-id"], name="cdr_shown", condition=SHOWN),
            # for those who see several sellers: rows of several leading values come in no order
            models.Index(fields=["tab", "-started_at", "-id"], name="cdr_by_time", condition=SHOWN),
            models.Index(
                fields=["partner", "customer_id", "-started_at", "-id"], name="cdr_of_customer", condition=SHOWN
            ),
            models.Index(fields=["call_id"], name="cdr_by_call"),
            models.Index(fields=["partner", "-started_at"], name="cdr_loss", condition=models.Q(is_loss=True)),
            # few calls have packages that paid for them: who used one is counted over all of these
            models.Index(fields=["partner", "customer_id", "started_at"], name="cdr_of_bundles", condition=BUNDLED),
            by_last_digits("callee"),
            by_last_digits("caller"),
        ]

    def __str__(self) -> str:
        return f"{self.caller} → {self.callee}"


class CallTrace(models.Model):
    """The SIP messages of one call on all its legs: zlib-compressed JSON lines.

    `partner_id` is the call's, by whose rule the trace is forgotten; None when the call's row was not there yet.
    """

    tenancy = Tenancy(through=("call_id", "calls_call"))

    call_id = models.UUIDField(primary_key=True)
    partner_id = models.BigIntegerField(null=True)
    messages = models.BinaryField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["partner_id", "recorded_at"], name="trace_by_age")]

    def __str__(self) -> str:
        return str(self.call_id)


class PhoneTest(TenantModel):
    """A call that the platform itself places as one of a customer's users, to see whether a phone rings.

    It is a call like any other, with a decision, a price and a CDR, found by `sip_call_id`.
    """

    tenancy = Tenancy(customer="customer_id")

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    callee = models.CharField(max_length=64)  # as dialled
    state = models.CharField(max_length=8, choices=PhoneTestState.choices, default=PhoneTestState.WAITING)
    sip_call_id = models.CharField(max_length=64)
    sip_code = models.PositiveSmallIntegerField(default=0)
    sip_reason = models.CharField(max_length=200, default="", blank=True)
    has_heard = models.BooleanField(null=True)  # whether sound came back; None: it was not answered
    placed_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = ScopedQuerySet["PhoneTest"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["partner", "-id"], name="phone_test_by_partner")]

    def __str__(self) -> str:
        return f"{self.user} → {self.callee}"
