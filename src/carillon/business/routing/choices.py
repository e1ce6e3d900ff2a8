"""Words of gateways and routes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Strategy(models.TextChoices):
    """How a route orders its gateways."""

    STATIC = "static", _("As listed")
    LEAST_COST = "least_cost", _("Least cost first")
    QUALITY = "quality", _("Best quality first")
    BLOCK = "block", _("Block")


class Weekday(models.TextChoices):
    """Days of the week, as `carillon.logic.hours` names them."""

    MON = "mon", _("Monday")
    TUE = "tue", _("Tuesday")
    WED = "wed", _("Wednesday")
    THU = "thu", _("Thursday")
    FRI = "fri", _("Friday")
    SAT = "sat", _("Saturday")
    SUN = "sun", _("Sunday")


class NumberFormat(models.TextChoices):
    """How a gateway wants numbers written."""

    E164 = "e164", _("E.164 with plus (+44…)")
    PLAIN = "plain", _("E.164 without plus (44…)")
    NATIONAL = "national", _("National (0…)")


class GatewayMode(models.TextChoices):
    """How a gateway and we know each other."""

    ADDRESS = "address", _("By address")
    REGISTRATION = "registration", _("By registration")


class Presence(models.TextChoices):
    """Whether a gateway answers; see `carillon.logic.health`."""

    ALIVE = "alive", _("There")
    AWAY = "away", _("Away")
    UNKNOWN = "unknown", _("Not known")
    UNASKED = "unasked", _("Not asked")


class CallerHeader(models.TextChoices):
    """Where a gateway looks for the caller's number."""

    PAI = "pai", _("P-Asserted-Identity")
    PPI = "ppi", _("P-Preferred-Identity")
    RPID = "rpid", _("Remote-Party-ID")
    NONE = "none", _("From only")


class FromUser(models.TextChoices):
    """Whom From names."""

    CALLER = "caller", _("The caller")
    ACCOUNT = "account", _("Our user name")


class Codec(models.TextChoices):
    """Voice codecs by the names of RFC 3551 and its followers."""

    PCMA = "PCMA", _("G.711 A-law")
    PCMU = "PCMU", _("G.711 μ-law")
    G722 = "G722", _("G.722")
    G729 = "G729", _("G.729")
    OPUS = "opus", _("Opus")


class DurationUnit(models.TextChoices):
    """How a carrier's CDR file writes durations."""

    SECONDS = "seconds", _("Seconds")
    MILLISECONDS = "milliseconds", _("Milliseconds")
    MINUTES = "minutes", _("Minutes")
    CLOCK = "clock", _("h:mm:ss or m:ss")


class DecimalMark(models.TextChoices):
    """What stands between whole and parts in a file's numbers."""

    POINT = "point", _("Point (0.05)")
    COMMA = "comma", _("Comma (0,05)")


class StartMeans(models.TextChoices):
    """What the time in a carrier's CDR is."""

    SETUP = "setup", _("When the call began")
    ANSWER = "answer", _("When it was answered")


class Verdict(models.TextChoices):
    """What comparing a carrier's call with ours came to; see `carillon.logic.reconciliation`."""

    MATCHED = "matched", _("The same")
    DURATION = "duration", _("Duration differs")
    PRICE = "price", _("Price differs")
    THEIRS = "theirs", _("Only theirs")
    OURS = "ours", _("Only ours")
