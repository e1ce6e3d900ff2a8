"""The branded faces of a partner: its web products for customers, its portal for staff and sub-partners."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carillon.base.tenancy import ScopedQuerySet
from carillon.business.brands.choices import DestinationKind, PicturePlace, WebProductKind, WebProductStatus
from carillon.business.partners.tenant import TenantModel

ACCENT = "#0b5cad"


class WebProduct(TenantModel):
    """A branded website on its own hostname, with a SIP domain, cultures and currencies."""

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=12, choices=WebProductKind.choices)
    hostname = models.CharField(max_length=253, unique=True)
    sip_domain = models.CharField(max_length=253, unique=True)
    country = models.CharField(max_length=2)
    cultures = ArrayField(models.CharField(max_length=12), default=list)
    default_culture = models.CharField(max_length=12, default="en")
    currencies = ArrayField(models.CharField(max_length=3), default=list)
    default_currency = models.CharField(max_length=3)
    low_balance_micro = models.BigIntegerField(null=True, blank=True)  # in default_currency: whose customers are told
    allowed_classes = ArrayField(
        models.CharField(max_length=16, choices=DestinationKind.choices), default=list, blank=True
    )
    status = models.CharField(max_length=8, choices=WebProductStatus.choices, default=WebProductStatus.LIVE)
    has_shop = models.BooleanField(default=False)
    accent = models.CharField(max_length=7, default=ACCENT)  # "#rrggbb"; its shades: logic.contrast
    headline = models.CharField(max_length=100, default="", blank=True)
    tagline = models.CharField(max_length=300, default="", blank=True)
    mail_name = models.CharField(max_length=100, default="", blank=True)  # sender of its mails; "": its name
    imprint = models.TextField(max_length=20_000, default="", blank=True)
    terms = models.TextField(max_length=20_000, default="", blank=True)
    privacy = models.TextField(max_length=20_000, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["WebProduct"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "name"], name="web_product_name_once_per_partner")]
        indexes = [models.Index(fields=["partner", "name", "id"], name="web_product_by_name")]

    def __str__(self) -> str:
        return self.name


class Logo(TenantModel):
    """The picture on a web product's pages; at most 256 KB."""

    audit_exclude = ("content",)

    web_product = models.OneToOneField(WebProduct, on_delete=models.CASCADE, related_name="logo")
    media_type = models.CharField(max_length=20)
    digest = models.CharField(max_length=16)  # in its address, so that browsers may keep it
    content = models.BinaryField()

    objects = ScopedQuerySet["Logo"].as_manager()

    def __str__(self) -> str:
        return f"{self.web_product_id}"


class PortalBrand(TenantModel):
    """How the Partner Portal looks for a partner's staff, and for its sub-partners that have no brand of their own.

    Its hostname is the partner's (`Partner.portal_hostname`).
    """

    name = models.CharField(max_length=60)
    accent = models.CharField(max_length=7, default=ACCENT)  # "#rrggbb"; its shades: logic.contrast
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["PortalBrand"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner"], name="portal_brand_once_per_partner")]
        indexes = [models.Index(fields=["name", "id"], name="portal_brand_by_name")]

    def __str__(self) -> str:
        return self.name


class PortalPicture(TenantModel):
    """A picture of a portal's brand: PNG as `base.pictures` has drawn it."""

    audit_exclude = ("content",)

    brand = models.ForeignKey(PortalBrand, on_delete=models.CASCADE, related_name="pictures")
    place = models.CharField(max_length=5, choices=PicturePlace.choices)
    digest = models.CharField(max_length=16)  # in its address, so that browsers may keep it
    content = models.BinaryField()

    objects = ScopedQuerySet["PortalPicture"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "place"], name="portal_picture_once_per_place")]

    def __str__(self) -> str:
        return f"{self.brand}: {self.get_place_display()}"
