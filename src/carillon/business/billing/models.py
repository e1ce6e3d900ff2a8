"""The double-entry ledger, accounts and holds. Amounts are micro-units; entries of a transfer sum to zero."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.billing.choices import AccountKind, HoldState, ReratedState, ReratingState, TransferKind
from carillon.business.customers.choices import CustomerKind
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Partner
from carillon.business.partners.tenant import TenantModel, of_tenant
from carillon.business.pricing.models import PriceList, PriceListVersion


class Account(TenantModel):
    """Money in one currency in the books of `partner`.

    Customers' and sub-partners' accounts: available = balance - reserved - unposted + credit limit. `balance_micro`
    is the sum of the account's entries; `reserved_micro` of its open holds and credit windows; `unposted_micro` of
    rated calls that no batch has posted yet. `open_calls` counts its open holds that have a channel, for the cap on
    channels.
    """

    tenancy = Tenancy(also=("buyer_partner_id",), customer="customer_id", across=("buyer_partner",))

    kind = models.CharField(max_length=8, choices=AccountKind.choices)
    customer = models.ForeignKey(Customer, null=True, on_delete=models.PROTECT, related_name="+")
    buyer_partner = models.ForeignKey(Partner, null=True, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    balance_micro = models.BigIntegerField(default=0)
    reserved_micro = models.BigIntegerField(default=0)
    unposted_micro = models.BigIntegerField(default=0)
    credit_limit_micro = models.BigIntegerField(default=0)
    open_calls = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Account"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "kind", "customer", "buyer_partner", "currency"],
                name="one_account_each",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=models.Q(reserved_micro__gte=0), name="reserved_not_negative"),
            models.CheckConstraint(condition=models.Q(unposted_micro__gte=0), name="unposted_not_negative"),
            models.CheckConstraint(condition=models.Q(credit_limit_micro__gte=0), name="credit_limit_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.currency}"

    @property
    def available_micro(self) -> int:
        """What the holder may still spend, credit limit included."""
        return self.balance_micro - self.reserved_micro - self.unposted_micro + self.credit_limit_micro


class TaxRule(TenantModel):
    """A tax on what customers of `partner` pay, from a moment on; see `carillon.logic.callflow.taxes`.

    `country` "" is any, `customer_kind` "" companies and individuals. Rules of one name are the rates of one tax.
    """

    name = models.CharField(max_length=50)
    country = models.CharField(max_length=2, default="", blank=True)
    customer_kind = models.CharField(max_length=10, choices=CustomerKind.choices, default="", blank=True)
    percent = models.DecimalField(max_digits=6, decimal_places=3)
    position = models.PositiveSmallIntegerField(default=1)  # in which order several taxes are named
    effective_from = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["TaxRule"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "name", "country", "customer_kind", "effective_from"],
                name="tax_rule_once_per_moment",
            )
        ]
        indexes = [models.Index(fields=["partner", "name", "id"], name="tax_rule_by_name")]

    def __str__(self) -> str:
        return f"{self.name} {self.percent.normalize():f} %"


class Transfer(TenantModel):
    """A movement of money. Append-only; a correction is a reversal."""

    tenancy = Tenancy(also=("buyer_partner_id",), customer="customer_id", across=("buyer_partner",))
    revoked = ("update", "delete")

    idempotency_key = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=10, choices=TransferKind.choices)
    reference = models.CharField(max_length=200, default="")
    customer = models.ForeignKey(Customer, null=True, on_delete=models.PROTECT, related_name="+")
    buyer_partner = models.ForeignKey(Partner, null=True, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount_micro = models.BigIntegerField()  # as the buyer sees it: positive adds to its balance
    actor_name = models.CharField(max_length=200, default="")
    at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Transfer"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["partner", "-id"], name="transfer_newest"),
            models.Index(fields=["customer", "-id"], include=["amount_micro", "currency"], name="transfer_of_customer"),
            models.Index(
                fields=["buyer_partner", "-id"], include=["amount_micro", "currency"], name="transfer_of_buyer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"

    @property
    def charged(self) -> tuple[str, str] | None:
        """Of a batch of calls: the account's id and the minute in which they ended (ISO 8601); None of all others."""
        word, *parts = self.idempotency_key.split(":")
        if word != "calls" or len(parts) != 3:
            return None
        return parts[0], datetime.strptime(f"{parts[1]}+0000", "%Y%m%d%H%M%z").isoformat()

    @property
    def charged_account(self) -> str:
        """Which account the calls were charged to."""
        return self.charged[0] if self.charged else ""

    @property
    def charged_minute(self) -> str:
        """When the calls ended."""
        return self.charged[1] if self.charged else ""


class Entry(TenantModel):
    """One side of a transfer. A deferred trigger refuses a transfer whose entries do not sum to zero per currency."""

    tenancy = Tenancy(across=())
    revoked = ("update", "delete")

    partner = of_tenant()
    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="entries", db_constraint=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries", db_constraint=False)
    currency = models.CharField(max_length=3)
    amount_micro = models.BigIntegerField()

    objects = ScopedQuerySet["Entry"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "-id"], name="entry_by_account")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.amount_micro}"


class Hold(TenantModel):
    """Money set aside for one charge chain of a running call on its customer's account; it ends with the call.

    `upper` is what the chain has of the tiers above: [[account id, micro-units], ...], its shares of the credit windows
    that the call's edge has there. `bundles` is what it has of allowances, in the order of use: [[allowance id,
    seconds], ...], a part of their `reserved`.

    `has_channel`: its call counts in the account's `open_calls`; one that is over and not rated yet may no longer do.

    It is found by its call alone, and no index has what changes: an extension, and its end, write its row and nothing
    else. What a customer's open holds come to is its account's `reserved_micro`.
    """

    tenancy = Tenancy(proven=("account",))
    revoked = ("insert", "delete")  # `callfeed.take_hold` alone writes new ones

    call_id = models.UUIDField()
    chain_no = models.PositiveSmallIntegerField(default=0)  # the chain's index in the call's decision
    partner = of_tenant(is_indexed=False)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="holds", db_constraint=False, db_index=False
    )
    amount_micro = models.BigIntegerField()
    upper = models.JSONField(default=list)
    bundles = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=HoldState.choices, default=HoldState.OPEN)
    has_channel = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Hold"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["call_id", "chain_no"], name="one_hold_per_chain")]

    def __str__(self) -> str:
        return f"{self.call_id} {self.amount_micro}"


class CreditWindow(TenantModel):
    """What the control of one edge may promise of a sub-partner's account unasked: a part of its `reserved_micro`.

    `granted_micro` covers the shares of the edge's open holds and what control has free in memory (decision 0012).
    """

    tenancy = Tenancy(across=())

    partner = of_tenant()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="windows", db_constraint=False)
    edge = models.CharField(max_length=64)
    granted_micro = models.BigIntegerField(default=0)

    objects = ScopedQuerySet["CreditWindow"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "edge"], name="one_window_each"),
            models.CheckConstraint(condition=models.Q(granted_micro__gte=0), name="granted_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.edge} {self.account_id} {self.granted_micro}"


class EdgeLease(models.Model):
    """Which control may spend the windows of an edge: `lease` is its own number, null when nobody may.

    It is taken away once `expires_at` is over and swept; a control that is late finds its calls granted one by one.
    """

    edge = models.CharField(max_length=64)
    lease = models.UUIDField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edge"], name="one_lease_each")]

    def __str__(self) -> str:
        return self.edge


class UnpostedCharge(TenantModel):
    """A rated CDR waiting for the next ledger batch of its account and minute.

    `account` is the buyer's; for a carrier's cost the payable account of the gateway's owner.
    """

    cdr_id = models.BigIntegerField(unique=True)
    partner = of_tenant(is_indexed=False)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    amount_micro = models.BigIntegerField()
    minute = models.DateTimeField()

    objects = ScopedQuerySet["UnpostedCharge"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["minute", "account"], name="unposted_by_minute")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.amount_micro}"


class Rerating(TenantModel):
    """A run that charges past calls again: worked out first, applied when a person says so.

    The charges of `since` (inclusive) to `until` (exclusive) by `price_list`, of `customer` or of the sub-partner
    `buyer_partner`, all conditions together, are priced by `version`; None: by the version of their own list that was
    in force when each call began. `is_whole_chain`: also the other charges of the same calls that `partner` and those
    below it make or pay. A run that `undoes` another puts back what that one has changed.

    `sums` are by currency, `groups` by buyer, destination and tier: those with the largest differences.
    """

    tenancy = Tenancy(across=("customer", "price_list", "version", "buyer_partner"))
    audit_exclude = ("sums", "groups")

    state = models.CharField(max_length=8, choices=ReratingState.choices, default=ReratingState.WAITING)
    customer = models.ForeignKey(Customer, null=True, on_delete=models.PROTECT, related_name="+")
    price_list = models.ForeignKey(PriceList, null=True, on_delete=models.PROTECT, related_name="+")
    buyer_partner = models.ForeignKey(Partner, null=True, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(PriceListVersion, null=True, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField()
    is_whole_chain = models.BooleanField(default=False)
    reason = models.CharField(max_length=500)
    undoes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="undone_by")
    calls = models.PositiveIntegerField(default=0)  # charges looked at
    different = models.PositiveIntegerField(default=0)
    unpriced = models.PositiveIntegerField(default=0)  # that the list has no price for: they stay as they are
    invoiced = models.PositiveIntegerField(default=0)  # on an invoice: only a credit note corrects them
    applied = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)  # meanwhile, by another run: they stay as they are
    sums = models.JSONField(default=list)
    groups = models.JSONField(default=dict)
    job_id = models.UUIDField(null=True)  # that works on it
    actor_name = models.CharField(max_length=200, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)

    objects = ScopedQuerySet["Rerating"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["partner", "-id"], name="rerating_newest")]

    def __str__(self) -> str:
        return f"{self.pk} {self.since:%Y-%m-%d} – {self.until:%Y-%m-%d}"


class ReratedCharge(TenantModel):
    """A charge that a re-rating changes: what the CDR said `before` and says `after`; the history of its charges.

    Both are `logic.rerating.Price` as documents. `partner` is the CDR's, who sells or pays the carrier.
    """

    tenancy = Tenancy(across=("rerating",))

    partner = of_tenant()
    rerating = models.ForeignKey(Rerating, on_delete=models.CASCADE, related_name="charges")
    state = models.CharField(max_length=9, choices=ReratedState.choices, default=ReratedState.DIFFERENT)
    cdr_id = models.BigIntegerField()
    call_id = models.UUIDField()
    started_at = models.DateTimeField()
    tier = models.PositiveSmallIntegerField()
    is_carrier_cost = models.BooleanField(default=False)
    seller = models.CharField(max_length=100, default="")
    buyer = models.CharField(max_length=100, default="")
    callee = models.CharField(max_length=64)
    duration_ms = models.BigIntegerField()
    destination = models.CharField(max_length=100, default="")
    currency = models.CharField(max_length=3)
    was_micro = models.BigIntegerField()
    amount_micro = models.BigIntegerField()
    before = models.JSONField()
    after = models.JSONField()

    objects = ScopedQuerySet["ReratedCharge"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rerating", "cdr_id"], name="rerated_once_per_run")]
        indexes = [models.Index(fields=["cdr_id"], name="rerated_by_cdr")]

    def __str__(self) -> str:
        return f"{self.callee} {self.was_micro} → {self.amount_micro}"
