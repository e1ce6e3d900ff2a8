"""Prices and costs: lists, their versions with effective dates, and their rates."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Partner
from carillon.business.partners.tenant import TenantModel
from carillon.business.pricing.choices import (
    Purpose,
    RateChangeKind,
    Rounding,
    Traffic,
    TrialState,
    Unit,
    VersionState,
    Weekday,
)
from carillon.logic.pricetext import MAX_STEPS_TEXT, MAX_WINDOW_NAME, MAX_WINDOWS_TEXT


class PriceList(TenantModel):
    """A named list of prices (or of a carrier's costs) in one currency; what it says is in its versions.

    Its rules (`carillon.logic.callflow.feed.Tariff`) go into each version when that is approved, and stay there.
    """

    name = models.CharField(max_length=100)
    purpose = models.CharField(max_length=4, choices=Purpose.choices, default=Purpose.SALE)
    currency = models.CharField(max_length=3)
    is_tax_inclusive = models.BooleanField(default=False)
    decimals = models.PositiveSmallIntegerField(default=6)
    rounding = models.CharField(max_length=9, choices=Rounding.choices, default=Rounding.HALF_UP)
    unit = models.CharField(max_length=7, choices=Unit.choices, default=Unit.MINUTE)
    timezone = models.CharField(max_length=64, default="UTC")  # of the windows
    is_split = models.BooleanField(default=False)
    is_fee_deductible = models.BooleanField(default=False)
    ends_at_maximum = models.BooleanField(default=False)
    rounds_increments = models.BooleanField(default=False)
    needs_second_person = models.BooleanField(default=False)  # who has written a draft does not approve it
    notice_days = models.PositiveSmallIntegerField(null=True, blank=True)  # customers hear so long before; None: never
    cost_list_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)  # what it is marked up from
    note = models.CharField(max_length=500, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["PriceList"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "purpose", "name"], name="price_list_name_once")]
        indexes = [models.Index(fields=["partner", "purpose", "name", "id"], name="price_list_by_name")]

    def __str__(self) -> str:
        return self.name


class PriceListVersion(TenantModel):
    """What a list says from `effective_from` until the next approved version takes over. Approved ones never change."""

    audit_exclude = ("compared_with_id", "compared_at", "changes", "announced_at")

    price_list = models.ForeignKey(PriceList, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=VersionState.choices, default=VersionState.DRAFT)
    effective_from = models.DateTimeField()
    note = models.CharField(max_length=500, default="", blank=True)
    rate_count = models.PositiveIntegerField(default=0)
    authors = ArrayField(models.CharField(max_length=200), default=list, blank=True)  # who has written on it
    compared_with = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    compared_at = models.DateTimeField(null=True, blank=True)
    made_from = ArrayField(
        models.BigIntegerField(), default=list, blank=True
    )  # the cost versions it was marked up from
    changes = models.JSONField(default=dict, blank=True)  # how many rates by RateChangeKind
    terms = models.JSONField(
        default=dict, db_default={}, blank=True
    )  # of an approved one: rules and windows, `terms.frozen_terms`
    announced_at = models.DateTimeField(null=True, blank=True)  # when customers were told of it
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["PriceListVersion"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["price_list", "number"], name="version_number_once")]
        indexes = [models.Index(fields=["partner", "price_list", "-number"], name="version_newest")]

    def __str__(self) -> str:
        return f"{self.price_list} v{self.number}"


class Rate(TenantModel):
    """One line: what calls to numbers under `prefix` cost. Decimals are exact, in the list's currency."""

    version = models.ForeignKey(PriceListVersion, on_delete=models.CASCADE, related_name="rates")
    prefix = models.CharField(max_length=15, blank=True)  # digits without plus; "" is every number
    name = models.CharField(max_length=100)
    connection_fee = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    per_minute = models.DecimalField(max_digits=14, decimal_places=8)
    initial_s = models.PositiveIntegerField(default=1)
    increment_s = models.PositiveIntegerField(default=1)
    grace_s = models.PositiveIntegerField(default=0, db_default=0)
    minimum = models.DecimalField(max_digits=14, decimal_places=8, default=0, db_default=0)
    maximum = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    # as `carillon.logic.pricetext` writes them: nearly all of a million rates have none
    steps = models.CharField(max_length=MAX_STEPS_TEXT, default="", db_default="", blank=True)
    windows = models.CharField(max_length=MAX_WINDOWS_TEXT, default="", db_default="", blank=True)

    objects = ScopedQuerySet["Rate"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "prefix"], name="prefix_once_per_version")]
        indexes = [models.Index(fields=["partner", "version", "prefix", "id"], name="rate_by_prefix")]

    def __str__(self) -> str:
        return f"{self.prefix or '*'} {self.name}"


class PriceWindow(TenantModel):
    """When some prices of a version differ, by the list's time zone; see `carillon.logic.callflow.feed.Window`.

    The one with the lowest `position` that holds, and that a rate has a price for, is the rate's. When the version is
    approved the days of its calendars are written among its dates (`terms.frozen_terms`).
    """

    version = models.ForeignKey(PriceListVersion, on_delete=models.CASCADE, related_name="price_windows")
    position = models.PositiveSmallIntegerField(default=1)
    name = models.CharField(max_length=MAX_WINDOW_NAME)
    weekdays = ArrayField(models.CharField(max_length=3, choices=Weekday.choices), default=list, blank=True)  # [] all
    begins = models.CharField(max_length=5, default="", blank=True)  # "18:00"; "": the whole day
    ends = models.CharField(max_length=5, default="", blank=True)  # not later than `begins`: on the next day
    month_days = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    dates = ArrayField(models.CharField(max_length=21), default=list, blank=True)
    except_dates = ArrayField(models.CharField(max_length=21), default=list, blank=True)
    calendar_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    except_calendar_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["PriceWindow"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "name"], name="window_name_once_per_version"),
            models.UniqueConstraint(fields=["version", "position"], name="window_position_once_per_version"),
        ]
        indexes = [models.Index(fields=["partner", "version", "position", "id"], name="price_window_by_position")]

    def __str__(self) -> str:
        return self.name


class HolidayCalendar(TenantModel):
    """A named set of days, such as the bank holidays of a country, for the windows of price lists."""

    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["HolidayCalendar"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "name"], name="calendar_name_once_per_partner")]
        indexes = [models.Index(fields=["partner", "name", "id"], name="calendar_by_name")]

    def __str__(self) -> str:
        return self.name


class Holiday(TenantModel):
    """A day of a calendar: "2026-04-03", a span "2026-12-24/2026-12-26" or, every year, "12-25"."""

    calendar = models.ForeignKey(HolidayCalendar, on_delete=models.CASCADE, related_name="holidays")
    date = models.CharField(max_length=21)
    name = models.CharField(max_length=100, default="", blank=True)

    objects = ScopedQuerySet["Holiday"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["calendar", "date"], name="holiday_once_per_calendar")]
        indexes = [models.Index(fields=["partner", "calendar", "date", "id"], name="holiday_by_date")]

    def __str__(self) -> str:
        return f"{self.date} {self.name}".strip()


class DestinationGroup(TenantModel):
    """A named set of prefixes, such as "UK mobile": for bundles, mark-up rules and lines of price lists."""

    name = models.CharField(max_length=100)
    note = models.CharField(max_length=500, default="", blank=True)
    prefix_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["DestinationGroup"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "name"], name="group_name_once_per_partner")]
        indexes = [models.Index(fields=["partner", "name", "id"], name="group_by_name")]

    def __str__(self) -> str:
        return self.name

    def audit_also(self) -> dict[str, object]:
        """History shows a group with its prefixes; one query."""
        return {"prefixes": " ".join(self.prefixes.order_by("prefix").values_list("prefix", flat=True))}


class DestinationPrefix(TenantModel):
    """A prefix of a destination group: digits without plus."""

    group = models.ForeignKey(DestinationGroup, on_delete=models.CASCADE, related_name="prefixes")
    prefix = models.CharField(max_length=15)

    objects = ScopedQuerySet["DestinationPrefix"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "prefix"], name="prefix_once_per_group")]
        indexes = [models.Index(fields=["partner", "group", "prefix", "id"], name="group_prefix_by_prefix")]

    def __str__(self) -> str:
        return self.prefix


class MarkupRule(TenantModel):
    """What a sale list puts on the costs it is made from; see `carillon.logic.markup.Rule`. Amounts per minute.

    Without a list: what comes on top of the partner's own purchase of numbers that none of its lists has.
    """

    price_list = models.ForeignKey(
        PriceList, null=True, blank=True, on_delete=models.CASCADE, related_name="markup_rules"
    )
    prefix = models.CharField(max_length=15, default="", blank=True)
    destination = models.CharField(max_length=100, default="", blank=True)
    group = models.ForeignKey(DestinationGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    percent = models.DecimalField(max_digits=7, decimal_places=2, default=0)
    fixed = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    minimum_margin = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    floor = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    cap = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    step = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    initial_s = models.PositiveIntegerField(null=True, blank=True)
    increment_s = models.PositiveIntegerField(null=True, blank=True)
    is_left_out = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["MarkupRule"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "price_list", "group", "prefix", "destination"],
                name="markup_once_per_numbers",
                nulls_distinct=False,
            )
        ]
        indexes = [models.Index(fields=["partner", "prefix", "id"], name="markup_rule_by_prefix")]

    def __str__(self) -> str:
        group = str(self.group) if self.group_id else ""
        return " ".join(filter(None, [group, self.prefix or ("" if group else "*"), self.destination]))


class RateChange(TenantModel):
    """What a version changes for one prefix, against the version that held before it; written by `comparison`."""

    version = models.ForeignKey(PriceListVersion, on_delete=models.CASCADE, related_name="rate_changes")
    prefix = models.CharField(max_length=15, blank=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=7, choices=RateChangeKind.choices)
    was_per_minute = models.DecimalField(max_digits=14, decimal_places=8, null=True)
    per_minute = models.DecimalField(max_digits=14, decimal_places=8, null=True)
    was_connection_fee = models.DecimalField(max_digits=14, decimal_places=8, null=True)
    connection_fee = models.DecimalField(max_digits=14, decimal_places=8, null=True)
    was_intervals = models.CharField(max_length=11, default="")  # "60/30"
    intervals = models.CharField(max_length=11, default="")
    was_further = models.TextField(default="")  # grace, minimum, maximum, steps and windows, where they differ
    further = models.TextField(default="")
    percent = models.DecimalField(max_digits=16, decimal_places=2, default=0)  # of the price per minute

    objects = ScopedQuerySet["RateChange"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "prefix"], name="change_once_per_prefix")]
        indexes = [
            models.Index(fields=["version", "kind", "prefix", "id"], name="rate_change_by_kind"),
            models.Index(fields=["version", "percent", "id"], name="rate_change_by_percent"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix or '*'} {self.name}"


class PriceTrial(TenantModel):
    """What a version would have charged for calls that were charged by its list; amounts in micro-units of `currency`.

    `destinations` and `customers` (who pays) are those with the largest difference: name, calls, amounts now and then,
    cost.
    """

    version = models.ForeignKey(PriceListVersion, on_delete=models.CASCADE, related_name="trials")
    state = models.CharField(max_length=7, choices=TrialState.choices, default=TrialState.WAITING)
    since = models.DateTimeField()
    until = models.DateTimeField()
    currency = models.CharField(max_length=3)
    calls = models.PositiveIntegerField(default=0)
    minutes = models.PositiveBigIntegerField(default=0)
    now_micro = models.BigIntegerField(default=0)
    then_micro = models.BigIntegerField(default=0)
    cost_micro = models.BigIntegerField(default=0)
    unpriced = models.PositiveIntegerField(default=0)  # calls that the version has no rate for
    left_out = models.PositiveIntegerField(default=0)  # calls charged in another currency
    is_cut = models.BooleanField(default=False)  # there were more calls: the newest were taken
    destinations = models.JSONField(default=list, blank=True)
    customers = models.JSONField(default=list, blank=True)
    login_id = models.BigIntegerField(null=True)  # who asked
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = ScopedQuerySet["PriceTrial"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["partner", "-id"], name="price_trial_newest")]

    def __str__(self) -> str:
        return f"{self.version}, {self.since:%Y-%m-%d} – {self.until:%Y-%m-%d}"


class PriceAssignment(TenantModel):
    """A list by which a buyer pays for a kind of its calls; see `carillon.logic.callflow.pricelists` for which.

    The most exact buyer counts: customer, web product, then the partner's default; of its lists the heaviest that has a
    price. `partner` sells. With `buyer_partner` it is a wholesale list of a sub-partner.
    """

    tenancy = Tenancy(also=("buyer_partner_id",))

    traffic = models.CharField(max_length=9, choices=Traffic.choices, default=Traffic.CALLS)
    price_list = models.ForeignKey(PriceList, on_delete=models.PROTECT, related_name="assignments")
    web_product = models.ForeignKey(WebProduct, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    buyer_partner = models.ForeignKey(Partner, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    weight = models.PositiveSmallIntegerField(default=0)
    active_from = models.DateTimeField(null=True, blank=True)
    active_until = models.DateTimeField(null=True, blank=True)
    allows_loss = models.BooleanField(default=False)  # also below what the seller pays itself

    objects = ScopedQuerySet["PriceAssignment"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "web_product", "customer", "buyer_partner", "traffic", "price_list"],
                name="list_once_per_buyer",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.price_list_id}"


class ExchangeRate(TenantModel):
    """What a unit of `source` is worth in `target` from a moment on; see `carillon.logic.callflow.exchange`."""

    source = models.CharField(max_length=3)
    target = models.CharField(max_length=3)
    rate = models.DecimalField(max_digits=20, decimal_places=10)
    loss_percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    effective_from = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["ExchangeRate"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "source", "target", "effective_from"], name="exchange_rate_once_per_moment"
            )
        ]
        indexes = [models.Index(fields=["partner", "source", "target", "id"], name="exchange_rate_by_pair")]

    def __str__(self) -> str:
        return f"{self.source} {self.target}"


class WholesaleList(models.Model):
    """A list by which a partner pays its parent, as the partner sees it: a view over rows of the parent's."""

    tenancy = Tenancy()

    id = models.BigIntegerField(primary_key=True)  # of the assignment
    partner_id = models.BigIntegerField()  # who pays
    traffic = models.CharField(max_length=9, choices=Traffic.choices)
    list = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    effective_from = models.DateTimeField(null=True)  # None: nothing in force, calls are refused
    rate_count = models.PositiveIntegerField(null=True)
    next_from = models.DateTimeField(null=True)

    objects = ScopedQuerySet["WholesaleList"].as_manager()

    class Meta:
        managed = False
        db_table = "pricing_wholesalelist"

    def __str__(self) -> str:
        return self.list


class WholesaleRate(models.Model):
    """A rate of the version in force of such a list."""

    tenancy = Tenancy()

    id = models.BigIntegerField(primary_key=True)
    partner_id = models.BigIntegerField()
    wholesale_id = models.BigIntegerField()
    list = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    prefix = models.CharField(max_length=15)
    name = models.CharField(max_length=100)
    connection_fee = models.DecimalField(max_digits=14, decimal_places=8)
    per_minute = models.DecimalField(max_digits=14, decimal_places=8)
    initial_s = models.PositiveIntegerField()
    increment_s = models.PositiveIntegerField()
    grace_s = models.PositiveIntegerField()
    minimum = models.DecimalField(max_digits=14, decimal_places=8)
    maximum = models.DecimalField(max_digits=14, decimal_places=8, null=True)
    steps = models.CharField(max_length=MAX_STEPS_TEXT)
    windows = models.CharField(max_length=MAX_WINDOWS_TEXT)

    objects = ScopedQuerySet["WholesaleRate"].as_manager()

    class Meta:
        managed = False
        db_table = "pricing_wholesalerate"

    def __str__(self) -> str:
        return f"{self.prefix or '*'} {self.name}"
