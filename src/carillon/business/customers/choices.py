"""Words of customers and their users."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class CustomerKind(models.TextChoices):
    """Who buys: a company or a person."""

    COMPANY = "company", _("Company")
    INDIVIDUAL = "individual", _("Individual")


class Charging(models.TextChoices):
    """When a customer pays."""

    PREPAID = "prepaid", _("Prepaid")
    POSTPAID = "postpaid", _("Postpaid")


class UserRole(models.TextChoices):
    """What a user may do at their customer."""

    ADMINISTRATOR = "administrator", _("Administrator")
    USER = "user", _("User")
    RECEPTION = "reception", _("Reception")


class ForwardingCondition(models.TextChoices):
    """When a user's calls go elsewhere; the names are in the user's fields, the order is that of their importance."""

    ALWAYS = "always", _("always")
    BUSY = "busy", _("busy")
    NO_ANSWER = "no_answer", _("no answer")
    UNREACHABLE = "unreachable", _("unreachable")
