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
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Number"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["partner", "e164", "id"], name="number_by_e164"),
            GinIndex(fields=["e164"], opclasses=["gin_trgm_ops"], name="number_by_text"),
        ]

    def __str__(self) -> str:
        return self.e164
