"""Reads of gateways and the routing table."""

from __future__ import annotations

from django.db.models import Prefetch
from django.db.models.functions import Length

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.routing.models import Gateway, Route, RouteGateway

SECRETS = ("auth_secret", "auth_ha1")


def gateways(actor: Actor) -> ScopedQuerySet[Gateway]:
    """Return the gateways the actor sees, without loading their secrets; one query."""
    return Gateway.objects.visible_to(actor).defer(*SECRETS).select_related("partner", "cost_list")


def routes(actor: Actor) -> ScopedQuerySet[Route]:
    """Return the routing tables the actor sees, each route with its gateways in order; two queries."""
    lines = (
        RouteGateway.objects.visible_to(actor)
        .select_related("gateway")
        .defer("gateway__auth_secret", "gateway__auth_ha1")
    )
    rows = Route.objects.visible_to(actor).select_related("partner", "web_product", "customer")
    return rows.prefetch_related(Prefetch("gateways", queryset=lines.order_by("position")))


def routes_in_order(actor: Actor, partner_id: int) -> ScopedQuerySet[Route]:
    """Return a partner's enabled routes, the longest prefixes first, then by priority; two queries."""
    rows = routes(actor).filter(partner_id=partner_id, is_enabled=True)
    return rows.order_by(Length("prefix").desc(), "priority", "id")
