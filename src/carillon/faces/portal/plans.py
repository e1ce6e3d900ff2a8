"""The panel Plans and Packages, with the fees and packages of each plan on its own page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.brands.choices import DestinationKind
from carillon.business.brands.models import WebProduct
from carillon.business.brands.queries import web_products_of
from carillon.business.catalogue import actions, queries
from carillon.business.catalogue.choices import Interval, Per, ProductKind, ProductState, Unit
from carillon.business.catalogue.models import Fee, Package, Product
from carillon.panels.declaration import Column, Detail, Field, Filter, Link, Panel, RowAction

MOST_CHOICES = 200


def web_product_choices(actor: Actor) -> list[tuple[int, str]]:
    """The web products that a product may be sold on."""
    rows = web_products_of(actor).order_by("name", "id")[:MOST_CHOICES]
    return [(row.pk, row.name) for row in rows]


def plan_page(actor: Actor, product: Product) -> Mapping[str, Any]:
    """What the page of a plan shows: fees, packages, and on which web products it is sold."""
    sold_on = WebProduct.objects.visible_to(actor).filter(pk__in=product.web_product_ids).order_by("name")
    labels = dict(DestinationKind.choices)
    return {
        "fees": queries.fees_of(actor).filter(product=product).order_by("interval", "name"),
        "packages": queries.packages_of(actor).filter(product=product).order_by("name"),
        "sold_on": ", ".join(str(row) for row in sold_on),
        "trial_classes": ", ".join(str(labels[kind]) for kind in product.trial_allowed_classes),
        "may_change": actor.may("plans.change"),
    }


TRIAL = _("Trial")
PLANS = Panel(
    slug="plans",
    title=_("Plans and Packages"),
    name=_("plan or add-on"),
    section="settings",
    icon="box",
    model=Product,
    rows=queries.products_of,
    columns=(
        Column("name", _("Name"), width=170, grow=2),
        Column("kind", _("Type"), kind="choice", width=100),
        Column("state", _("State"), kind="status", width=100),
        Column("subscribers", _("Have it"), kind="integer", width=80),
        Column("period", _("Period"), kind="choice", width=80),
        Column("price_list", _("Price list"), value="price_list.name", width=140),
        Column("trial_days", _("Trial (days)"), kind="integer", width=95),
        Column("currency", _("Currency"), width=80),
        Column("partner", _("Partner"), value="partner.name", width=145),
    ),
    api=(
        Column("description", _("Description")),
        Column("is_tax_inclusive", _("With tax"), kind="bool"),
        Column("billing_day", _("Billing day"), kind="integer"),
        Column("precedence", _("Precedence"), kind="integer"),
        Column("web_product_ids", _("Sold on"), kind="list"),
        Column("price_list_id", _("Price list"), kind="integer"),
        Column("trial_goes_on", _("Goes on after the trial"), kind="bool"),
        Column("trial_max_channels", _("Calls at a time"), kind="integer"),
        Column("trial_max_call_s", _("Longest call (s)"), kind="integer"),
        Column("trial_max_spend", _("Spends at most"), kind="money", value="trial_max_spend_micro"),
        Column("trial_allowed_classes", _("May also call"), kind="list"),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Created"), kind="datetime"),
    ),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("kind", _("Type"), choices=ProductKind.choices),
        Filter("state", _("State"), choices=ProductState.choices),
        Filter("currency", _("Currency")),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("name", "-id"),
    data=actions.ProductData,
    fields=(
        Field("name", _("Name"), max_length=100),
        Field("kind", _("Type"), only="create", help=_("A customer has one plan, and add-ons beside it.")),
        Field("currency", _("Currency"), max_length=3, only="create", placeholder="EUR"),
        Field("description", _("Description"), max_length=500),
        Field("period", _("Period"), only="create", help=_("How often packages are renewed and fees are due.")),
        Field(
            "billing_day",
            _("Billing day"),
            minimum=1,
            maximum=actions.LAST_BILLING_DAY,
            help=_("On which day of the month periods begin. Empty: on the day of the subscription."),
        ),
        Field(
            "is_tax_inclusive",
            _("Fees include tax"),
            help=_("Otherwise the customer's taxes are put on top."),
        ),
        Field(
            "web_product_ids",
            _("Sold on"),
            choices=web_product_choices,
            wide=True,
            help=_("Nothing ticked: on all your websites that sell in its currency."),
        ),
        Field(
            "price_list_id",
            _("Price list"),
            lookup="price-lists",
            section=_("Prices of calls"),
            help=_("Its customers pay for calls by this list, unless one is assigned to them by name."),
        ),
        Field(
            "precedence",
            _("Precedence"),
            minimum=0,
            maximum=actions.HIGHEST_PRECEDENCE,
            section=_("Prices of calls"),
            help=_("Among add-ons the highest wins; each wins over the plan."),
        ),
        Field("trial_days", _("Days"), minimum=0, maximum=actions.LONGEST_TRIAL_DAYS, section=TRIAL),
        Field("trial_goes_on", _("Goes on, paid, after it"), section=TRIAL, help=_("Otherwise it ends by itself.")),
        Field("trial_max_channels", _("Calls at a time"), minimum=1, maximum=10_000, section=TRIAL),
        Field("trial_max_call_s", _("Longest call (s)"), minimum=1, maximum=86_400, section=TRIAL),
        Field(
            "trial_max_spend_micro",
            _("Spends at most"),
            kind="money",
            minimum=0,
            section=TRIAL,
            help=_("On calls, in the whole trial. Empty: no limit."),
        ),
        Field(
            "trial_allowed_classes",
            _("May also call"),
            choices=DestinationKind.choices,
            section=TRIAL,
            wide=True,
            help=_("During a trial only these, whatever is ticked at the customer or web product."),
        ),
        Field(
            "partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
    ),
    together=("billing_day", "precedence", "trial_days", "trial_goes_on"),
    create=actions.create_product,
    update=actions.update_product,
    remove=actions.remove_product,
    actions=(
        RowAction(
            "put-on-sale",
            _("Put on sale"),
            actions.put_on_sale,
            icon="check",
            confirm=_("Customers can subscribe to it from now on."),
            applies=lambda product: product.state != ProductState.ON_SALE,
        ),
        RowAction(
            "withdraw",
            _("Withdraw"),
            actions.withdraw_product,
            icon="ban",
            confirm=_("Nobody can subscribe to it any more. Who has it keeps it."),
            danger=True,
            applies=lambda product: product.state != ProductState.WITHDRAWN,
        ),
    ),
    links=(
        Link(_("Fees"), "plan-fees", {"product_id": "id"}, icon="coins"),
        Link(_("Packages"), "plan-packages", {"product_id": "id"}, icon="box"),
        Link(_("Who has it"), "subscriptions", {"product_id": "id"}, icon="users"),
    ),
    detail=Detail("portal/plans/plan.html", plan_page),
    help=_(
        "What customers pay beside calls, and what that includes. A plan is the main product, add-ons come beside it."
        " Fees are charged once or at the start of each month or year, for the subscription or for each user, number or"
        " device that is there at that moment. Packages include minutes or messages. Changes hold from each"
        " subscription's next period on."
    ),
    empty=_("Add a plan, its fees and its packages, then put it on sale."),
)
FEES = Panel(
    slug="plan-fees",
    title=_("Fees of plans"),
    name=_("fee"),
    section="",
    icon="coins",
    permission="plans",
    model=Fee,
    rows=queries.fees_of,
    columns=(
        Column("name", _("Name"), width=170, grow=2),
        Column("product", _("Plan or add-on"), value="product.name", width=170),
        Column("amount", _("Amount"), kind="money", value="amount_micro", currency="product.currency", width=110),
        Column("per", _("For each"), kind="choice", width=110),
        Column("interval", _("Charged"), kind="choice", width=110),
        Column("is_prorated", _("By days"), kind="bool", width=90),
    ),
    api=(
        Column("product_id", _("Plan or add-on"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("product_id", _("Plan or add-on"), kind="integer"),
        Filter("interval", _("Charged"), choices=Interval.choices),
        Filter("per", _("For each"), choices=Per.choices),
    ),
    order=("name", "-id"),
    data=actions.FeeData,
    fields=(
        Field("product_id", _("Plan or add-on"), lookup="plans", only="create"),
        Field("name", _("Name"), max_length=100, help=_("Customers read it in their transactions.")),
        Field("amount_micro", _("Amount"), kind="money", minimum=0, help=_("In the currency of the plan.")),
        Field("per", _("For each"), help=_("Counted from what is there when it is charged.")),
        Field("interval", _("Charged")),
        Field(
            "is_prorated",
            _("By days"),
            help=_("A part of a period costs its days, and days that are not used come back. Otherwise the whole."),
        ),
    ),
    together=("is_prorated",),
    create=actions.add_fee,
    update=actions.update_fee,
    remove=actions.remove_fee,
    help=_("What plans and add-ons cost. A change holds from each subscription's next period on."),
)
PACKAGES = Panel(
    slug="plan-packages",
    title=_("Packages of plans"),
    name=_("package"),
    section="",
    icon="box",
    permission="plans",
    model=Package,
    rows=queries.packages_of,
    columns=(
        Column("name", _("Name"), width=170, grow=2),
        Column("product", _("Plan or add-on"), value="product.name", width=160),
        Column("group", _("To"), value="group.name", width=130),
        Column("included", _("Included"), kind="integer", width=90),
        Column("unit", _("Of"), kind="choice", width=100),
        Column(
            "intervals", _("Intervals"), value=lambda row: f"{row.initial_s}/{row.increment_s}", width=85, in_api=False
        ),
        Column("is_per_user", _("For each user"), kind="bool", width=105),
        Column("rollover_periods", _("Rolls over"), kind="integer", width=90),
        Column("blocks", _("Then refused"), kind="bool", width=100),
    ),
    api=(
        Column("initial_s", _("First interval"), kind="integer"),
        Column("increment_s", _("Next intervals"), kind="integer"),
        Column("covers_fee", _("Covers the connection fee"), kind="bool"),
        Column("is_prorated", _("By days"), kind="bool"),
        Column("group_id", _("Destination group"), kind="integer"),
        Column("product_id", _("Plan or add-on"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("product_id", _("Plan or add-on"), kind="integer"),
        Filter("group_id", _("Destination group"), kind="integer"),
        Filter("unit", _("Of"), choices=Unit.choices),
    ),
    order=("name", "-id"),
    data=actions.PackageData,
    fields=(
        Field("product_id", _("Plan or add-on"), lookup="plans", only="create"),
        Field("name", _("Name"), max_length=100, placeholder=_("UK and EU landlines")),
        Field("unit", _("Of")),
        Field("group_id", _("To"), lookup="destination-groups", help=_("A destination group. Empty: all numbers.")),
        Field("included", _("Minutes or messages"), minimum=1, maximum=actions.MOST_UNITS, help=_("In each period.")),
        Field("initial_s", _("First interval (s)"), minimum=1, maximum=actions.LONGEST_INTERVAL_S, section=_("Use")),
        Field("increment_s", _("Next intervals (s)"), minimum=1, maximum=actions.LONGEST_INTERVAL_S, section=_("Use")),
        Field("covers_fee", _("Covers the connection fee"), section=_("Use")),
        Field("is_per_user", _("For each user"), section=_("Use"), help=_("Otherwise all share it.")),
        Field(
            "is_prorated",
            _("By days"),
            section=_("Periods"),
            help=_("A part of a period gives its part, rounded up."),
        ),
        Field(
            "rollover_periods",
            _("Rolls over for (periods)"),
            minimum=0,
            maximum=actions.MOST_ROLLOVER,
            section=_("Periods"),
            help=_("What is left may be used so much longer. 0: it expires with the period."),
        ),
        Field(
            "blocks",
            _("Refuse calls when it is used up"),
            section=_("Periods"),
            help=_("Otherwise they are charged by the price list."),
        ),
    ),
    together=("covers_fee", "is_prorated", "rollover_periods", "blocks"),
    create=actions.add_package,
    update=actions.update_package,
    remove=actions.remove_package,
    help=_("What plans and add-ons include. A change holds from each subscription's next period on."),
)

PANELS = (PLANS, FEES, PACKAGES)
