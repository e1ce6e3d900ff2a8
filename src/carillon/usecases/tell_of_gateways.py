"""Owners hear which of their gateways went away, and which of these answer again."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from carillon.base.actor import Actor
from carillon.business.notices.actions import tell_of_gateway
from carillon.business.notices.choices import AlertKind
from carillon.business.notices.queries import open_alerts_of
from carillon.business.routing.choices import Presence
from carillon.business.routing.models import GatewayHealth

PATIENCE = timedelta(seconds=10)  # who is back at once was not missed


def tell_of_gateways(actor: Actor) -> int:
    """Tell of each absence and of its end, once; return how many were new. Two queries, and four for each that is."""
    told = {(alert.subject, alert.since) for alert in open_alerts_of(actor).filter(kind=AlertKind.GATEWAY_DOWN)}
    subjects = {subject for subject, _ in told}
    asked = GatewayHealth.objects.visible_to(actor).filter(gateway__is_enabled=True, gateway__is_probed=True)
    news = 0
    for health in asked.filter(presence=Presence.AWAY, since__lte=Now() - PATIENCE).select_related("gateway"):
        if health.since is not None and (f"gateway {health.gateway_id}", health.since) not in told:
            news += tell_of_gateway(actor, health.gateway, is_up=False, since=health.since)
    if not subjects:
        return news
    back = asked.filter(presence=Presence.ALIVE, gateway_id__in=[int(subject.split()[1]) for subject in subjects])
    for health in back.select_related("gateway"):
        for subject, since in told:
            if subject == f"gateway {health.gateway_id}":
                news += tell_of_gateway(actor, health.gateway, is_up=True, since=since)
    return news
