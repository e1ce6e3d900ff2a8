"""Reads of prices: lists, versions, the rates in force, and which list a buyer pays by.

`callfeed_sql` publishes the same answers to the call path; the order of precedence is told in `price_list_of`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Now

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Partner
from carillon.business.pricing.choices import Purpose, VersionState
from carillon.business.pricing.models import PriceAssignment, PriceList, PriceListVersion, Rate

PERMISSION_PREFIX = {Purpose.SALE: "price_lists", Purpose.COST: "costs"}


def readable_purposes(actor: Actor) -> list[str]:
    """Return which kinds of lists the actor may read: sale, cost, both or none."""
    return [purpose.value for purpose, prefix in PERMISSION_PREFIX.items() if actor.may(f"{prefix}.view")]


def price_lists(actor: Actor) -> ScopedQuerySet[PriceList]:
    """Return the sale lists of the actor's part of the tree, each with what is in force now; one query."""
    return _lists(actor, Purpose.SALE)


def cost_lists(actor: Actor) -> ScopedQuerySet[PriceList]:
    """Return the carriers' cost lists of the actor's part of the tree, like `price_lists`; one query."""
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


def versions(actor: Actor) -> ScopedQuerySet[PriceListVersion]:
    """Return the versions of all lists the actor may read; one query."""
    rows = PriceListVersion.objects.visible_to(actor).select_related("price_list")
    return rows.filter(price_list__purpose__in=readable_purposes(actor))


def rates(actor: Actor) -> ScopedQuerySet[Rate]:
    """Return the rates of all lists the actor may read; one query."""
    rows = Rate.objects.visible_to(actor).select_related("version__price_list")
    return rows.filter(version__price_list__purpose__in=readable_purposes(actor))


def assignments(actor: Actor) -> ScopedQuerySet[PriceAssignment]:
    """Return who pays by which list, as seller or as buyer; one query."""
    return PriceAssignment.objects.visible_to(actor).select_related(
        "price_list", "web_product", "customer", "buyer_partner"
    )


def version_in_force(actor: Actor, price_list: PriceList, at: datetime) -> PriceListVersion | None:
    """Return the approved version that says the prices at `at`: the latest to take effect, the higher number on a tie.

    Cost: one query.
    """
    rows = PriceListVersion.objects.visible_to(actor).filter(price_list=price_list, state=VersionState.APPROVED)
    return rows.filter(effective_from__lte=at).order_by("-effective_from", "-number").first()


def rates_in_force(actor: Actor, price_list: PriceList, at: datetime) -> ScopedQuerySet[Rate]:
    """Return the rates by which calls are charged at `at`, none when no version is in force; two queries."""
    version = version_in_force(actor, price_list, at)
    rows = Rate.objects.visible_to(actor)
    return rows.filter(version=version).order_by("prefix", "id") if version else rows.none()


def price_of_number(actor: Actor, price_list: PriceList, number: str, at: datetime) -> Rate | None:
    """Return the rate with the longest prefix of `number` (E.164) in force at `at`, or None; two queries."""
    digits = number.lstrip("+")
    prefixes = [digits[:length] for length in range(min(len(digits), 15) + 1)]
    found = rates_in_force(actor, price_list, at).filter(prefix__in=prefixes)
    return max(found, key=lambda rate: len(rate.prefix), default=None)


def price_list_of(actor: Actor, customer: Customer) -> PriceList | None:
    """Return the list a customer pays by: its own, else its web product's, else the partner's default.

    Cost: one query.
    """
    fits = Q(customer=customer) | Q(customer=None, web_product=customer.web_product_id)
    fits |= Q(customer=None, web_product=None)
    rows = assignments(actor).filter(fits, partner_id=customer.partner_id, buyer_partner=None)
    exactest_first = (F("customer").asc(nulls_last=True), F("web_product").asc(nulls_last=True))
    chosen = rows.order_by(*exactest_first).first()
    return chosen.price_list if chosen else None


def wholesale_list_of(actor: Actor, buyer: Partner) -> PriceList | None:
    """Return the list by which `buyer` pays its parent: only one assigned to it; retail defaults never apply.

    Cost: one query.
    """
    if buyer.parent_id is None:
        return None
    chosen = assignments(actor).filter(partner_id=buyer.parent_id, buyer_partner=buyer).first()
    return chosen.price_list if chosen else None
