"""Panels of who has which plan, what that was charged, what is left of packages; and what a plan would cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.base.rows import named
from carillon.business.calls.queries import uses_of
from carillon.business.catalogue import queries
from carillon.business.catalogue import subscriptions as parts
from carillon.business.catalogue.choices import ProductKind, SubscriptionState, Unit
from carillon.business.catalogue.models import Allowance, FeeCharge, Subscription
from carillon.logic import fees
from carillon.logic.money import format_exact
from carillon.logic.proration import local_day
from carillon.panels.declaration import Column, Detail, Field, Filter, Link, Page, Panel, RowAction
from carillon.panels.manner import number_text
from carillon.usecases import subscribe as uses
from carillon.usecases.charge_subscriptions import text_of

CHARGES_SHOWN = 12
HUNDRED = 100
WHEN = (
    (uses.When.AUTO, _("A dearer plan at once, a cheaper one later")),
    (uses.When.NOW, _("At once")),
    (uses.When.LATER, _("When the period ends")),
)
TAKEN = (SubscriptionState.ACTIVE, SubscriptionState.UNPAID, SubscriptionState.CANCELLED)


# ---------------------------------------------------------------- what is shown


def amount_text(row: Allowance, amount: int) -> str:
    """Minutes of calls, or messages, in the reader's manner; a part of a minute is shown as such."""
    if row.unit == Unit.MESSAGE:
        return number_text(f"{amount:,}")
    minutes, seconds = divmod(amount, parts.MINUTE_S)
    return number_text(f"{minutes:,}") + (f":{seconds:02d}" if seconds else "")


def left_text(row: Any) -> str:
    """How much is left of how much."""
    unit = _("messages") if row.unit == Unit.MESSAGE else _("min")
    return f"{amount_text(row, row.left)} / {amount_text(row, row.granted)} {unit}"


def percent_left(row: Any) -> int:
    """Whole percent that are left, rounded down."""
    return int(row.left * HUNDRED // row.granted) if row.granted else 0


def holder(row: Any) -> str:
    """The user it is for; empty: the customer's own."""
    return row.user.name if row.user is not None else ""


def charge_text(row: FeeCharge) -> str:
    """What was charged, as the customer's transactions begin."""
    return text_of(row.subscription.name, parts.line_of(row), row.currency)


def _line(one: uses.Priced, currency: str) -> dict[str, Any]:
    line = one.line
    return {
        "text": text_of(one.name, line, currency),
        "quantity": line.quantity,
        "unit_micro": line.fee.amount_micro,
        "net_micro": line.net_micro,
        "tax_micro": line.tax_micro,
        "taxes": [{"name": tax.name, "percent": format_exact(tax.percent)} for tax in line.taxation.taxes],
        "amount_micro": line.amount_micro,
        "since": line.part.since.isoformat(),
        "until": (line.part.until - timedelta(days=1)).isoformat(),
    }


def subscription_page(actor: Actor, subscription: Subscription) -> Mapping[str, Any]:
    """What the page of a subscription shows: money, packages as bars, and what comes next."""
    charges = queries.charges_of(actor).filter(subscription=subscription).order_by("-id")
    given = queries.allowances_of(actor).filter(subscription=subscription).filter(queries.LIVE)
    tomorrow = local_day(timezone.now(), subscription.customer.timezone) + timedelta(days=1)
    back = fees.lines_back(parts.charged(subscription), tomorrow)
    return {
        "charges": charges[:CHARGES_SHOWN],
        "allowances": [_bar(row) for row in given.order_by("ends_at", "id")],
        "back_micro": -fees.total(back),
        "is_taken": subscription.state in TAKEN,
        "following": _following(actor, subscription),
        "last_day": subscription.period_until - timedelta(days=1),
    }


def _bar(row: Any) -> dict[str, Any]:
    return {
        "name": row.name,
        "user": holder(row),
        "left": left_text(row),
        "percent": percent_left(row),
        "ends_at": row.ends_at,
        "reserved": amount_text(row, row.reserved) if row.reserved else "",
    }


def _following(actor: Actor, subscription: Subscription) -> list[dict[str, Any]]:
    if subscription.state not in (SubscriptionState.ACTIVE, SubscriptionState.UNPAID):
        return []
    return [_line(one, subscription.currency) for one in uses.following_lines(actor, subscription)]


def allowance_page(actor: Actor, allowance: Any) -> Mapping[str, Any]:
    """What the page of an allowance shows: what is left, as a bar, and who used it."""
    uses = [
        {"user": use.user, "calls": use.calls, "amount": amount_text(allowance, use.seconds)}
        for use in uses_of(actor, allowance)
    ]
    return {
        "bar": _bar(allowance),
        "used": amount_text(allowance, allowance.used),
        "uses": uses,
        "may_see_calls": actor.may("cdrs.view"),
    }


# ---------------------------------------------------------------- what it would cost


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewData:
    """Who would get which product; `subscription_id`: in place of that one, `when`."""

    product_id: int
    customer_id: int | None = None
    user_id: int | None = None
    is_trial: bool = False
    subscription_id: int | None = None
    when: uses.When = uses.When.AUTO


def read_preview(actor: Actor, data: PreviewData) -> dict[str, Any]:
    """What subscribing or changing would cost; nothing changes."""
    if data.subscription_id is not None:
        subscription = named(Subscription.objects, actor, data.subscription_id, "subscription_id")
        change = uses.ChangeData(product_id=data.product_id, when=data.when)
        found = uses.preview_change(actor, subscription, change)
    elif data.customer_id is not None:
        wanted = uses.SubscribeData(
            customer_id=data.customer_id, product_id=data.product_id, user_id=data.user_id, is_trial=data.is_trial
        )
        found = uses.preview_subscription(actor, wanted)
    else:
        raise InvalidInput(fields={"customer_id": _("Choose a customer, or a subscription to change.")})
    return {
        "day": found.day.isoformat(),
        "currency": found.currency,
        "is_trial": found.is_trial,
        "now": [_line(one, found.currency) for one in found.now],
        "now_micro": found.now_micro,
        "now_net_micro": found.now_micro - found.now_tax_micro,
        "now_tax_micro": found.now_tax_micro,
        "next_on": found.next_on.isoformat() if found.next_on else None,
        "next": [_line(one, found.currency) for one in found.following],
        "next_micro": found.following_micro,
        "next_net_micro": found.following_micro - found.following_tax_micro,
        "next_tax_micro": found.following_tax_micro,
        "conflicts": list(found.conflicts),
        "subscription_id": data.subscription_id,
    }


PREVIEW = Page(
    slug="plan-preview",
    title=_("What a plan costs"),
    section="",
    read=read_preview,
    template="portal/plans/preview.html",
    icon="coins",
    data=PreviewData,
    fields=(
        Field("customer_id", _("Customer"), lookup="customers"),
        Field("user_id", _("Only the user"), lookup="users", help=_("Empty: the whole customer.")),
        Field("subscription_id", _("In place of"), lookup="subscriptions", help=_("Empty: as a new subscription.")),
        Field("product_id", _("Plan or add-on"), lookup="plans"),
        Field("when", _("When"), choices=WHEN, help=_("Of a change.")),
        Field("is_trial", _("Try it first")),
    ),
    permission="subscriptions.view",
    help=_(
        "What subscribing to a plan, or changing to it, charges today and when the next period begins, computed by what"
        " would do it. Nothing is changed."
    ),
)  # fmt: skip

CONFIRM = Field(
    "confirms_conflicts",
    _("Also when it contradicts"),
    help=_("Another product of the customer's: which is said when it does, and kept with the subscription."),
)
SUBSCRIPTIONS = Panel(
    slug="subscriptions",
    title=_("Subscriptions"),
    name=_("subscription"),
    section="main",
    icon="calendar",
    model=Subscription,
    rows=queries.subscriptions_of,
    columns=(
        Column("customer", _("Customer"), value="customer.name", width=160, grow=2),
        Column("name", _("Plan or add-on"), width=160, grow=1),
        Column("state", _("State"), kind="status", width=120),
        Column("user", _("User"), value=holder, width=110),
        Column("starts_on", _("Since"), kind="date", width=100),
        Column("period_on", _("Period from"), kind="date", width=105),
        Column("period_until", _("Next period"), kind="date", width=105),
        Column("following", _("Then"), value="next_product.name", width=110, in_api=False),
    ),
    api=(
        Column("kind", _("Type"), kind="choice"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("user_id", _("User"), kind="integer"),
        Column("product_id", _("Plan or add-on"), kind="integer"),
        Column("next_product_id", _("Then"), kind="integer"),
        Column("currency", _("Currency")),
        Column("is_paid", _("Paid"), kind="bool"),
        Column("trial_until", _("Trial until"), kind="datetime"),
        Column("unpaid_since", _("Unpaid since"), kind="datetime"),
        Column("ended_at", _("Ended"), kind="datetime"),
        Column("conflicts", _("Contradictions confirmed"), kind="list"),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Created"), kind="datetime"),
    ),
    filters=(
        Filter("name", _("Plan or add-on"), lookup="istartswith"),
        Filter("state", _("State"), choices=SubscriptionState.choices),
        Filter("kind", _("Type"), choices=ProductKind.choices),
        Filter("customer_id", _("Customer"), kind="integer"),
        Filter("user_id", _("User"), kind="integer"),
        Filter("product_id", _("Plan or add-on"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    customer_field="customer_id",
    data=uses.SubscribeData,
    fields=(
        Field("customer_id", _("Customer"), lookup="customers"),
        Field("product_id", _("Plan or add-on"), lookup="plans"),
        Field("user_id", _("Only the user"), lookup="users", help=_("Empty: the whole customer.")),
        Field("is_trial", _("Try it first"), help=_("As long as the plan says, without charge.")),
        CONFIRM,
    ),
    create=uses.subscribe,
    undoes=frozenset(),
    imports=False,
    actions=(
        RowAction(
            "change",
            _("Change the plan"),
            uses.change_product,
            data=uses.ChangeData,
            icon="arrows-exchange",
            fields=(
                Field("product_id", _("Change to"), lookup="plans"),
                Field("when", _("When"), choices=WHEN),
                CONFIRM,
            ),
            confirm=_(
                "At once: days that are paid already come back, those that are left are charged by the new plan."
            ),
            applies=lambda row: row.state == SubscriptionState.ACTIVE,
            for_many=False,
        ),
        RowAction(
            "pay",
            _("Charge now"),
            uses.pay_now,
            icon="coins",
            confirm=_("Begins to charge what is tried, or tries again to charge what is unpaid."),
            applies=lambda row: row.state in (SubscriptionState.TRIAL, SubscriptionState.UNPAID),
        ),
        RowAction(
            "keep",
            _("Keep as it is"),
            uses.keep_subscription,
            icon="refresh",
            confirm=_("Takes the cancellation, or the change that waits for the period's end, back."),
            applies=lambda row: row.state == SubscriptionState.CANCELLED or row.next_product_id is not None,
        ),
        RowAction(
            "cancel",
            _("Cancel subscription"),
            uses.cancel_subscription,
            data=uses.CancelData,
            icon="ban",
            fields=(
                Field(
                    "at_once",
                    _("At once"),
                    help=_("Paid days from tomorrow on come back. Otherwise when the period ends."),
                ),
                Field("reason", _("Reason"), kind="textarea", max_length=500),
            ),
            confirm=_("With a plan its add-ons end too. What is tried or unpaid ends at once."),
            danger=True,
            applies=lambda row: row.state != SubscriptionState.ENDED,
        ),
    ),
    links=(
        Link(_("What is left"), "allowances", {"subscription_id": "id"}, icon="box"),
        Link(_("What was charged"), "subscription-charges", {"subscription_id": "id"}, icon="coins"),
        Link(_("Customer"), "customers", {"name": "customer.name"}, icon="building"),
    ),
    detail=Detail("portal/plans/subscription.html", subscription_page),
    audiences=frozenset({"operator", "partner", "customer"}),
    help=_(
        "Which customers, or users of theirs, have which plans and add-ons. Fees are charged when a period begins; a"
        " prepaid customer without enough money is unpaid, gets nothing new and is tried again each hour. Open a"
        " subscription to see what is left, what was charged and what comes next."
    ),
    empty=_("Nobody has a plan yet. Put one on sale, then add a subscription."),
)
CHARGES = Panel(
    slug="subscription-charges",
    title=_("Charges of subscriptions"),
    name=_("charge"),
    section="",
    icon="coins",
    permission="subscriptions",
    model=FeeCharge,
    rows=queries.charges_of,
    columns=(
        Column("at", _("Time"), kind="datetime", order="id", width=140),
        Column("customer", _("Customer"), value="customer.name", width=120),
        Column("text", _("For"), value=charge_text, width=200, grow=3, in_api=False),
        Column("quantity", _("Quantity"), kind="integer", width=80),
        Column("net", _("Net"), kind="money", value="net_micro", width=80),
        Column("tax", _("Tax"), kind="money", value="tax_micro", total="tax_micro", width=80),
        Column("amount", _("Amount"), kind="money", value="amount_micro", total="amount_micro", width=90),
    ),
    api=(
        Column("taxes", _("Taxes"), kind="list"),
        Column("is_tax_inclusive", _("With tax"), kind="bool"),
        Column("subscription_id", _("Subscription"), kind="integer"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("fee_id", _("Fee"), kind="integer"),
        Column("fee_name", _("Fee")),
        Column("unit", _("For each"), kind="money", value="unit_micro"),
        Column("since", _("From"), kind="date"),
        Column("until", _("Until (not included)"), kind="date"),
        Column("interval_on", _("Period from"), kind="date"),
        Column("interval_until", _("Next period"), kind="date"),
        Column("key", _("Once-only key")),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("at", _("Time"), kind="date", lookup="range"),
        Filter("subscription_id", _("Subscription"), kind="integer"),
        Filter("customer_id", _("Customer"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    customer_field="customer_id",
    search="fee_name",
    has_history=False,
    audiences=frozenset({"operator", "partner", "customer"}),
    help=_("Each fee that was charged or given back, with the days it is for. Each is a transaction of its own."),
)
ALLOWANCES = Panel(
    slug="allowances",
    title=_("Allowances"),
    name=_("allowance"),
    section="main",
    icon="box",
    model=Allowance,
    rows=queries.allowances_of,
    columns=(
        Column("customer", _("Customer"), value="customer.name", width=150, grow=1),
        Column("name", _("Package"), width=150, grow=2),
        Column("percent_left", _("Left (%)"), kind="bar", value=percent_left, width=130),
        Column("left_text", _("Left"), value=left_text, width=140, in_api=False),
        Column("user", _("User"), value=lambda row: holder(row) or _("All"), width=110, in_api=False),
        Column("ends_at", _("Until"), kind="datetime", width=140),
        Column("subscription", _("Plan or add-on"), value="subscription.name", width=130),
    ),
    api=(
        Column("unit", _("Of"), kind="choice"),
        Column("group_id", _("Destination group"), kind="integer"),
        Column("granted", _("Given"), kind="integer"),
        Column("used", _("Used"), kind="integer"),
        Column("reserved", _("In calls"), kind="integer"),
        Column("left", _("Left"), kind="integer"),
        Column("starts_at", _("From"), kind="datetime"),
        Column("initial_s", _("First interval"), kind="integer"),
        Column("increment_s", _("Next intervals"), kind="integer"),
        Column("covers_fee", _("Covers the connection fee"), kind="bool"),
        Column("blocks", _("Then refused"), kind="bool"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("user_id", _("User"), kind="integer"),
        Column("subscription_id", _("Subscription"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("name", _("Package"), lookup="istartswith"),
        Filter("is_live", _("In force"), kind="bool", apply=queries.in_force),
        Filter("customer_id", _("Customer"), kind="integer"),
        Filter("user_id", _("User"), kind="integer"),
        Filter("subscription_id", _("Subscription"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    customer_field="customer_id",
    has_history=False,
    links=(
        Link(_("Calls of the customer"), "cdrs", {"customer_id": "customer_id"}, icon="phone-call"),
        Link(_("Subscription"), "subscriptions", {"customer_id": "customer_id"}, icon="calendar"),
    ),
    detail=Detail("portal/plans/allowance.html", allowance_page),
    audiences=frozenset({"operator", "partner", "customer"}),
    help=_(
        "What packages give in each period, and what is left of it: neither used nor set aside by calls that go on."
        " Calls use what fits their number most exactly first, then what expires first."
    ),
    empty=_("Nothing was given yet. Packages of subscriptions give minutes and messages."),
)

PAGES = (PREVIEW,)
PANELS = (SUBSCRIPTIONS, CHARGES, ALLOWANCES)
