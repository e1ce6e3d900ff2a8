"""The stock of telephone numbers and whom they ring."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.customers.models import Customer, User
from carillon.business.numbers.choices import NumberKind, NumberState
from carillon.business.partners.tenant import TenantModel


class Number(TenantModel):
    """An E.164 number. `partner` is who holds it now; `user` is whom it rings."""

    tenancy = Tenancy(customer="customer_id")

    e164 = models.CharField(max_length=16, unique=True)
    country = models.CharField(max_length=2)
    area = models.CharField(max_length=100, default="", blank=True)
    kind = models.CharField(max_length=12, choices=NumberKind.choices, default=NumberKind.GEOGRAPHIC)
    state = models.CharField(max_length=12, choices=NumberState.choices, default=NumberState.AVAILABLE)
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="numbers")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="numbers")
    is_default_caller_id = models.BooleanField(default=False)  # of its user, else of its customer
    assigned_at = models.DateTimeField(null=True)
    quarantine_until = models.DateTimeField(null=True, blank=True)  # then it returns to stock; null: when somebody says
    supplier = models.CharField(max_length=100, default="", blank=True)
    currency = models.CharField(max_length=3, default="", blank=True)  # of the holder, and so of costs and fees
    setup_cost_micro = models.BigIntegerField(default=0)  # what the supplier charges
    monthly_cost_micro = models.BigIntegerField(default=0)
    setup_fee_micro = models.BigIntegerField(default=0)  # what a customer pays
    monthly_fee_micro = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Number"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["partner", "e164", "id"], name="number_by_e164"),
            models.Index(
                fields=["quarantine_until"], name="number_quarantined", condition=models.Q(state="quarantine")
            ),
            GinIndex(fields=["e164"], opclasses=["gin_trgm_ops"], name="number_by_text"),
        ]

    def __str__(self) -> str:
        return self.e164


class Tenure(TenantModel):
    """Who had a number from when until when (null: still); kept when the number has left the stock."""

    tenancy = Tenancy(customer="customer_id")

    e164 = models.CharField(max_length=16)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)

    objects = ScopedQuerySet["Tenure"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["e164"], condition=models.Q(until=None), name="one_tenure_at_a_time")
        ]
        indexes = [
            models.Index(fields=["e164", "-since"], name="tenure_by_number"),
            models.Index(fields=["partner", "-since", "-id"], name="tenure_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.e164} {self.customer_id}"
