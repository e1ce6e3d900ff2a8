"""Words of price lists."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Purpose(models.TextChoices):
    """Sale: what we charge. Cost: what a carrier charges us."""

    SALE = "sale", _("Price list")
    COST = "cost", _("Cost list")


class Traffic(models.TextChoices):
    """What a buyer pays for by a list: by the number called or written to, of received calls by the caller's."""

    CALLS = "calls", _("Calls placed and forwarded")
    RECEIVED = "received", _("Calls received")
    TOLL_FREE = "toll_free", _("Calls received on toll-free numbers")
    ONNET = "onnet", _("Calls that stay on the platform")
    MESSAGES = "messages", _("Messages")


class VersionState(models.TextChoices):
    """A draft is written, an approved version charges calls, a withdrawn one no longer."""

    DRAFT = "draft", _("Draft")
    APPROVED = "approved", _("Approved")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Rounding(models.TextChoices):
    """How a price loses its last digits, once per call."""

    HALF_UP = "half_up", _("Half up")
    HALF_EVEN = "half_even", _("Half even")
    UP = "up", _("Up")
    DOWN = "down", _("Down")


class Unit(models.TextChoices):
    """What the rates of a list are for one of; see `carillon.logic.callflow.feed.Unit`."""

    MINUTE = "minute", _("Minute")
    SECOND = "second", _("Second")
    HOUR = "hour", _("Hour")
    MESSAGE = "message", _("Message")


class Weekday(models.TextChoices):
    """Days of the week in which a window holds."""

    MONDAY = "mon", _("Monday")
    TUESDAY = "tue", _("Tuesday")
    WEDNESDAY = "wed", _("Wednesday")
    THURSDAY = "thu", _("Thursday")
    FRIDAY = "fri", _("Friday")
    SATURDAY = "sat", _("Saturday")
    SUNDAY = "sun", _("Sunday")


class NumberSet(models.TextChoices):
    """Numbers of a country that the number plan tells apart."""

    ALL = "all", _("All numbers")
    MOBILE = "mobile", _("Mobile")
    FIXED = "fixed", _("Fixed")
    TOLL_FREE = "toll_free", _("Toll-free")
    PREMIUM = "premium", _("Premium rate")
    SHARED_COST = "shared_cost", _("Shared cost")
    PERSONAL = "personal", _("Personal")
    VOIP = "voip", _("Internet telephony")


class RateChangeKind(models.TextChoices):
    """What a version does to a prefix, seen from the version it replaces."""

    NEW = "new", _("New")
    GONE = "gone", _("Gone")
    DEARER = "dearer", _("Dearer")
    CHEAPER = "cheaper", _("Cheaper")
    OTHER = "other", _("Otherwise")


class TrialState(models.TextChoices):
    """How far a what-if has come."""

    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
