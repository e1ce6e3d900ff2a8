"""Reads of SIP accounts and live registrations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import CharField, F, Func, OuterRef, Subquery
from django.db.models.functions import Now

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.endpoints.models import Ban, Endpoint, Location, Reachability

DOMAIN = Func(F("web_product_id"), function="public.carillon_sip_domain", output_field=CharField())
LOST_AFTER = timedelta(minutes=2)
SECRETS = ("secret", "ha1_md5", "ha1_sha256")


def endpoints_of(actor: Actor) -> ScopedQuerySet[Endpoint]:
    """Return the SIP accounts the actor sees with their `domain`, without loading their secrets; one query.

    `offline_since` is told when it has lasted: a phone that registers late is not lost. Web products are not joined:
    customers' people may not read them.
    """
    lost = Reachability.objects.filter(endpoint=OuterRef("pk"), offline_since__lte=Now() - LOST_AFTER)
    told = {"domain": DOMAIN, "offline_since": Subquery(lost.values("offline_since")[:1])}
    rows: ScopedQuerySet[Any] = Endpoint.objects.visible_to(actor).defer(*SECRETS).annotate(**told)
    return rows.select_related("customer", "user", "caller_id")


def domain_of(web_product_id: int) -> str:
    """Return the SIP domain of a web product in small letters; one query past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_sip_domain(%s)", [web_product_id])
        return str(cursor.fetchone()[0])


def locations_of(actor: Actor) -> ScopedQuerySet[Location]:
    """Return the registrations that have not expired, as the edge has them but for a second or two; one query."""
    return Location.objects.visible_to(actor).select_related("customer", "endpoint").order_by("-registered_at", "id")


def bans_of(actor: Actor) -> ScopedQuerySet[Ban]:
    """Return the bans the actor sees, those that are over too; one query."""
    return Ban.objects.visible_to(actor)
