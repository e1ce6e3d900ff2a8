"""The operator's gateways to the demo carriers, and its routing table."""

from __future__ import annotations

from collections import Counter

from carillon.base.actor import Actor
from carillon.business.pricing.models import PriceList
from carillon.business.routing.actions import GatewayData, RouteData, create_gateway, create_route
from carillon.business.routing.choices import Strategy
from carillon.business.routing.models import Gateway, Route
from carillon.demo.cast.owner import own_partner
from carillon.demo.world import CAST, Carrier, Way

HOST = "127.0.0.1"
REPLY_TIMEOUT_MS = 2000  # the carriers are on this machine: silence for two seconds is silence


def gateway_data(
    actor: Actor, carrier: Carrier, port: int, *, ring_timeout_s: int, reply_timeout_ms: int
) -> GatewayData:
    """What is said about a demo carrier's gateway. Its calls come from the very address and port it listens on."""
    costs = PriceList.objects.visible_to(actor).get(partner_id=own_partner(actor), name=carrier.costs)
    return GatewayData(
        name=carrier.name,
        host=HOST,
        port=port,
        source_addresses=(f"{HOST}:{port}",),
        cost_list_id=costs.pk,
        ring_timeout_s=ring_timeout_s,
        reply_timeout_ms=reply_timeout_ms,
        is_demo=True,
    )


def load_carrier(actor: Actor, carrier: Carrier, port: int, made: Counter[str]) -> None:
    """The gateway in front of a demo carrier."""
    if Gateway.objects.visible_to(actor).filter(partner_id=own_partner(actor), name=carrier.name).exists():
        return
    data = gateway_data(actor, carrier, port, ring_timeout_s=60, reply_timeout_ms=REPLY_TIMEOUT_MS)
    create_gateway(actor, data)
    made["gateways"] += 1


def load_way(actor: Actor, way: Way, made: Counter[str]) -> None:
    """A line of the routing table."""
    if Route.objects.visible_to(actor).filter(partner_id=own_partner(actor), name=way.name).exists():
        return
    names = {carrier.key: carrier.name for carrier in CAST.carriers}
    gateways = [
        Gateway.objects.visible_to(actor).get(partner_id=own_partner(actor), name=names[key]) for key in way.carriers
    ]
    create_route(
        actor,
        RouteData(
            name=way.name,
            prefix=way.prefix,
            strategy=Strategy(way.strategy),
            gateway_ids=tuple(gateway.pk for gateway in gateways),
            is_emergency=way.is_emergency,
            country=way.country,
        ),
    )
    made["routes"] += 1
