"""The panel of web products."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.business.brands import actions, queries
from carillon.business.brands.choices import DestinationKind, WebProductKind, WebProductStatus
from carillon.business.brands.models import WebProduct
from carillon.panels.declaration import Column, Field, Filter, Link, Panel, RowAction
from carillon.usecases.rename_sip_domain import update_web_product

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
        Column("allowed_classes", _("Allowed destinations"), kind="list"),
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
    data=actions.WebProductData,
    fields=(
        Field("name", _("Name"), max_length=100),
        Field("kind", _("Type")),
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
        Field("country", _("Country"), max_length=2, placeholder="GB", help=_("Two letters.")),
        Field(
            "currencies", _("Currencies"), kind="commas", placeholder="EUR, GBP", help=_("With commas between them.")
        ),
        Field("default_currency", _("Default currency"), max_length=3, help=_("Leave empty for the first.")),
        Field("cultures", _("Languages"), kind="commas", placeholder="en, es", help=_("With commas between them.")),
        Field("default_culture", _("Default language"), max_length=12, help=_("Leave empty for the first.")),
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
    create=actions.create_web_product,
    update=update_web_product,
    remove=actions.remove_web_product,
    actions=(
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
    help=_("Branded websites, each with its hostname, SIP domain, languages and currencies."),
    empty=_("No web products yet. Add one: customers buy through a web product, and their phones use its SIP domain."),
)

PANELS = (WEB_PRODUCTS,)
