"""Who buys: customers, and the people who use what they bought."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.brands.choices import DestinationKind
from carillon.business.brands.models import WebProduct
from carillon.business.customers.choices import Charging, CustomerKind, UserRole
from carillon.business.partners.choices import Status
from carillon.business.partners.models import Login
from carillon.business.partners.tenant import TenantModel


class Customer(TenantModel):
    """A company or a person who buys from one partner through one web product. Currency is fixed once created."""

    tenancy = Tenancy(customer="id")

    web_product = models.ForeignKey(WebProduct, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=CustomerKind.choices, default=CustomerKind.COMPANY)
    name = models.CharField(max_length=100)
    email = models.EmailField(default="", blank=True)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    timezone = models.CharField(max_length=64, default="UTC")
    culture = models.CharField(max_length=12, default="en")
    tax_number = models.CharField(max_length=40, default="", blank=True)
    charging = models.CharField(max_length=8, choices=Charging.choices, default=Charging.PREPAID)
    max_channels = models.PositiveIntegerField(null=True, blank=True)
    calls_per_s = models.PositiveSmallIntegerField(null=True, blank=True)
    call_burst = models.PositiveSmallIntegerField(null=True, blank=True)  # at once; null: a second's worth
    max_daily_spend_micro = models.BigIntegerField(null=True, blank=True)  # on calls, by the customer's own day
    low_balance_micro = models.BigIntegerField(
        null=True, blank=True
    )  # told below it; null: the web product's; 0: never
    allowed_classes = ArrayField(
        models.CharField(max_length=16, choices=DestinationKind.choices), default=list, blank=True
    )
    max_call_minutes = models.PositiveSmallIntegerField(default=240)
    # where help must come to and which number is shown it; a user's own come first
    emergency_address = models.CharField(max_length=300, default="", blank=True)
    emergency_number = models.CharField(max_length=16, default="", blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=500, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Customer"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["partner", "name", "id"], name="customer_by_name"),
            models.Index(fields=["name", "id"], name="customer_by_name_in_tree"),  # of several partners, in order
            models.Index(fields=["partner", "-id"], name="customer_newest"),
            models.Index(fields=["web_product", "country"], name="customer_by_country"),
            GinIndex(fields=["name", "email"], opclasses=["gin_trgm_ops"] * 2, name="customer_by_text"),
        ]

    def __str__(self) -> str:
        return self.name


class User(TenantModel):
    """A person at a customer who makes and receives calls."""

    tenancy = Tenancy(customer="customer_id", across=("login",))

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="users")
    login = models.ForeignKey(Login, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=100)
    email = models.EmailField(default="", blank=True)
    extension = models.CharField(max_length=5, default="", blank=True)
    role = models.CharField(max_length=16, choices=UserRole.choices, default=UserRole.USER)
    emergency_address = models.CharField(max_length=300, default="", blank=True)
    emergency_number = models.CharField(max_length=16, default="", blank=True)
    # Forwarding: a destination is E.164 or an extension and is kept while its switch is off.
    forwards_always = models.BooleanField(default=False)
    forward_always_to = models.CharField(max_length=40, default="", blank=True)
    forwards_busy = models.BooleanField(default=False)
    forward_busy_to = models.CharField(max_length=40, default="", blank=True)
    forwards_no_answer = models.BooleanField(default=False)
    forward_no_answer_to = models.CharField(max_length=40, default="", blank=True)
    no_answer_s = models.PositiveSmallIntegerField(default=20)
    forwards_unreachable = models.BooleanField(default=False)
    forward_unreachable_to = models.CharField(max_length=40, default="", blank=True)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["User"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "extension"], condition=~models.Q(extension=""), name="extension_once_per_customer"
            )
        ]
        indexes = [
            models.Index(fields=["partner", "name", "id"], name="user_by_name"),
            models.Index(fields=["name", "id"], name="user_by_name_in_tree"),  # of several partners, in order
            GinIndex(fields=["name", "email"], opclasses=["gin_trgm_ops"] * 2, name="user_by_text"),
        ]

    def __str__(self) -> str:
        return self.name
