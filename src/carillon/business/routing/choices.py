"""Words of gateways and routes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Strategy(models.TextChoices):
    """How a route orders its gateways."""

    STATIC = "static", _("As listed")
    LEAST_COST = "least_cost", _("Least cost first")
    BLOCK = "block", _("Block")


class NumberFormat(models.TextChoices):
    """How a gateway wants numbers written."""

    E164 = "e164", _("E.164 with plus (+44…)")
    PLAIN = "plain", _("E.164 without plus (44…)")
    NATIONAL = "national", _("National (0…)")


class GatewayMode(models.TextChoices):
    """How a gateway and we know each other."""

    ADDRESS = "address", _("By address")
    REGISTRATION = "registration", _("By registration")
