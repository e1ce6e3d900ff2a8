"""What a partner's people are told without having asked."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carillon.base.tenancy import ScopedQuerySet
from carillon.business.customers.models import Customer, User
from carillon.business.endpoints.models import Endpoint
from carillon.business.notices.choices import AlertKind
from carillon.business.partners.tenant import TenantModel


class Alert(TenantModel):
    """Something that happened at a customer, told its partner once: here and by mail. Written by the worker alone.

    `since` is when the call or the outage began; with what it is about it makes the alert unique.
    """

    kind = models.CharField(max_length=9, choices=AlertKind.choices)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    endpoint = models.ForeignKey(Endpoint, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    call_id = models.UUIDField(null=True, blank=True)
    about = models.CharField(max_length=300)
    address = models.CharField(max_length=300, default="", blank=True)  # where help must come to
    since = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mailed_to = ArrayField(models.EmailField(), default=list, blank=True)

    objects = ScopedQuerySet["Alert"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["call_id", "kind"], name="alert_once_per_call"),
            models.UniqueConstraint(fields=["endpoint", "kind", "since"], name="alert_once_per_outage"),
        ]
        indexes = [models.Index(fields=["partner", "-id"], name="alert_by_partner")]

    def __str__(self) -> str:
        return self.about
