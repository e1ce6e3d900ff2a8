"""Words of bans."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class BanReason(models.TextChoices):
    """What the edge has seen."""

    GUESSING = "guessing", _("Guessing passwords")
    SCANNER = "scanner", _("Scanner")
    FLOOD = "flood", _("Flood")
