"""Reads of the number stock."""

from __future__ import annotations

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.numbers.models import Number, Tenure


def numbers_of(actor: Actor) -> ScopedQuerySet[Number]:
    """Return the stock the actor sees, with customer and user, and the holder for staff; one query."""
    rows = Number.objects.visible_to(actor).select_related("customer", "user")
    return rows if actor.customer_id else rows.select_related("partner")


def tenures_of(actor: Actor) -> ScopedQuerySet[Tenure]:
    """Return who had which number when; one query."""
    return Tenure.objects.visible_to(actor).select_related("customer", "user")
