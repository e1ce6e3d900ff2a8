"""Reads of plans, subscriptions and what is left of packages."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now

from carillon.base.actor import Actor
from carillon.business.catalogue.choices import SubscriptionState
from carillon.business.catalogue.models import Allowance, Fee, FeeCharge, Package, Product, Subscription

LIVE = Q(starts_at__lte=Now(), ends_at__gt=Now())


def products_of(actor: Actor) -> QuerySet[Product]:
    """Return the plans and add-ons of the actor's part of the tree, with how many have each now (`subscribers`)."""
    live = Count("subscriptions", filter=~Q(subscriptions__state=SubscriptionState.ENDED))
    return Product.objects.visible_to(actor).select_related("partner", "price_list").annotate(subscribers=live)


def fees_of(actor: Actor) -> QuerySet[Fee]:
    """Return fees with their products; one query."""
    return Fee.objects.visible_to(actor).select_related("product")


def packages_of(actor: Actor) -> QuerySet[Package]:
    """Return packages with their products; one query."""
    return Package.objects.visible_to(actor).select_related("product", "group")


def subscriptions_of(actor: Actor) -> QuerySet[Subscription]:
    """Return who has what, with customers and users; one query."""
    return Subscription.objects.visible_to(actor).select_related("customer", "user", "next_product")


def charges_of(actor: Actor) -> QuerySet[FeeCharge]:
    """Return what subscriptions were charged; one query."""
    return FeeCharge.objects.visible_to(actor).select_related("customer", "subscription")


def allowances_of(actor: Actor) -> QuerySet[Allowance]:
    """Return what packages give, with what is left (`left`: neither used nor set aside by calls that go on)."""
    left = F("granted") - F("used") - F("reserved")
    rows = Allowance.objects.visible_to(actor).select_related("customer", "user", "subscription")
    return rows.annotate(left=left)


def in_force(rows: QuerySet[Allowance], is_live: bool) -> QuerySet[Allowance]:
    """Return the allowances that calls may use now, or the others."""
    return rows.filter(LIVE) if is_live else rows.exclude(LIVE)


def due_subscriptions(actor: Actor, now: datetime, *, limit: int) -> list[int]:
    """Return the ids of subscriptions for which something is due, the longest waiting first; one query, by an index."""
    rows = Subscription.objects.visible_to(actor).filter(due_at__lte=now).order_by("due_at")
    return list(rows.values_list("pk", flat=True)[:limit])
