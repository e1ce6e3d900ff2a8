"""The panel Taxes."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.business.billing import queries, taxes
from carillon.business.billing.models import TaxRule
from carillon.business.customers.choices import CustomerKind
from carillon.panels.declaration import Column, Field, Filter, Panel

TAXES = Panel(
    slug="taxes",
    title=_("Taxes"),
    name=_("tax"),
    section="settings",
    icon="receipt",
    model=TaxRule,
    rows=queries.tax_rules_of,
    columns=(
        Column("name", _("Tax"), width=150, grow=2),
        Column("percent", _("Percent"), kind="decimal", width=90),
        Column("country", _("Country"), kind="code", value=lambda rule: rule.country or "*", width=90),
        Column("customer_kind", _("Customers"), kind="choice", width=130),
        Column("position", _("Order"), kind="integer", width=75),
        Column("effective_from", _("Holds from"), kind="datetime", width=155),
        Column("partner", _("Partner"), value="partner.name", width=150),
    ),
    api=(
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Created"), kind="datetime"),
    ),
    filters=(
        Filter("name", _("Tax"), lookup="istartswith"),
        Filter("country", _("Country")),
        Filter("customer_kind", _("Customers"), choices=CustomerKind.choices),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("name", "-id"),
    search="name",
    data=taxes.TaxRuleData,
    fields=(
        Field("name", _("Tax"), max_length=50, placeholder="VAT", help=_("Rules of the same name are one tax.")),
        Field("percent", _("Percent"), minimum=0, maximum=taxes.MOST_PERCENT, help=_("At most three decimals.")),
        Field("country", _("Country"), max_length=2, help=_("Of the customer; leave empty for every country.")),
        Field("customer_kind", _("Customers"), help=_("Leave empty for companies and individuals.")),
        Field("position", _("Order"), minimum=1, maximum=taxes.MOST_POSITION, help=_("In which several are named.")),
        Field("effective_from", _("Holds from"), help=_("Leave empty to begin now.")),
        Field(
            "partner_id",
            _("Partner"),
            lookup="partners",
            only="create",
            help=_("Whose customers pay it. Leave empty for your own company."),
        ),
    ),
    create=taxes.add_tax_rule,
    update=taxes.update_tax_rule,
    remove=taxes.remove_tax_rule,
    help=_(
        "What your customers pay on calls and on fees of plans, on top of prices that do not include it; sub-partners "
        "pay no tax here. Of the rules of one name the one for the customer's country goes before the one for all, "
        "then the one for its kind, then the newest that has begun. Different names add up. A call keeps the taxes "
        "that held when it began, and money is set aside for them too."
    ),
    empty=_("Add the tax that your customers pay, such as VAT with 20 percent."),
)

PANELS = (TAXES,)
