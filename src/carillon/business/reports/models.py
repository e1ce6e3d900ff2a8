"""What CDRs add up to, so that a dashboard need not read millions of them; and reports that are mailed."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.calls.choices import Tab
from carillon.business.partners.models import Login, Partner
from carillon.business.partners.tenant import TenantModel, of_tenant
from carillon.business.reports.choices import Days, Every, FileFormat, Language, RunState, Weekday


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

    partner = of_tenant(is_indexed=False)
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


class ReportSchedule(TenantModel):
    """A report that is mailed again and again, with what its owner may see at the time.

    `report` is "dashboard" or a panel's slug. `permissions` are those that its owner had when it was written (a token's
    are fewer than its person's); it never uses more. `next_at` is the worker's.
    """

    tenancy = Tenancy(across=("owner",))
    audit_exclude = ("next_at", "permissions")

    name = models.CharField(max_length=100)
    report = models.CharField(max_length=50)
    query = models.CharField(max_length=2000, default="", blank=True)
    days = models.CharField(max_length=8, choices=Days.choices, default=Days.AS_SAID)
    format = models.CharField(max_length=4, choices=FileFormat.choices, default=FileFormat.XLSX)
    every = models.CharField(max_length=5, choices=Every.choices, default=Every.DAY)
    weekday = models.CharField(max_length=9, choices=Weekday.choices, default=Weekday.MONDAY)
    month_day = models.PositiveSmallIntegerField(default=1)
    at = models.CharField(max_length=5)  # "07:30"
    timezone = models.CharField(max_length=64, default="UTC")
    culture = models.CharField(max_length=12, choices=Language.choices, default=Language.ENGLISH)
    recipients = ArrayField(models.BigIntegerField(), default=list)  # logins
    owner = models.ForeignKey(Login, on_delete=models.CASCADE, related_name="+")
    permissions = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    is_enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["ReportSchedule"].as_manager()

    class Meta:
        verbose_name = "scheduled report"
        indexes = [
            models.Index(fields=["partner", "-id"], name="schedule_by_partner"),
            models.Index(fields=["next_at"], name="schedule_due", condition=models.Q(is_enabled=True)),
        ]

    def __str__(self) -> str:
        return self.name


class ReportRun(TenantModel):
    """One time that a report was due, or asked for: unique by when, so that it is sent once however often we look."""

    audit_exclude = ("content",)

    schedule = models.ForeignKey(
        ReportSchedule, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs"
    )  # null: removed since
    name = models.CharField(max_length=100)
    report = models.CharField(max_length=50)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=7, choices=RunState.choices, default=RunState.WAITING)
    detail = models.CharField(max_length=500, default="", blank=True)
    row_count = models.PositiveIntegerField(null=True, blank=True)
    file_name = models.CharField(max_length=120, default="", blank=True)
    size = models.PositiveIntegerField(default=0)
    content = models.BinaryField(null=True, blank=True)
    sent_to = ArrayField(models.EmailField(), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedQuerySet["ReportRun"].as_manager()

    class Meta:
        verbose_name = "report sent"
        constraints = [models.UniqueConstraint(fields=["schedule", "due_at"], name="report_once_each_time")]
        indexes = [
            models.Index(fields=["partner", "-id"], name="report_run_by_partner"),
            models.Index(fields=["created_at"], name="report_run_waiting", condition=models.Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.due_at:%Y-%m-%d %H:%M}"
