"""Reads of the number stock."""

from __future__ import annotations

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.customers.models import Customer
from carillon.business.numbers.choices import NumberState
from carillon.business.numbers.models import Number


def numbers(actor: Actor) -> ScopedQuerySet[Number]:
    """Return the stock the actor sees, with customer and user, and the holder for staff; one query."""
    rows = Number.objects.visible_to(actor).select_related("customer", "user")
    return rows if actor.customer_id else rows.select_related("partner")


def available_numbers(actor: Actor, partner_id: int) -> ScopedQuerySet[Number]:
    """Return what `partner_id` can sell now, in the order of the numbers; one query."""
    return numbers(actor).filter(partner_id=partner_id, state=NumberState.AVAILABLE).order_by("e164", "id")


def numbers_of_customer(actor: Actor, customer: Customer) -> ScopedQuerySet[Number]:
    """Return a customer's numbers, those it may show as caller ID; one query."""
    return numbers(actor).filter(partner_id=customer.partner_id, customer=customer).order_by("e164", "id")
