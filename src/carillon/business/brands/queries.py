"""What an actor sees of web products."""

from __future__ import annotations

from django.db.models import QuerySet

from carillon.base.actor import Actor
from carillon.business.brands.models import WebProduct


def web_products_of(actor: Actor) -> QuerySet[WebProduct]:
    """Return the web products the actor sees, with their partners."""
    return WebProduct.objects.visible_to(actor).select_related("partner")
