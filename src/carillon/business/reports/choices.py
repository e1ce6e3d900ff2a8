"""Words of reports."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Period(models.TextChoices):
    """Which days a report is about."""

    TODAY = "today", _("Today")
    WEEK = "week", _("Last 7 days")
    MONTH = "month", _("Last 30 days")
    OWN = "own", _("From … to …")


class Every(models.TextChoices):
    """How often a report is mailed (`carillon.logic.schedules.Every`)."""

    DAY = "day", _("Every day")
    WEEK = "week", _("Every week")
    MONTH = "month", _("Every month")


class Weekday(models.TextChoices):
    """On which day of the week."""

    MONDAY = "monday", _("Monday")
    TUESDAY = "tuesday", _("Tuesday")
    WEDNESDAY = "wednesday", _("Wednesday")
    THURSDAY = "thursday", _("Thursday")
    FRIDAY = "friday", _("Friday")
    SATURDAY = "saturday", _("Saturday")
    SUNDAY = "sunday", _("Sunday")


class Days(models.TextChoices):
    """Which days a report is about (`carillon.logic.schedules.Days`)."""

    AS_SAID = "as_said", _("As the filters say")
    DAY = "day", _("The day before")
    WEEK = "week", _("The seven days before")
    MONTH = "month", _("The month before")


class FileFormat(models.TextChoices):
    """What kind of file it is."""

    XLSX = "xlsx", _("XLSX")
    CSV = "csv", _("CSV")


class Language(models.TextChoices):
    """In which language it is written."""

    ENGLISH = "en", _("English")
    SPANISH = "es", _("Spanish")


class RunState(models.TextChoices):
    """What became of a report that was due."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
