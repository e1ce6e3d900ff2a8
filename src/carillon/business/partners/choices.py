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


class BlacklistKind(models.TextChoices):
    """What an entry of a blacklist names; the first two are numbers or the beginning of numbers."""

    CALLED = "called", _("Called number")
    CALLING = "calling", _("Calling number")
    NETWORK = "network", _("Network")


STAFF_REALM = 0
OWN_HOSTNAME = "portal.localhost"  # of the portal when nobody has given it another; the operator's alone
