"""The panel of web products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.brands import actions, queries
from carillon.business.brands.choices import DestinationKind, WebProductKind, WebProductStatus
from carillon.business.brands.models import WebProduct
from carillon.panels.declaration import Column, Field, Filter, Link, Panel, RowAction, Upload
from carillon.usecases.open_web_product import WebProductPlan, assignment_of, change_web_product, open_web_product

LOOK, LEGAL = _("Look"), _("Mail and legal texts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The dialog that brings a logo."""

    logo: Upload


def plan_of(product: WebProduct) -> Mapping[str, Any]:
    """What the form of a web product starts with."""
    names = [name for name in WebProductPlan.__dataclass_fields__ if name != "price_list_id"]
    held = assignment_of(product)
    return {name: getattr(product, name) for name in names} | {"price_list_id": held.price_list_id if held else None}


def set_logo(actor: Actor, product: WebProduct, data: Picture) -> WebProduct:
    """Give the web product the logo that the dialog brought."""
    return actions.set_logo(actor, product, data.logo.content).web_product


set_logo.permission = "web_products.change"  # type: ignore[attr-defined]

WEB_PRODUCTS = Panel(
    slug="web-products",
    title=_("Web Products"),
    name=_("web product"),
    section="settings",
    icon="world",
    model=WebProduct,
    rows=queries.web_products_of,
    columns=(
        Column("name", _("Name"), width=160, grow=2),
        Column("kind", _("Type"), kind="choice", width=150),
        Column("hostname", _("Hostname"), kind="code", width=160),
        Column("sip_domain", _("SIP domain"), kind="code", width=140),
        Column("status", _("Status"), kind="status", width=80),
        Column("currencies", _("Currencies"), kind="list", width=100),
        Column("partner", _("Partner"), value="partner.name", width=150),
    ),
    api=(
        Column("partner_id", _("Partner"), kind="integer"),
        Column("country", _("Country")),
        Column("cultures", _("Cultures"), kind="list"),
        Column("default_culture", _("Default language")),
        Column("default_currency", _("Default currency")),
        Column("low_balance", _("Customers are told below"), kind="money", value="low_balance_micro"),
        Column("allowed_classes", _("Allowed destinations"), kind="list"),
        Column("has_shop", _("Shop"), kind="bool"),
        Column("accent", _("Colour")),
        Column("headline", _("Headline")),
        Column("tagline", _("What you promise")),
        Column("mail_name", _("Sender of mails")),
        Column("has_logo", _("Logo"), kind="bool"),
        Column("created_at", _("Created"), kind="datetime"),
    ),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("kind", _("Type"), choices=WebProductKind.choices),
        Filter("hostname", _("Hostname"), lookup="istartswith"),
        Filter("sip_domain", _("SIP domain"), lookup="istartswith"),
        Filter("status", _("Status"), choices=WebProductStatus.choices),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("name", "-id"),
    data=WebProductPlan,
    fields=(
        Field("name", _("Name"), max_length=100),
        Field("kind", _("Type")),
        Field("has_shop", _("Shop"), help=_("Visitors may buy on its website, once its public pages are there.")),
        Field(
            "partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
        Field("hostname", _("Hostname"), kind="code", placeholder="voice.example.com", section=_("Addresses")),
        Field(
            "sip_domain",
            _("SIP domain"),
            kind="code",
            placeholder="sip.example.com",
            section=_("Addresses"),
            help=_("When it changes, every phone must be given the new domain; passwords stay."),
        ),
        Field(
            "country", _("Country"), max_length=2, placeholder="GB", help=_("Two letters."), section=_("Where and how")
        ),
        Field(
            "currencies",
            _("Currencies"),
            kind="commas",
            placeholder="EUR, GBP",
            help=_("With commas between them."),
            section=_("Where and how"),
        ),
        Field(
            "default_currency",
            _("Default currency"),
            max_length=3,
            help=_("Leave empty for the first."),
            section=_("Where and how"),
        ),
        Field(
            "cultures",
            _("Languages"),
            kind="commas",
            placeholder="en, es",
            help=_("With commas between them."),
            section=_("Where and how"),
        ),
        Field(
            "default_culture",
            _("Default language"),
            max_length=12,
            help=_("Leave empty for the first."),
            section=_("Where and how"),
        ),
        Field(
            "price_list_id",
            _("Price list"),
            lookup="price-lists",
            help=_("What its customers pay by. Leave empty for your default."),
            section=_("Where and how"),
        ),
        Field(
            "low_balance_micro",
            _("Customers are told below"),
            kind="money",
            minimum=0,
            help=_("By mail, when less is left to spend, of the default currency. Empty: they are not told."),
            section=_("Where and how"),
        ),
        Field("accent", _("Colour"), kind="code", max_length=7, placeholder="#0b5cad", section=LOOK),
        Field("headline", _("Headline"), max_length=100, section=LOOK),
        Field("tagline", _("What you promise"), kind="textarea", max_length=300, section=LOOK),
        Field("mail_name", _("Sender of mails"), max_length=100, section=LEGAL, help=_("Leave empty for its name.")),
        Field("imprint", _("Imprint"), kind="textarea", max_length=20_000, section=LEGAL),
        Field("terms", _("Terms"), kind="textarea", max_length=20_000, section=LEGAL),
        Field("privacy", _("Privacy"), kind="textarea", max_length=20_000, section=LEGAL),
        Field(
            "allowed_classes",
            _("May also call"),
            choices=DestinationKind.choices,
            section=_("Protection"),
            wide=True,
            help=_(
                "Barred unless ticked here for everybody, or for the customer. Stolen accounts are used to call these."
            ),
        ),
    ),
    initial=plan_of,
    create=open_web_product,
    update=change_web_product,
    remove=actions.remove_web_product,
    actions=(
        RowAction(
            "logo",
            _("Logo"),
            set_logo,
            data=Picture,
            fields=(Field("logo", _("Logo"), help=_("PNG, JPEG, GIF or WebP, at most 256 KB.")),),
            icon="upload",
        ),
        RowAction(
            "remove-logo",
            _("Take the logo away"),
            actions.remove_logo,
            icon="x",
            confirm=_("Its name stands there again."),
            applies=lambda row: row.has_logo,
        ),
        RowAction(
            "close",
            _("Close"),
            actions.close_web_product,
            data=actions.ReasonData,
            fields=(Field("reason", _("Reason"), kind="textarea"),),
            icon="ban",
            danger=True,
            confirm=_("The website and the SIP domain answer no longer: phones of its customers go silent."),
            applies=lambda row: row.status != WebProductStatus.CLOSED,
        ),
        RowAction(
            "reopen",
            _("Put on the air"),
            actions.reopen_web_product,
            icon="player-play",
            applies=lambda row: row.status != WebProductStatus.LIVE,
        ),
    ),
    links=(Link(_("Customers"), "customers", {"web_product_id": "id"}),),
    wizard="portal:wizard",
    help=_("Branded websites, each with its hostname, SIP domain, languages and currencies."),
    empty=_("No web products yet. Add one: customers buy through a web product, and their phones use its SIP domain."),
)

PANELS = (WEB_PRODUCTS,)
