"""What an actor sees of customers and their users."""

from __future__ import annotations

from django.db.models import QuerySet

from carillon.base.actor import Actor
from carillon.business.customers.choices import ForwardingCondition
from carillon.business.customers.models import Customer, User


def customers_of(actor: Actor) -> QuerySet[Customer]:
    """Return the customers the actor sees; staff's with their web products, which customers do not see as rows."""
    rows = Customer.objects.visible_to(actor)
    return rows if actor.customer_id else rows.select_related("web_product")


def users_of(actor: Actor) -> QuerySet[User]:
    """Return the users the actor sees, with their customers."""
    return User.objects.visible_to(actor).select_related("customer")


def forwarding_of(user: User) -> str:
    """Return where the user's calls go, as the grid says it: "busy: 102, no answer: +44..."; "" when nowhere."""
    rules = [
        f"{condition.label}: {getattr(user, f'forward_{condition}_to')}"
        for condition in ForwardingCondition
        if getattr(user, f"forwards_{condition}")
    ]
    return ", ".join(rules[:1] if user.forwards_always else rules)
