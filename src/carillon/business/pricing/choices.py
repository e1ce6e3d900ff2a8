"""Words of price lists."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Purpose(models.TextChoices):
    """Sale: what we charge. Cost: what a carrier charges us."""

    SALE = "sale", _("Price list")
    COST = "cost", _("Cost list")


class Traffic(models.TextChoices):
    """Which calls a buyer pays for by a list: its own by the number called, received ones by the caller's."""

    CALLS = "calls", _("Calls placed and forwarded")
    RECEIVED = "received", _("Calls received")
    TOLL_FREE = "toll_free", _("Calls received on toll-free numbers")


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
