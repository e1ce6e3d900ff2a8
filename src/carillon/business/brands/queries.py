"""What an actor sees of web products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from carillon.base.actor import Actor
from carillon.business.brands.models import Logo, WebProduct


def web_products_of(actor: Actor) -> QuerySet[WebProduct]:
    """Return the web products the actor sees, with their partners, and whether each has a logo."""
    has_logo = Exists(Logo.objects.filter(web_product=OuterRef("pk")))
    rows: QuerySet[Any] = WebProduct.objects.visible_to(actor).select_related("partner").annotate(has_logo=has_logo)
    return rows


def logo_of(actor: Actor, product: WebProduct) -> Logo | None:
    """Return a web product's logo; one query."""
    return Logo.objects.visible_to(actor).filter(web_product=product).first()


@dataclass(frozen=True, slots=True)
class Theme:
    """How a web product's own pages look, for visitors. `logo` is the digest of its picture, "" without one."""

    name: str
    accent: str
    headline: str
    tagline: str
    mail_name: str
    logo: str
    imprint: str = ""
    terms: str = ""
    privacy: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The legal texts that there are."""
        return tuple(name for name in ("imprint", "terms", "privacy") if getattr(self, name))


def theme(web_product_id: int) -> Theme | None:
    """Return how a web product looks that is not closed, for whoever comes; one query past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("select * from public.carillon_theme(%s)", [web_product_id])
        row = cursor.fetchone()
    return Theme(*row) if row else None


def public_logo(web_product_id: int) -> tuple[str, bytes] | None:
    """Return media type and picture of a web product's logo, for whoever comes; one query past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("select * from public.carillon_logo(%s)", [web_product_id])
        row = cursor.fetchone()
    return (row[0], bytes(row[1])) if row else None
