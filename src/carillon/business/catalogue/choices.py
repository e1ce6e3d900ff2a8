"""Words of plans and packages."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ProductKind(models.TextChoices):
    """A customer (or one of its users) has one plan at a time and as many add-ons as it wants."""

    PLAN = "plan", _("Plan")
    ADD_ON = "add_on", _("Add-on")


class ProductState(models.TextChoices):
    """Who may subscribe: nobody yet, everybody, nobody any more. Subscriptions that are there go on."""

    DRAFT = "draft", _("Draft")
    ON_SALE = "on_sale", _("On sale")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Period(models.TextChoices):
    """How long a product's period is: packages are renewed and recurring fees are due with it."""

    MONTH = "month", _("Month")
    YEAR = "year", _("Year")


class Per(models.TextChoices):
    """What a fee is charged for; counted from what is there at the moment of charging."""

    ACCOUNT = "account", _("Subscription")
    USER = "user", _("User")
    NUMBER = "number", _("Number")
    DEVICE = "device", _("Device")


class Interval(models.TextChoices):
    """When a fee is due: once, at the start, or again and again."""

    ONCE = "once", _("Once")
    MONTH = "month", _("Every month")
    YEAR = "year", _("Every year")


class Unit(models.TextChoices):
    """What a package is counted in."""

    SECOND = "second", _("Call time")
    MESSAGE = "message", _("Messages")


class SubscriptionState(models.TextChoices):
    """The life of a subscription.

    `unpaid`: a prepaid customer had no money when fees were due; `cancelled`: it goes on until its period ends.
    """

    TRIAL = "trial", _("Trial")
    ACTIVE = "active", _("Active")
    UNPAID = "unpaid", _("Unpaid")
    CANCELLED = "cancelled", _("Cancelled, until its period ends")
    ENDED = "ended", _("Ended")
