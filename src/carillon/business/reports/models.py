"""What CDRs add up to, so that a dashboard need not read millions of them."""

from __future__ import annotations

from django.db import models

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.calls.choices import Tab
from carillon.business.partners.models import Partner
from carillon.business.partners.tenant import TenantModel, of_tenant


class Figures(models.Model):
    """What is added up. Calls are counted as the CDR panel shows them: one per call and charged party.

    `ring_ms` is the post-dial delay, the time until a phone rang, of the `rung` calls for which it is known. Money is
    micro-units of `currency`: what `partner` was paid for the calls and what it paid for them itself.
    """

    tab = models.CharField(max_length=8, choices=Tab.choices)
    destination = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    calls = models.BigIntegerField()
    answered = models.BigIntegerField()
    talked_ms = models.BigIntegerField()
    rung = models.BigIntegerField()
    ring_ms = models.BigIntegerField()
    revenue_micro = models.BigIntegerField()
    cost_micro = models.BigIntegerField()

    class Meta:
        abstract = True


KEYS = ("partner_id", "hour", "tab", "destination", "currency")
SUMS = ("calls", "answered", "talked_ms", "rung", "ring_ms", "revenue_micro", "cost_micro")


class CallHour(Figures, TenantModel):
    """The calls that began in one hour (UTC) in a partner's part of the tree.

    Whoever settles calls adds rows (`is_part`) in the transaction that writes their CDRs, and locks nothing; the worker
    adds them up into one row each hour. Until then a sum needs both, and is right at any moment.
    """

    partner = of_tenant()
    hour = models.DateTimeField()
    is_part = models.BooleanField(default=True)

    objects = ScopedQuerySet["CallHour"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "hour", "tab", "destination", "currency"],
                condition=models.Q(is_part=False),
                name="one_sum_an_hour",
            )
        ]
        indexes = [
            models.Index(fields=["partner", "hour"], name="call_hour_of_partner"),
            models.Index(fields=["id"], name="call_hour_part", condition=models.Q(is_part=True)),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.tab} {self.destination}"


class CallShare(Figures):
    """What one CDR is to one partner: a view over CDRs, and the one definition of what a `CallHour` is the sum of.

    A call counts for its seller and for everybody above; money is each tier's own. `destination` and `tab` are those of
    the sale to the customer, on all tiers.
    """

    tenancy = Tenancy()

    partner = models.ForeignKey(Partner, on_delete=models.DO_NOTHING, related_name="+")
    hour = models.DateTimeField()
    started_at = models.DateTimeField()
    started_on = models.DateField()
    call_id = models.UUIDField(primary_key=True)  # of several rows; nobody asks for one
    seller_id = models.BigIntegerField()  # who sells to the customer
    customer_id = models.BigIntegerField(null=True)

    objects = ScopedQuerySet["CallShare"].as_manager()

    class Meta:
        managed = False
        db_table = "reports_callshare"

    def __str__(self) -> str:
        return str(self.call_id)
