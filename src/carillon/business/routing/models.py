"""Carriers' gateways and the routing table."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carillon.base.choices import Transport
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer
from carillon.business.partners.tenant import TenantModel
from carillon.business.pricing.models import PriceList
from carillon.business.routing.choices import (
    CallerHeader,
    Codec,
    DecimalMark,
    DurationUnit,
    FromUser,
    GatewayMode,
    NumberFormat,
    Presence,
    StartMeans,
    Strategy,
    Verdict,
    Weekday,
)


class Gateway(TenantModel):
    """A carrier's host: where calls go out and where they come in from."""

    audit_exclude = ("auth_secret", "auth_ha1")

    name = models.CharField(max_length=100)
    mode = models.CharField(max_length=12, choices=GatewayMode.choices, default=GatewayMode.ADDRESS)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField(default=5060)
    transport = models.CharField(max_length=3, choices=Transport.choices, default=Transport.UDP)
    country = models.CharField(max_length=2, default="", blank=True)  # for the national number format
    auth_username = models.CharField(max_length=64, default="", blank=True)
    auth_secret = models.TextField(default="", blank=True)  # "v1:" + Fernet token
    auth_ha1 = models.CharField(max_length=32, default="", blank=True)  # of the secret: what uacreg registers with
    auth_realm = models.CharField(max_length=253, default="", blank=True)
    source_addresses = ArrayField(models.CharField(max_length=47), default=list, blank=True)  # CIDR
    number_format = models.CharField(max_length=8, choices=NumberFormat.choices, default=NumberFormat.E164)
    strip = models.PositiveSmallIntegerField(default=0)
    prepend = models.CharField(max_length=16, default="", blank=True)
    ring_timeout_s = models.PositiveIntegerField(default=60)
    reply_timeout_ms = models.PositiveIntegerField(default=4000)
    caller_header = models.CharField(max_length=4, choices=CallerHeader.choices, default=CallerHeader.PAI)
    caller_format = models.CharField(
        max_length=8, choices=NumberFormat.choices, default="", blank=True
    )  # "": as numbers
    from_user = models.CharField(max_length=7, choices=FromUser.choices, default=FromUser.CALLER)
    from_domain = models.CharField(max_length=253, default="", blank=True)  # "": our address
    sends_name = models.BooleanField(default=False)
    is_trusted = models.BooleanField(default=True)  # with numbers that their owners withhold
    sends_diversion = models.BooleanField(default=True)
    shows_foreign_caller = models.BooleanField(default=False)  # of a call that was forwarded
    codecs = ArrayField(models.CharField(max_length=8, choices=Codec.choices), default=list, blank=True)  # empty: all
    max_channels = models.PositiveIntegerField(
        null=True, blank=True
    )  # calls that we have there at once; null: no limit
    calls_per_s = models.PositiveSmallIntegerField(null=True, blank=True)  # that we begin there; null: no limit
    cost_list = models.ForeignKey(PriceList, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    received_list = models.ForeignKey(PriceList, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    is_probed = models.BooleanField(default=True)  # asked by OPTIONS whether it is there
    probe_interval_s = models.PositiveSmallIntegerField(default=30)
    is_enabled = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Gateway"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "name"], name="gateway_name_once_per_partner")]
        indexes = [models.Index(fields=["partner", "name", "id"], name="gateway_by_name")]

    def __str__(self) -> str:
        return self.name


class GatewayHealth(TenantModel):
    """How a gateway is, as control has found it by OPTIONS and by calls (`carillon.logic.health`). Control writes it.

    `uri` is the address it is true of. `quarters`: of each quarter of an hour of the last day what was asked, how slow
    it was, and how the calls went (`carillon.logic.health.written`).
    """

    gateway = models.OneToOneField(Gateway, on_delete=models.CASCADE, related_name="health")
    uri = models.CharField(max_length=300)
    presence = models.CharField(max_length=7, choices=Presence.choices, default=Presence.UNKNOWN)
    since = models.DateTimeField(null=True)
    silences = models.PositiveIntegerField(default=0)  # in a row
    replied_at = models.DateTimeField(null=True)  # to an OPTIONS, last
    heard_at = models.DateTimeField(null=True)  # to anything, last
    sip_code = models.PositiveSmallIntegerField(null=True)
    round_trip_ms = models.PositiveIntegerField(null=True)
    quarters = models.JSONField(default=list)

    objects = ScopedQuerySet["GatewayHealth"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["partner", "presence"], name="gateway_health_by_presence")]

    def __str__(self) -> str:
        return f"{self.gateway_id}: {self.presence}"


class Route(TenantModel):
    """A line of the routing table; see `carillon.logic.callflow.feed.Route` for what its fields decide."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=15, default="", blank=True)
    strategy = models.CharField(max_length=10, choices=Strategy.choices, default=Strategy.STATIC)
    priority = models.PositiveIntegerField(default=100)
    is_stopper = models.BooleanField(default=False)
    allows_loss = models.BooleanField(default=False)
    is_emergency = models.BooleanField(default=False)
    country = models.CharField(max_length=2, default="", blank=True)
    web_product = models.ForeignKey(WebProduct, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    weekdays = ArrayField(models.CharField(max_length=3, choices=Weekday.choices), default=list, blank=True)  # [] all
    begins = models.CharField(max_length=5, default="", blank=True)  # "18:00"; "": the whole day
    ends = models.CharField(max_length=5, default="", blank=True)  # not later than `begins`: on the next day
    timezone = models.CharField(max_length=64, default="UTC")  # of weekdays and times
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Route"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["partner", "prefix", "priority", "id"], name="route_by_prefix")]

    def __str__(self) -> str:
        return self.name

    def audit_also(self) -> dict[str, object]:
        """History shows a route with its gateways in order; one query."""
        lines = RouteGateway.objects.filter(route=self).values_list("gateway_id", "weight") if self.pk else ()
        return {"gateway_ids": [one for one, _ in lines], "weights": [weight for _, weight in lines]}


class RouteGateway(TenantModel):
    """A gateway in a route, in order."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="gateways")
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    weight = models.PositiveSmallIntegerField(default=0)  # its share among neighbours that have one

    objects = ScopedQuerySet["RouteGateway"].as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["route", "gateway"], name="gateway_once_per_route")]

    def __str__(self) -> str:
        return f"{self.route_id}/{self.position}"


class CdrProvider(TenantModel):
    """A carrier's CDR files: how they look, and with which gateways' calls they are compared.

    Columns are titles of the header line, or "#3" for the third column. `time_format` is for `strptime`; "": ISO 8601.
    """

    name = models.CharField(max_length=100)
    gateway_ids = ArrayField(models.BigIntegerField(), default=list)
    started_column = models.CharField(max_length=60)
    callee_column = models.CharField(max_length=60)
    duration_column = models.CharField(max_length=60)
    caller_column = models.CharField(max_length=60, default="", blank=True)
    price_column = models.CharField(max_length=60, default="", blank=True)
    call_id_column = models.CharField(max_length=60, default="", blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    time_format = models.CharField(max_length=60, default="", blank=True)
    start_means = models.CharField(max_length=6, choices=StartMeans.choices, default=StartMeans.SETUP)
    duration_unit = models.CharField(max_length=12, choices=DurationUnit.choices, default=DurationUnit.SECONDS)
    decimal_mark = models.CharField(max_length=5, choices=DecimalMark.choices, default=DecimalMark.POINT)
    currency = models.CharField(max_length=3)
    price_divisor = models.PositiveIntegerField(default=1)  # 100: prices are in cents
    country = models.CharField(max_length=2, default="", blank=True)  # of numbers without a country code
    start_tolerance_s = models.PositiveIntegerField(default=60)
    duration_tolerance_s = models.PositiveIntegerField(default=1)
    price_tolerance_micro = models.PositiveBigIntegerField(default=100)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["CdrProvider"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "name"], name="cdr_provider_name_once_per_partner")]
        indexes = [models.Index(fields=["partner", "name", "id"], name="cdr_provider_by_name")]

    def __str__(self) -> str:
        return self.name


class Reconciliation(TenantModel):
    """A carrier's file compared with our calls; money in micro-units of `currency`."""

    provider = models.ForeignKey(CdrProvider, on_delete=models.CASCADE, related_name="reconciliations")
    file_name = models.CharField(max_length=100)
    since = models.DateTimeField()
    until = models.DateTimeField()
    currency = models.CharField(max_length=3)
    counts = models.JSONField(default=dict)  # by Verdict
    theirs_micro = models.BigIntegerField(default=0)
    ours_micro = models.BigIntegerField(default=0)
    overcharged_micro = models.BigIntegerField(default=0)  # they ask more than we expect
    undercharged_micro = models.BigIntegerField(default=0)  # they ask less
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Reconciliation"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["partner", "-id"], name="reconciliation_newest")]

    def __str__(self) -> str:
        return f"{self.provider}, {self.file_name}"


class ReconciledCall(TenantModel):
    """One call of a reconciliation: theirs, ours or both."""

    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.CASCADE, related_name="lines")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    line = models.PositiveIntegerField(null=True)  # of their file
    started_at = models.DateTimeField()
    caller = models.CharField(max_length=64, default="")
    callee = models.CharField(max_length=64)
    theirs_ms = models.BigIntegerField(null=True)
    ours_ms = models.BigIntegerField(null=True)
    theirs_micro = models.BigIntegerField(null=True)
    ours_micro = models.BigIntegerField(null=True)
    overcharged_micro = models.BigIntegerField(default=0)
    call_id = models.UUIDField(null=True)
    sip_call_id = models.CharField(max_length=255, default="")

    objects = ScopedQuerySet["ReconciledCall"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["reconciliation", "verdict", "started_at", "id"], name="reconciled_by_verdict"),
            models.Index(fields=["reconciliation", "overcharged_micro", "id"], name="reconciled_by_money"),
            models.Index(fields=["partner", "started_at", "id"], name="reconciled_by_start"),
        ]

    def __str__(self) -> str:
        return f"{self.caller} → {self.callee}"
