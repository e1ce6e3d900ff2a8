"""Reads of gateways and the routing table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.routing.choices import Presence
from carillon.business.routing.models import (
    CdrProvider,
    Gateway,
    GatewayHealth,
    ReconciledCall,
    Reconciliation,
    Route,
    RouteGateway,
)
from carillon.logic import health
from carillon.logic.traffic import NO_TRAFFIC, Traffic

SECRETS = ("auth_secret", "auth_ha1")


def gateways_of(actor: Actor) -> ScopedQuerySet[Gateway]:
    """Return the gateways the actor sees, without loading their secrets; one query."""
    related = ("partner", "cost_list", "received_list", "health")
    return Gateway.objects.visible_to(actor).defer(*SECRETS).select_related(*related)


def health_of(gateway: Gateway) -> GatewayHealth | None:
    """Return what is known of the gateway, None before it was first asked; no query after `gateways_of`."""
    found: GatewayHealth | None = getattr(gateway, "health", None)
    return found


def presence_of(gateway: Gateway) -> Presence:
    """Return whether the gateway is there; no query after `gateways_of`."""
    if not (gateway.is_enabled and gateway.is_probed):
        return Presence.UNASKED
    found = health_of(gateway)
    return Presence.UNKNOWN if found is None else Presence(found.presence)


def with_presence(rows: QuerySet[Gateway], presence: str) -> QuerySet[Gateway]:
    """Return the gateways that `presence_of` says this of."""
    is_asked = Q(is_enabled=True, is_probed=True)
    if presence == Presence.UNASKED:
        return rows.exclude(is_asked)
    wanted = Q(health__presence=presence)
    return rows.filter(is_asked, wanted | Q(health=None) if presence == Presence.UNKNOWN else wanted)


def traffic_of(gateway: Gateway, span: timedelta) -> Traffic:
    """Return the calls tried at the gateway in the last `span`, by quarters of an hour; no query after `gateways_of`.

    Each attempt counts, also of calls that went on to another gateway and of those that no CDR names it for.
    """
    found = health_of(gateway)
    if found is None:
        return NO_TRAFFIC
    begin = timezone.now() - span
    return health.traffic_since(health.read(found.quarters), round(begin.timestamp() * 1000))


@dataclass(frozen=True, slots=True)
class GatewayPresence:
    """A gateway in few words. `round_trip_ms`: of the last OPTIONS that was answered."""

    gateway_id: int
    name: str
    partner: str
    presence: str
    since: str
    round_trip_ms: int | None


def presences_of(actor: Actor) -> list[GatewayPresence]:
    """Return how all enabled gateways are that the actor sees, the absent ones first; one query."""
    rows = gateways_of(actor).filter(is_enabled=True)
    order: Mapping[Presence, int] = {Presence.AWAY: 0, Presence.UNKNOWN: 1, Presence.ALIVE: 2, Presence.UNASKED: 3}
    found = [(order[presence_of(row)], row.name, row) for row in rows]
    return [_presence(row) for _, _, row in sorted(found, key=lambda item: item[:2])]


def _presence(gateway: Gateway) -> GatewayPresence:
    known, presence = health_of(gateway), presence_of(gateway)
    is_known = known is not None and presence in (Presence.ALIVE, Presence.AWAY)
    since = known.since.isoformat() if known is not None and is_known and known.since else ""
    trip = known.round_trip_ms if known is not None and is_known else None
    return GatewayPresence(gateway.pk, gateway.name, gateway.partner.name, presence, since, trip)


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
