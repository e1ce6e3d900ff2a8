"""Reads of SIP accounts and live registrations."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import CharField, F, Func

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.endpoints.models import Endpoint, Location

DOMAIN = Func(F("web_product_id"), function="public.carillon_sip_domain", output_field=CharField())
SECRETS = ("secret", "ha1_md5", "ha1_sha256")


def endpoints_of(actor: Actor) -> ScopedQuerySet[Endpoint]:
    """Return the SIP accounts the actor sees with their `domain`, without loading their secrets; one query.

    Web products are not joined: customers' people may not read them.
    """
    rows: ScopedQuerySet[Any] = Endpoint.objects.visible_to(actor).defer(*SECRETS).annotate(domain=DOMAIN)
    return rows.select_related("customer", "user", "caller_id")


def domain_of(web_product_id: int) -> str:
    """Return the SIP domain of a web product in small letters; one query past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_sip_domain(%s)", [web_product_id])
        return str(cursor.fetchone()[0])


def locations_of(actor: Actor) -> ScopedQuerySet[Location]:
    """Return the registrations that have not expired, as the edge has them but for a second or two; one query."""
    return Location.objects.visible_to(actor).select_related("customer", "endpoint").order_by("-registered_at", "id")
