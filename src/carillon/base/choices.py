"""Words that several contexts choose from."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Transport(models.TextChoices):
    """How SIP travels."""

    UDP = "udp", _("UDP")
    TCP = "tcp", _("TCP")
    TLS = "tls", _("TLS")
