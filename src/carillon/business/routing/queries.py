"""Reads of gateways and the routing table."""

from __future__ import annotations

from django.db.models import Prefetch

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.routing.models import CdrProvider, Gateway, ReconciledCall, Reconciliation, Route, RouteGateway

SECRETS = ("auth_secret", "auth_ha1")


def gateways_of(actor: Actor) -> ScopedQuerySet[Gateway]:
    """Return the gateways the actor sees, without loading their secrets; one query."""
    return Gateway.objects.visible_to(actor).defer(*SECRETS).select_related("partner", "cost_list", "received_list")


def routes_of(actor: Actor) -> ScopedQuerySet[Route]:
    """Return the routing tables the actor sees, each route with its gateways in order; two queries."""
    lines = (
        RouteGateway.objects.visible_to(actor)
        .select_related("gateway")
        .defer(*(f"gateway__{name}" for name in SECRETS))
    )
    rows = Route.objects.visible_to(actor).select_related("partner", "web_product", "customer")
    return rows.prefetch_related(Prefetch("gateways", queryset=lines.order_by("position")))


def cdr_providers_of(actor: Actor) -> ScopedQuerySet[CdrProvider]:
    """Return the carriers' CDR feeds the actor sees; one query."""
    return CdrProvider.objects.visible_to(actor).select_related("partner")


def reconciliations_of(actor: Actor) -> ScopedQuerySet[Reconciliation]:
    """Return the files that were compared; one query."""
    return Reconciliation.objects.visible_to(actor).select_related("provider")


def reconciled_calls_of(actor: Actor) -> ScopedQuerySet[ReconciledCall]:
    """Return the calls of files that were compared; one query."""
    return ReconciledCall.objects.visible_to(actor).select_related("reconciliation__provider")
