"""Words of partners and their staff."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """The life of partners and customers; every status but ACTIVE carries a reason."""

    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    BLOCKED = "blocked", _("Blocked")
    TERMINATED = "terminated", _("Terminated")


# Terminated is for good: invoices and CDRs stay, nothing comes back to life.
NEXT_STATUSES: dict[str, frozenset[str]] = {
    Status.ACTIVE: frozenset({Status.SUSPENDED, Status.BLOCKED, Status.TERMINATED}),
    Status.SUSPENDED: frozenset({Status.ACTIVE, Status.BLOCKED, Status.TERMINATED}),
    Status.BLOCKED: frozenset({Status.ACTIVE, Status.SUSPENDED, Status.TERMINATED}),
    Status.TERMINATED: frozenset(),
}


class Role(models.TextChoices):
    """What a member of staff may do; `carillon.business.partners.roles` lists the permissions."""

    ADMINISTRATOR = "administrator", _("Administrator")
    SALES = "sales", _("Sales and customers")
    BILLING = "billing", _("Billing")
    SUPPORT = "support", _("Support")
    READER = "reader", _("Read only")


class Feature(models.TextChoices):
    """What whoever sells to a partner may withhold from it, and from everybody below it."""

    SUB_PARTNERS = "sub_partners", _("Partners of its own")
    GATEWAYS = "gateways", _("Gateways of its own")
    PORTAL_HOSTNAME = "portal_hostname", _("The portal under its own name")
    API = "api", _("API tokens")


class Limited(models.TextChoices):
    """What whoever sells to a partner may limit, counted with everybody below it."""

    PARTNERS = "partners", _("Partners")
    WEB_PRODUCTS = "web_products", _("Web products")
    CUSTOMERS = "customers", _("Customers")
    USERS = "users", _("Users")
    ENDPOINTS = "endpoints", _("SIP endpoints")


class SecondFactor(models.TextChoices):
    """What signing in asks for beside the password, from the least to the most."""

    OPTIONAL = "optional", _("If the person has set one up")
    REQUIRED = "required", _("Always")
    PASSKEY = "passkey", _("Always, and a passkey only")


class TokenState(models.TextChoices):
    """Whether an API token works. STOPPED: until its owner, who has a second factor now, renews it."""

    ACTIVE = "active", _("Works")
    STOPPED = "stopped", _("Needs renewal")
    EXPIRED = "expired", _("Over")
    REVOKED = "revoked", _("Revoked")


class BlacklistKind(models.TextChoices):
    """What an entry of a blacklist names; the first two are numbers or the beginning of numbers.

    An Internet provider is the networks that it announces; of a mail domain also everything below it is meant.
    """

    CALLED = "called", _("Called number")
    CALLING = "calling", _("Calling number")
    NETWORK = "network", _("Network")
    MAIL_DOMAIN = "mail", _("E-mail domain")


class DateFormat(models.TextChoices):
    """How a person reads and types days; each is shown by an example."""

    ISO = "iso", "2026-01-31"
    DAY_FIRST = "day-first", "31/01/2026"
    MONTH_FIRST = "month-first", "01/31/2026"
    DOTTED = "dotted", "31.01.2026"


class NumberFormat(models.TextChoices):
    """How a person reads and types numbers; each is shown by an example."""

    POINT = "point", "1,234.56"
    COMMA = "comma", "1.234,56"
    SPACE = "space", "1 234,56"


class ColourScheme(models.TextChoices):
    """Light or dark."""

    SYSTEM = "system", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


STAFF_REALM = 0
OWN_HOSTNAME = "portal.localhost"  # of the portal when nobody has given it another; the operator's alone
