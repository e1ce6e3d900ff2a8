"""Words of notices."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AlertKind(models.TextChoices):
    """What a partner's people must hear of at once."""

    EMERGENCY = "emergency", _("Emergency call")
    OFFLINE = "offline", _("Device offline")
    BACK = "back", _("Device back")
