"""Words of the number stock."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class NumberKind(models.TextChoices):
    """What a number is by its country's plan."""

    GEOGRAPHIC = "geographic", _("Geographic")
    MOBILE = "mobile", _("Mobile")
    NATIONAL = "national", _("National")
    TOLL_FREE = "toll_free", _("Toll-free")


class NumberState(models.TextChoices):
    """Where a number is between stock and service."""

    AVAILABLE = "available", _("Available")
    RESERVED = "reserved", _("Reserved")
    IN_SERVICE = "in_service", _("In service")
    PORTING_IN = "porting_in", _("Porting in")
    PORTING_OUT = "porting_out", _("Porting out")
    QUARANTINE = "quarantine", _("Quarantine")
