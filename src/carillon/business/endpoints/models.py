"""SIP accounts of devices and where they are registered."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from carillon.base.choices import Transport
from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer, User
from carillon.business.endpoints.choices import BanReason
from carillon.business.numbers.models import Number
from carillon.business.partners.tenant import TenantModel


class Endpoint(TenantModel):
    """A SIP account, `username@domain` of its customer's web product. The secret is encrypted; HA1 is derived."""

    tenancy = Tenancy(customer="customer_id")
    audit_exclude = ("secret", "ha1_md5", "ha1_sha256")

    web_product = models.ForeignKey(WebProduct, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="endpoints")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="endpoints")
    username = models.CharField(max_length=64)
    label = models.CharField(max_length=100, default="", blank=True)
    secret = models.TextField()  # "v1:" + Fernet token, key outside the database
    ha1_md5 = models.CharField(max_length=32)
    ha1_sha256 = models.CharField(max_length=64)
    caller_id = models.ForeignKey(Number, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    transport = models.CharField(max_length=3, choices=Transport.choices, default=Transport.UDP)
    is_enabled = models.BooleanField(default=True)
    withholds_caller = models.BooleanField(default=False)
    offline_alert_minutes = models.PositiveSmallIntegerField(null=True, blank=True)  # None: nobody is told
    # a trunk's: calls from there are this account's without a password; `address`, `address:port` or a block
    source_addresses = ArrayField(models.CharField(max_length=47), default=list, blank=True)
    # a trunk's: calls to this account go there, `address:port` over `transport`; "": where it has registered
    fixed_address = models.CharField(max_length=47, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Endpoint"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["web_product", "username"], name="username_once_per_domain")]
        indexes = [
            models.Index(fields=["partner", "username", "id"], name="endpoint_by_username"),
            models.Index(
                fields=["username", "id"], name="endpoint_by_username_in_tree"
            ),  # of several partners, in order
            GinIndex(fields=["username", "label"], opclasses=["gin_trgm_ops"] * 2, name="endpoint_by_text"),
        ]

    def __str__(self) -> str:
        return self.username


class Reachability(models.Model):
    """Whether a SIP account that has ever registered still is: `offline_since` is when its last contact was missed.

    A row of its own, because changes to endpoints are told to the call path. Kept by the worker; what notices read.
    """

    tenancy = Tenancy(through=("endpoint_id", "endpoints_endpoint"))

    endpoint = models.OneToOneField(Endpoint, primary_key=True, on_delete=models.CASCADE, related_name="reachability")
    offline_since = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["offline_since"], name="endpoint_offline", condition=models.Q(offline_since__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return str(self.endpoint_id)


class Location(models.Model):
    """A live registration: a view over the edge's location table, joined to the endpoint that owns it."""

    tenancy = Tenancy(customer="customer_id")

    id = models.BigIntegerField(primary_key=True)
    partner_id = models.BigIntegerField()
    customer = models.ForeignKey(Customer, on_delete=models.DO_NOTHING, related_name="+")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.DO_NOTHING, related_name="+")
    address_of_record = models.CharField(max_length=320)
    contact = models.CharField(max_length=512)
    received = models.CharField(max_length=255)
    user_agent = models.CharField(max_length=255)
    transport = models.CharField(max_length=8)
    registered_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects = ScopedQuerySet["Location"].as_manager()

    class Meta:
        managed = False
        db_table = "endpoints_location"

    def __str__(self) -> str:
        return self.contact


class Ban(TenantModel):
    """An address, or one account at an address, that the edge does not hear for a while. Control writes these rows.

    Its partner is the account's; bans on whole addresses are the operator's.
    """

    source = models.CharField(max_length=45)
    account = models.CharField(max_length=320, default="", blank=True)  # username@domain
    reason = models.CharField(max_length=16, choices=BanReason.choices)
    since = models.DateTimeField()
    until = models.DateTimeField()
    hits = models.PositiveBigIntegerField(default=0)  # requests turned away
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedQuerySet["Ban"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "account", "since"], name="ban_once_at_a_time")]
        indexes = [
            models.Index(fields=["partner", "-id"], name="ban_by_partner"),
            models.Index(fields=["until"], name="ban_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.account} ({self.source})" if self.account else self.source
