"""The panel Numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.business.numbers import actions, queries
from carillon.business.numbers.choices import NumberKind, NumberState
from carillon.business.numbers.e164 import MAX_NUMBERS_AT_ONCE
from carillon.business.numbers.models import Number, Tenure
from carillon.panels.declaration import Column, Field, Filter, Link, Panel, RowAction
from carillon.usecases.release_number import release_number

SETTABLE = tuple((state.value, state.label) for state in (*actions.FREE_STATES, NumberState.IN_SERVICE))
MOST = actions.MOST_MICRO


def is_free(number: Number) -> bool:
    """Whether the number serves nobody."""
    return number.customer_id is None


def is_taken(number: Number) -> bool:
    """Whether the number serves a customer."""
    return number.customer_id is not None


def holder_name(number: Number) -> str:
    """The holder's name; empty for customers' people, who may not read partners."""
    return str(number.partner) if "partner" in number._state.fields_cache else ""


def for_staff(name: str) -> Callable[[Number], Any]:
    """A column that customers' people do not see: what the number costs its seller, and from whom."""
    return lambda number: getattr(number, name) if "partner" in number._state.fields_cache else None


ROW_ACTIONS = (
    RowAction(
        "assign",
        _("Assign"),
        actions.assign_number,
        data=actions.NumberAssignment,
        icon="user",
        fields=(
            Field("customer_id", _("Customer"), lookup="customers"),
            Field("user_id", _("Rings user"), lookup="users", help=_("Leave empty when it should ring nobody yet.")),
            Field("is_default_caller_id", _("Shown on outgoing calls")),
        ),
        initial=lambda number: {
            "customer_id": number.customer_id,
            "user_id": number.user_id,
            "is_default_caller_id": number.is_default_caller_id,
        },
        applies=lambda number: number.state != NumberState.QUARANTINE,
    ),
    RowAction(
        "make-default-caller-id",
        _("Show on outgoing calls"),
        actions.make_default_caller_id,
        icon="phone-outgoing",
        applies=lambda number: is_taken(number) and not number.is_default_caller_id,
    ),
    RowAction(
        "release",
        _("Release"),
        release_number,
        data=actions.NumberRelease,
        icon="phone-off",
        fields=(
            Field("to_quarantine", _("Rest in quarantine"), help=_("Until callers of the former holder have gone.")),
            Field("days", _("Days in quarantine"), minimum=1, maximum=actions.MOST_QUARANTINE.days),
        ),
        initial=lambda number: {"to_quarantine": True, "days": actions.QUARANTINE_DAYS},
        confirm=_("The customer loses this number at once; devices no longer show it."),
        danger=True,
        applies=is_taken,
    ),
    RowAction(
        "allocate",
        _("Move to partner"),
        actions.allocate_number,
        data=actions.NumberAllocation,
        icon="exchange",
        fields=(Field("partner_id", _("Partner"), lookup="partners"),),
        applies=is_free,
    ),
    RowAction(
        "set-state",
        _("Set state"),
        actions.set_number_state,
        data=actions.NumberStateData,
        icon="tag",
        fields=(
            Field("state", _("State"), choices=SETTABLE, help=_("A number in service may only be ported out.")),
            Field("until", _("Quarantine ends"), help=_("Then it is available again. Leave empty for 90 days.")),
        ),
        initial=lambda number: {"state": number.state, "until": number.quarantine_until},
    ),
)
FEES = _("Costs and fees")
TENURES = Panel(
    slug="number-tenures",
    title=_("Who had which number"),
    name=_("tenure"),
    section="",
    icon="history",
    permission="numbers",
    model=Tenure,
    rows=queries.tenures_of,
    columns=(
        Column("e164", _("Number"), kind="code", width=140),
        Column("customer", _("Customer"), value="customer.name", width=170, grow=2),
        Column("user", _("Rings"), value="user.name", width=150),
        Column("since", _("From"), kind="datetime", width=150),
        Column("until", _("Until"), kind="datetime", width=150),
    ),
    api=(
        Column("customer_id", _("Customer"), kind="integer"),
        Column("user_id", _("User"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(Filter("e164", _("Number"), lookup="startswith"),),
    order=("-since", "e164", "-id"),
    customer_field="customer_id",
    search="e164",
    has_history=False,
    help=_("Who had a number, and whom it rang, from when until when. It stays when the number leaves the stock."),
    empty=_("No number has been assigned yet."),
)

PANELS = (
    Panel(
        slug="numbers",
        title=_("Numbers"),
        name=_("number"),
        section="settings",
        icon="hash",
        audiences=frozenset({"operator", "partner", "customer"}),
        model=Number,
        rows=queries.numbers_of,
        columns=(
            Column("e164", _("Number"), kind="code", width=140),
            Column("area", _("Area"), width=85),
            Column("kind", _("Kind"), kind="choice", width=100),
            Column("state", _("State"), kind="status", width=100),
            Column("customer", _("Customer"), value="customer.name", width=120, grow=2),
            Column("user", _("Rings"), value="user.name", width=100),
            Column("monthly_fee", _("A month"), kind="money", value="monthly_fee_micro", width=80),
            Column("partner", _("Partner"), value=holder_name, width=130),
        ),
        api=(
            Column("country", _("Country")),
            Column("quarantine_until", _("Quarantine ends"), kind="datetime"),
            Column("supplier", _("Supplier"), value=for_staff("supplier")),
            Column("setup_cost", _("Setup cost"), kind="money", value=for_staff("setup_cost_micro")),
            Column("monthly_cost", _("Cost a month"), kind="money", value=for_staff("monthly_cost_micro")),
            Column("setup_fee", _("Setup fee"), kind="money", value="setup_fee_micro"),
            Column("currency", _("Currency")),
            Column("is_default_caller_id", _("Caller ID"), kind="bool"),
            Column("customer_id", _("Customer"), kind="integer"),
            Column("user_id", _("User"), kind="integer"),
            Column("partner_id", _("Partner"), kind="integer"),
            Column("assigned_at", _("Assigned"), kind="datetime"),
            Column("created_at", _("Added"), kind="datetime"),
        ),
        filters=(
            Filter("e164", _("Number"), lookup="startswith"),
            Filter("country", _("Country")),
            Filter("kind", _("Kind"), choices=NumberKind.choices),
            Filter("state", _("State"), choices=NumberState.choices),
            Filter("user_id", _("User"), kind="integer"),
            Filter("partner_id", _("Partner"), kind="integer"),
        ),
        order=("e164", "-id"),
        customer_field="customer_id",
        search="e164",
        searched="numbers",
        data=actions.NumberData,
        fields=(
            Field("e164", _("Number"), only="create", placeholder="+442071234567", max_length=40),
            Field(
                "count",
                _("How many in a row"),
                only="create",
                minimum=1,
                maximum=MAX_NUMBERS_AT_ONCE,
                help=_("More than one adds the numbers that follow the first, too."),
            ),
            Field(
                "numbers",
                _("Or many"),
                kind="textarea",
                only="create",
                max_length=16_000,
                help=_("With commas or on lines, and ranges: +44 20 7946 0000 - 0099. At most 1000."),
            ),
            Field("is_dry_run", _("Only check"), only="create", help=_("Says what would be added, and adds nothing.")),
            Field("area", _("Area"), max_length=100),
            Field(
                "kind", _("Kind"), choices=NumberKind.choices, help=_("Leave empty to take it from the number plan.")
            ),
            Field(
                "partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own stock.")
            ),
            Field("supplier", _("Supplier"), max_length=100, section=FEES),
            Field("setup_cost_micro", _("Setup cost"), kind="money", minimum=0, maximum=MOST, section=FEES),
            Field("monthly_cost_micro", _("Cost a month"), kind="money", minimum=0, maximum=MOST, section=FEES),
            Field("setup_fee_micro", _("Setup fee"), kind="money", minimum=0, maximum=MOST, section=FEES),
            Field("monthly_fee_micro", _("Fee a month"), kind="money", minimum=0, maximum=MOST, section=FEES),
        ),
        together=("area",),
        create=actions.add_number,
        update=actions.update_number,
        remove=actions.remove_number,
        actions=ROW_ACTIONS,
        links=(
            Link(_("SIP endpoints of the customer"), "sip-endpoints", {"customer_id": "customer_id"}),
            Link(_("Who had it"), "number-tenures", {"e164": "e164"}, icon="history"),
        ),
        help=_(
            "The stock of telephone numbers. A number is available, reserved, in service at a customer, being ported, "
            "or in quarantine after it was released, from which it returns to stock by itself. Assign it to a "
            "customer and choose the user it rings. Move it to a sub-partner to let that partner sell it."
        ),
        empty=_("Add the numbers that your suppliers gave you."),
    ),
    TENURES,
)
