"""The panel Exchange Rates."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.business.pricing import exchange, queries
from carillon.business.pricing.models import ExchangeRate
from carillon.panels.declaration import Column, Field, Filter, Panel

EXCHANGE_RATES = Panel(
    slug="exchange-rates",
    title=_("Exchange Rates"),
    name=_("exchange rate"),
    section="settings",
    icon="arrows-exchange",
    model=ExchangeRate,
    rows=queries.exchange_rates_of,
    columns=(
        Column("source", _("One unit of"), kind="code", width=110),
        Column("target", _("Is worth in"), kind="code", width=110),
        Column("rate", _("Rate"), kind="decimal", width=150, grow=2),
        Column("loss_percent", _("Loss %"), kind="decimal", width=90),
        Column("effective_from", _("Holds from"), kind="datetime", width=155),
        Column("partner", _("Partner"), value="partner.name", width=150),
    ),
    api=(
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Created"), kind="datetime"),
    ),
    filters=(
        Filter("source", _("One unit of")),
        Filter("target", _("Is worth in")),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("source", "-id"),
    search="source",
    data=exchange.ExchangeRateData,
    fields=(
        Field("source", _("One unit of"), max_length=3, only="create", placeholder="USD"),
        Field("target", _("Is worth in"), max_length=3, only="create", placeholder="EUR"),
        Field("rate", _("Rate"), help=_("At most ten decimals.")),
        Field(
            "loss_percent",
            _("Conversion loss %"),
            minimum=0,
            maximum=exchange.MOST_LOSS,
            help=_("What converting costs you; it is added to what is charged."),
        ),
        Field("effective_from", _("Holds from"), help=_("Leave empty to begin now.")),
        Field(
            "partner_id",
            _("Partner"),
            lookup="partners",
            only="create",
            help=_("The partner and everybody below it that has no rate of its own. Leave empty for your own company."),
        ),
    ),
    create=exchange.add_exchange_rate,
    update=exchange.update_exchange_rate,
    remove=exchange.remove_exchange_rate,
    help=_(
        "What converts prices when a list and the account that pays are in different currencies. A call keeps the rate "
        "that held when it began. Where you have no rate, your supplier's holds. A missing pair is worked out from the "
        "opposite one, or from two rates through one common currency. Import a file to bring many rates at once."
    ),
    empty=_("Add a rate when a list is in another currency than the accounts that pay by it."),
)

PANELS = (EXCHANGE_RATES,)
