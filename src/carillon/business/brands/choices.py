"""Words of web products."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class WebProductKind(models.TextChoices):
    """What a web product sells."""

    BUSINESS = "business", _("Business VoIP (Cloud PBX)")
    RESIDENTIAL = "residential", _("Residential VoIP")
    CHAT = "chat", _("Live Support Chat")


class DestinationKind(models.TextChoices):
    """Kinds of numbers that are barred until allowed: `logic.destinations.DestinationClass` in words."""

    PREMIUM = "premium", _("Premium rate")
    SATELLITE = "satellite", _("Satellite")
    SHARED_COST = "shared_cost", _("Shared cost")
    INTERNATIONAL = "international", _("International networks")
    PERSONAL = "personal", _("Personal numbers")


class PicturePlace(models.TextChoices):
    """Where a picture of a portal's brand stands. Without one for dark ground the other one stands there too."""

    LIGHT = "light", _("Logo on light ground")
    DARK = "dark", _("Logo on dark ground")
    ICON = "icon", _("Icon in the browser's tab")


class WebProductStatus(models.TextChoices):
    """Whether website and SIP domain answer: only when live."""

    DRAFT = "draft", _("Draft")
    LIVE = "live", _("Live")
    CLOSED = "closed", _("Closed")
