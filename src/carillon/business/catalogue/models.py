"""Plans and add-ons, what they cost and include, who has them, and what is left of what they include."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.brands.choices import DestinationKind
from carillon.business.catalogue.choices import (
    Interval,
    Per,
    Period,
    ProductKind,
    ProductState,
    SubscriptionState,
    Unit,
)
from carillon.business.customers.models import Customer, User
from carillon.business.partners.tenant import TenantModel
from carillon.business.pricing.models import DestinationGroup, PriceList


class Product(TenantModel):
    """A plan or an add-on that a partner sells. `period`: how often packages are renewed and fees are due.

    `billing_day`: on which day of the month periods begin; null: on that of the subscription. `precedence` is for
    add-ons: of several that bring a price list the highest wins, and each wins over the plan. The limits of a trial
    hold while a customer tries its plan; null: none.
    """

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=6, choices=ProductKind.choices, default=ProductKind.PLAN)
    state = models.CharField(max_length=9, choices=ProductState.choices, default=ProductState.DRAFT)
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=500, default="", blank=True)
    web_product_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)  # where it is sold; [] everywhere
    period = models.CharField(max_length=5, choices=Period.choices, default=Period.MONTH)
    billing_day = models.PositiveSmallIntegerField(null=True, blank=True)
    precedence = models.PositiveSmallIntegerField(default=100)
    price_list = models.ForeignKey(PriceList, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    is_tax_inclusive = models.BooleanField(default=False, db_default=False)  # fees have the customer's taxes in them
    trial_days = models.PositiveSmallIntegerField(default=0)  # 0: no trial
    trial_goes_on = models.BooleanField(default=False)  # paid for from its end on, unless cancelled before
    trial_max_channels = models.PositiveIntegerField(null=True, blank=True)
    trial_max_call_s = models.PositiveIntegerField(null=True, blank=True)
    trial_max_spend_micro = models.BigIntegerField(null=True, blank=True)  # on calls, in the whole trial
    trial_allowed_classes = ArrayField(
        models.CharField(max_length=16, choices=DestinationKind.choices), default=list, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Product"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "name"], name="product_name_once_per_partner")]
        indexes = [models.Index(fields=["partner", "name", "id"], name="product_by_name")]

    def __str__(self) -> str:
        return self.name


class Fee(TenantModel):
    """What a product costs: an amount for each of what it is charged for, once or at the start of each interval.

    `is_prorated`: a part of an interval costs that part; otherwise a part costs the whole and nothing comes back.
    """

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="fees")
    name = models.CharField(max_length=100)
    per = models.CharField(max_length=7, choices=Per.choices, default=Per.ACCOUNT)
    interval = models.CharField(max_length=5, choices=Interval.choices, default=Interval.MONTH)
    amount_micro = models.BigIntegerField()
    is_prorated = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Fee"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["product", "name"], name="fee_name_once_per_product")]
        indexes = [models.Index(fields=["partner", "name", "id"], name="fee_by_name")]

    def __str__(self) -> str:
        return self.name


class Package(TenantModel):
    """What a product includes in each period: `included` minutes of calls or messages, to those of `group` (null: all).

    Call time is used up in intervals: `initial_s` at once, then `increment_s`. `covers_fee`: the connection fee of a
    call that the package pays for is not charged. What is left over may be used for `rollover_periods` more. When
    nothing is left, calls cost money, or with `blocks` are refused.
    """

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="packages")
    name = models.CharField(max_length=100)
    group = models.ForeignKey(DestinationGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    unit = models.CharField(max_length=7, choices=Unit.choices, default=Unit.SECOND)
    included = models.PositiveIntegerField()
    initial_s = models.PositiveIntegerField(default=60)
    increment_s = models.PositiveIntegerField(default=60)
    covers_fee = models.BooleanField(default=True)
    is_per_user = models.BooleanField(default=False)
    is_prorated = models.BooleanField(default=True)
    rollover_periods = models.PositiveSmallIntegerField(default=0)
    blocks = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Package"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["product", "name"], name="package_name_once_per_product")]
        indexes = [models.Index(fields=["partner", "name", "id"], name="package_by_name")]

    def __str__(self) -> str:
        return self.name


class Subscription(TenantModel):
    """A customer, or one of its users, has a product. Days are the customer's own, by its time zone.

    `anchor_on` is the first day of the whole period that it began in, so periods begin each month (or year) after it,
    on `anchor_day` where the month has one; `[period_on, period_until)` are the days of the present one.
    """

    tenancy = Tenancy(customer="customer_id")

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="subscriptions")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="subscriptions")
    next_product = models.ForeignKey(Product, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)  # the product's: customers don't read products
    kind = models.CharField(max_length=6, choices=ProductKind.choices)  # the product's
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=9, choices=SubscriptionState.choices)
    starts_on = models.DateField()
    anchor_on = models.DateField()
    anchor_day = models.PositiveSmallIntegerField()
    period_on = models.DateField()
    period_until = models.DateField()
    is_paid = models.BooleanField(default=False)  # what is due in the present period
    due_at = models.DateTimeField(null=True)  # when it is looked at next; null: never again
    trial_until = models.DateTimeField(null=True)
    unpaid_since = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    conflicts = ArrayField(models.CharField(max_length=300), default=list, blank=True)  # that were confirmed
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Subscription"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "user"],
                condition=models.Q(kind=ProductKind.PLAN) & ~models.Q(state=SubscriptionState.ENDED),
                name="one_plan_at_a_time",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(period_on__lt=models.F("period_until")), name="period_is_no_shorter_than_a_day"
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "-id"], name="subscription_newest"),
            models.Index(fields=["customer", "-id"], name="subscription_of_customer"),
            models.Index(fields=["due_at"], name="subscription_due", condition=models.Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name


class FeeCharge(TenantModel):
    """What a subscription was charged, or given back (negative), for days `[since, until)`: one transfer each.

    `key` is its idempotency key in the ledger. `unit_micro` times `quantity` is what the whole interval costs, without
    `taxes` (name and percent of each) unless `is_tax_inclusive`; `amount_micro` is with them, `tax_micro` of it taxes.
    """

    tenancy = Tenancy(customer="customer_id")
    revoked = ("update", "delete")

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="charges")
    fee_id = models.BigIntegerField()  # which may be gone meanwhile: everything that matters is here
    fee_name = models.CharField(max_length=100)
    interval = models.CharField(max_length=5, choices=Interval.choices)
    is_prorated = models.BooleanField()
    key = models.CharField(max_length=120, unique=True)
    quantity = models.PositiveIntegerField()
    unit_micro = models.BigIntegerField()
    amount_micro = models.BigIntegerField()
    tax_micro = models.BigIntegerField(default=0, db_default=0)
    taxes = models.JSONField(default=list, db_default=[], blank=True)
    is_tax_inclusive = models.BooleanField(default=False, db_default=False)
    currency = models.CharField(max_length=3)
    interval_on = models.DateField()  # the whole interval that the days are a part of
    interval_until = models.DateField()
    since = models.DateField()
    until = models.DateField()
    at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["FeeCharge"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["partner", "-id"], name="fee_charge_newest"),
            models.Index(fields=["subscription", "-id"], name="fee_charge_of_subscription"),
        ]

    def __str__(self) -> str:
        return self.fee_name

    @property
    def net_micro(self) -> int:
        """The amount without taxes."""
        return self.amount_micro - self.tax_micro


class Allowance(TenantModel):
    """What one package gives in one period: so many seconds of calls or messages, and what has become of them.

    For numbers of `group`, null: for all.

    Calls use live rows (`starts_at <= now < ends_at`) of their customer: those of their user and shared ones (`user`
    null). `used` and `reserved` change in the callfeed functions and where calls are settled, everything else here.
    What rolls over is a row that ends later, so nothing is ever given twice. A row that has ended keeps what was used.
    """

    tenancy = Tenancy(customer="customer_id")

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="allowances")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="allowances")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="allowances")
    package = models.ForeignKey(Package, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=100)  # the package's
    group = models.ForeignKey(DestinationGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    unit = models.CharField(max_length=7, choices=Unit.choices)
    granted = models.BigIntegerField()
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    initial_s = models.PositiveIntegerField(default=60)
    increment_s = models.PositiveIntegerField(default=60)
    covers_fee = models.BooleanField(default=True)
    blocks = models.BooleanField(default=False)
    period_on = models.DateField()  # the first day of the period it was given for
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Allowance"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "package", "user", "period_on"],
                name="allowance_once_per_period",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(used__gte=0)
                & models.Q(reserved__gte=0)
                & models.Q(granted__gte=models.F("used") + models.F("reserved")),
                name="allowance_is_never_overdrawn",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "ends_at", "id"], name="allowance_by_expiry"),
            models.Index(fields=["partner", "-id"], name="allowance_newest"),
        ]

    def __str__(self) -> str:
        return self.name
