"""Reads of prices: lists, versions, rates and who pays by which list.

By which list and rate a call is charged is said in one place only, in callfeed: `tiers`, `tariff` and `rate`.
"""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.pricing.choices import Purpose, VersionState
from carillon.business.pricing.models import PriceAssignment, PriceList, PriceListVersion, Rate

PERMISSION_PREFIX = {Purpose.SALE: "price_lists", Purpose.COST: "costs"}


def readable_purposes(actor: Actor) -> list[str]:
    """Return which kinds of lists the actor may read: sale, cost, both or none."""
    return [purpose.value for purpose, prefix in PERMISSION_PREFIX.items() if actor.may(f"{prefix}.view")]


def price_lists_of(actor: Actor) -> ScopedQuerySet[PriceList]:
    """Return the sale lists of the actor's part of the tree, each with what is in force now; one query."""
    return _lists(actor, Purpose.SALE)


def cost_lists_of(actor: Actor) -> ScopedQuerySet[PriceList]:
    """Return the carriers' cost lists of the actor's part of the tree, like `price_lists_of`; one query."""
    return _lists(actor, Purpose.COST)


def _lists(actor: Actor, purpose: Purpose) -> ScopedQuerySet[PriceList]:
    of_list = PriceListVersion.objects.filter(price_list=OuterRef("pk"), state=VersionState.APPROVED)
    in_force = of_list.filter(effective_from__lte=Now()).order_by("-effective_from", "-number")
    coming = of_list.filter(effective_from__gt=Now()).order_by("effective_from")
    rows = PriceList.objects.visible_to(actor).filter(purpose=purpose).select_related("partner")
    lists: ScopedQuerySet[Any] = rows.annotate(
        version_in_force=Subquery(in_force.values("number")[:1]),
        rates_in_force=Subquery(in_force.values("rate_count")[:1]),
        in_force_since=Subquery(in_force.values("effective_from")[:1]),
        next_from=Subquery(coming.values("effective_from")[:1]),
    )
    return lists


def versions_of(actor: Actor) -> ScopedQuerySet[PriceListVersion]:
    """Return the versions of all lists the actor may read; one query."""
    rows = PriceListVersion.objects.visible_to(actor).select_related("price_list")
    return rows.filter(price_list__purpose__in=readable_purposes(actor))


def rates_of(actor: Actor) -> ScopedQuerySet[Rate]:
    """Return the rates of all lists the actor may read; one query."""
    rows = Rate.objects.visible_to(actor).select_related("version__price_list")
    return rows.filter(version__price_list__purpose__in=readable_purposes(actor))


def assignments_of(actor: Actor) -> ScopedQuerySet[PriceAssignment]:
    """Return who pays by which list, as seller or as buyer; one query."""
    return PriceAssignment.objects.visible_to(actor).select_related(
        "price_list", "web_product", "customer", "buyer_partner"
    )
