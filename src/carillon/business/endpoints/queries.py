"""Reads of SIP accounts and live registrations."""

from __future__ import annotations

from carillon.base.actor import Actor
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.customers.models import Customer
from carillon.business.endpoints.models import Endpoint, Location

SECRETS = ("secret", "ha1_md5", "ha1_sha256")


def endpoints(actor: Actor) -> ScopedQuerySet[Endpoint]:
    """Return the SIP accounts the actor sees, without loading their secrets; one query."""
    rows = Endpoint.objects.visible_to(actor).defer(*SECRETS)
    return rows.select_related("partner", "web_product", "customer", "user", "caller_id")


def endpoints_of_customer(actor: Actor, customer: Customer) -> ScopedQuerySet[Endpoint]:
    """Return a customer's SIP accounts by username; one query."""
    return endpoints(actor).filter(customer=customer).order_by("username", "id")


def locations(actor: Actor) -> ScopedQuerySet[Location]:
    """Return the registrations that have not expired, as the edge last wrote them (seconds ago); one query."""
    return Location.objects.visible_to(actor).select_related("customer", "endpoint").order_by("-registered_at", "id")
