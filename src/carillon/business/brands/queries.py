"""What an actor sees of web products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from carillon.base.actor import Actor
from carillon.business.brands.models import ACCENT, Logo, PortalBrand, WebProduct


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


def portal_brands_of(actor: Actor) -> QuerySet[PortalBrand]:
    """Return the brands of portals that the actor sees, with their partners and pictures; two queries."""
    return PortalBrand.objects.visible_to(actor).select_related("partner").prefetch_related("pictures")


@dataclass(frozen=True, slots=True)
class PortalFace:
    """How the portal looks for a partner: by its own brand, or the nearest above it. Pictures by digest, "" without.

    `owner_id`: whose brand it is; None: nobody's, the platform's own.
    """

    partner_name: str
    owner_id: int | None = None
    brand: str = ""
    accent: str = ACCENT
    light: str = ""
    dark: str = ""
    icon: str = ""

    @property
    def name(self) -> str:
        """What the portal calls itself."""
        return self.brand or self.partner_name


def portal_face(partner_id: int | None) -> PortalFace:
    """Return how the portal looks for a partner's people, for whoever comes; one query past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("select * from public.carillon_portal_face(%s)", [partner_id])
        row = cursor.fetchone()
    return PortalFace(*row) if row else PortalFace("Carillon")


def portal_picture(owner_id: int, digest: str) -> bytes | None:
    """Return a picture (PNG) of a portal's brand, for whoever comes; one query past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_portal_picture(%s, %s)", [owner_id, digest])
        row = cursor.fetchone()
    return bytes(row[0]) if row and row[0] is not None else None
