"""Words of tickets."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class TicketStatus(models.TextChoices):
    """Whose turn it is. OPEN: of those who answer. WAITING: they have asked back."""

    OPEN = "open", _("Open")
    ANSWERED = "answered", _("Answered")
    WAITING = "waiting", _("Waiting for a reply")
    CLOSED = "closed", _("Closed")


class Priority(models.TextChoices):
    """How urgent a ticket is."""

    LOW = "low", _("Low")
    NORMAL = "normal", _("Normal")
    HIGH = "high", _("High")
    URGENT = "urgent", _("Urgent")


class MessageStatus(models.TextChoices):
    """How far a message of a visitor has come."""

    NEW = "new", _("New")
    ANSWERED = "answered", _("Answered")
    CLOSED = "closed", _("Closed")
    SPAM = "spam", _("Spam")


class MessageSource(models.TextChoices):
    """How a message came."""

    WEBSITE = "website", _("Web site")
    EMAIL = "email", _("E-mail")
    PHONE = "phone", _("Telephone")
    OTHER = "other", _("Otherwise")
