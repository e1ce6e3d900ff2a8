"""Words of calls and CDRs."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class CallState(models.TextChoices):
    """How far a call has come; `ended` waits for the worker, `rated` has its CDRs."""

    TRYING = "trying", _("Trying")
    RINGING = "ringing", _("Ringing")
    ANSWERED = "answered", _("Answered")
    ENDED = "ended", _("Ended")  # events are complete, not rated yet
    RATED = "rated", _("Rated")


class Outcome(models.TextChoices):
    """How a call went, as CDRs say."""

    ANSWERED = "answered", _("Answered")
    BUSY = "busy", _("Busy")
    NO_ANSWER = "no_answer", _("No answer")
    CANCELLED = "cancelled", _("Cancelled")
    UNALLOCATED = "unallocated", _("Unallocated number")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")


class Tab(models.TextChoices):
    """The CDR panel's tabs."""

    DIALLED = "dialled", _("Dialled")
    RECEIVED = "received", _("Received")
    MISSED = "missed", _("Missed")
    OTHER = "other", _("Other")


class PhoneTestState(models.TextChoices):
    """How far a call that the platform places by itself, to try a phone, has come."""

    WAITING = "waiting", _("Waiting")
    CALLING = "calling", _("Calling")
    RINGING = "ringing", _("Ringing")
    ANSWERED = "answered", _("Answered")
    ENDED = "ended", _("Worked")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")
