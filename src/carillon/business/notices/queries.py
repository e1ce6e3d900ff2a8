"""What partners are told."""

from __future__ import annotations

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.notices.models import Alert
from carillon.business.partners.choices import Role
from carillon.business.partners.models import Membership

TOLD = (Role.ADMINISTRATOR, Role.SUPPORT)


def alerts_of(actor: Actor) -> ScopedQuerySet[Alert]:
    """Return the alerts of the actor's part of the tree; one query."""
    return Alert.objects.visible_to(actor).select_related("customer", "user", "endpoint")


def told_of(actor: Actor, partner_id: int) -> list[str]:
    """Return the addresses of a partner's people whom alerts are mailed to, administrators and support; one query."""
    staff = Membership.objects.visible_to(actor).filter(partner_id=partner_id, role__in=TOLD, login__is_active=True)
    return list(staff.order_by("login__email").values_list("login__email", flat=True))
