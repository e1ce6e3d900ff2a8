"""Panels of customers and their users."""

from __future__ import annotations

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.billing.choices import AccountKind
from carillon.business.billing.queries import accounts_of
from carillon.business.brands.choices import DestinationKind
from carillon.business.customers import actions, queries
from carillon.business.customers.choices import Charging, CustomerKind, UserRole
from carillon.business.customers.models import Customer, User
from carillon.business.partners.choices import NEXT_STATUSES, Status
from carillon.business.partners.statuses import StatusData
from carillon.faces.portal.partners import STATUS_FIELDS
from carillon.panels.declaration import Column, Field, Filter, Link, Panel, RowAction, Text
from carillon.usecases.give_login import LoginData, give_login
from carillon.usecases.open_customer import open_customer
from carillon.usecases.sign_in_as import SignInAsData, sign_in_as_customer, sign_in_as_user


def _customers(actor: Actor) -> QuerySet[Customer]:
    """Customers with what they have to spend, credit limit included."""
    own = accounts_of(actor).filter(
        kind=AccountKind.CUSTOMER, customer_id=OuterRef("pk"), currency=OuterRef("currency")
    )
    money = Subquery(own.values("available")[:1])  # type: ignore[misc]  # annotated by accounts_of
    return queries.customers_of(actor).annotate(available_micro=money)


def _users(actor: Actor) -> QuerySet[User]:
    return queries.users_of(actor).annotate(login_email=F("login__email"))


def _emergency_fields(address_help: Text) -> tuple[Field, Field]:
    """Where help must come to, of a user or of a customer."""
    section = _("Emergency calls")
    number_help = _("One of the customer's own numbers, that emergency services can call back. Another is not shown.")
    return (
        Field(
            "emergency_address",
            _("Emergency address"),
            kind="textarea",
            max_length=300,
            section=section,
            help=address_help,
        ),
        Field(
            "emergency_number",
            _("Number shown to emergency services"),
            max_length=40,
            section=section,
            help=number_help,
        ),
    )


FORWARDING = _("Forwarding")
FORWARDING_FIELDS = (
    Field(
        "forwards_always",
        _("Forward all calls"),
        section=FORWARDING,
        help=_("The user's devices do not ring. This customer pays for the forwarded part of the call."),
    ),
    Field(
        "forward_always_to",
        _("All calls to"),
        max_length=40,
        section=FORWARDING,
        help=_("What the user would dial: an extension or a number."),
    ),
    Field("forwards_busy", _("Forward when busy"), section=FORWARDING),
    Field("forward_busy_to", _("When busy to"), max_length=40, section=FORWARDING),
    Field("forwards_no_answer", _("Forward when nobody answers"), section=FORWARDING),
    Field("forward_no_answer_to", _("Without an answer to"), max_length=40, section=FORWARDING),
    Field(
        "forwards_unreachable",
        _("Forward when unreachable"),
        section=FORWARDING,
        help=_("When none of the user's devices is registered or answers at all."),
    ),
    Field("forward_unreachable_to", _("When unreachable to"), max_length=40, section=FORWARDING),
    Field(
        "no_answer_s",
        _("Seconds of ringing"),
        minimum=actions.SHORTEST_RING_S,
        maximum=actions.LONGEST_RING_S,
        section=FORWARDING,
        help=_("So long the devices ring before nobody has answered."),
    ),
)

CUSTOMERS = Panel(
    slug="customers",
    title=_("Customers"),
    name=_("customer"),
    section="main",
    icon="building",
    model=Customer,
    rows=_customers,
    columns=(
        Column("name", _("Name"), width=180, grow=2),
        Column("status", _("Status"), kind="status", width=90),
        Column("charging", _("Charging"), kind="choice", width=90),
        Column("available", _("Available"), kind="money", value="available_micro", width=110),
        Column("kind", _("Type"), kind="choice", width=90),
        Column("web_product", _("Web product"), value="web_product.name", width=150),
        Column("country", _("Country"), width=70),
        Column("email", _("E-mail"), width=180),
    ),
    api=(
        Column("currency", _("Currency")),
        Column("web_product_id", _("Web product"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("timezone", _("Time zone")),
        Column("culture", _("Culture")),
        Column("tax_number", _("Tax number")),
        Column("max_channels", _("Calls at a time"), kind="integer"),
        Column("calls_per_s", _("Calls a second"), kind="integer"),
        Column("call_burst", _("Calls at once"), kind="integer"),
        Column("max_daily_spend", _("Spends a day at most"), kind="money", value="max_daily_spend_micro"),
        Column("low_balance", _("Told below"), kind="money", value="low_balance_micro"),
        Column("allowed_classes", _("Allowed destinations"), kind="list"),
        Column("max_call_minutes", _("Longest call (minutes)"), kind="integer"),
        Column("emergency_address", _("Emergency address")),
        Column("emergency_number", _("Number shown to emergency services")),
        Column("status_reason", _("Reason")),
        Column("created_at", _("Since"), kind="datetime"),
    ),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("status", _("Status"), choices=Status.choices),
        Filter("charging", _("Charging"), choices=Charging.choices),
        Filter("kind", _("Type"), choices=CustomerKind.choices),
        Filter("country", _("Country")),
        Filter("email", _("E-mail"), lookup="istartswith"),
        Filter("web_product_id", _("Web product"), kind="integer"),
    ),
    order=("name", "-id"),
    customer_field="id",
    searched="customers",
    data=actions.CustomerData,
    fields=(
        Field("web_product_id", _("Web product"), lookup="web-products", only="create"),
        Field("name", _("Name"), max_length=100),
        Field("kind", _("Type")),
        Field("email", _("E-mail"), kind="email", max_length=254),
        Field("charging", _("Charging"), section=_("Money")),
        Field(
            "currency",
            _("Currency"),
            max_length=3,
            only="create",
            section=_("Money"),
            help=_("Leave empty for the web product's. It cannot be changed later."),
        ),
        Field("tax_number", _("Tax number"), max_length=40, section=_("Money")),
        Field(
            "low_balance_micro",
            _("Told below"),
            kind="money",
            minimum=0,
            section=_("Money"),
            help=_("By mail, when less is left to spend. Empty: the web product's amount. 0: never."),
        ),
        Field(
            "country",
            _("Country"),
            max_length=2,
            help=_("Decides how dialled numbers are read. Leave empty for the web product's."),
        ),
        Field("timezone", _("Time zone"), max_length=64),
        Field("culture", _("Language"), max_length=12, help=_("Leave empty for the web product's.")),
        Field(
            "max_channels",
            _("Calls at a time"),
            minimum=1,
            maximum=10_000,
            section=_("Protection"),
            help=_("Leave empty for no limit."),
        ),
        Field(
            "calls_per_s",
            _("Calls a second"),
            minimum=1,
            maximum=actions.MOST_CALLS_PER_S,
            section=_("Protection"),
            help=_("That its devices may begin. Leave empty for no limit. Emergency calls are never counted."),
        ),
        Field(
            "call_burst",
            _("Calls at once"),
            minimum=1,
            maximum=actions.MOST_CALLS_PER_S,
            section=_("Protection"),
            help=_("How many may begin in the same moment. Leave empty for as many as in a second."),
        ),
        Field("max_call_minutes", _("Longest call (minutes)"), minimum=1, maximum=1440, section=_("Protection")),
        Field(
            "max_daily_spend_micro",
            _("Spends a day at most"),
            kind="money",
            minimum=0,
            section=_("Protection"),
            help=_("On calls, by the customer's own clock. Then calls are refused until midnight. Empty: no limit."),
        ),
        Field(
            "allowed_classes",
            _("May also call"),
            choices=DestinationKind.choices,
            section=_("Protection"),
            wide=True,
            help=_("Barred unless ticked here or at the web product. Stolen accounts are used to call these."),
        ),
        *_emergency_fields(_("Where help must come to, for users who have no address of their own.")),
    ),
    together=(
        *(
            "charging",
            "country",
            "timezone",
            "culture",
            "max_channels",
            "calls_per_s",
            "call_burst",
            "max_call_minutes",
        ),
        *("max_daily_spend_micro", "low_balance_micro", "allowed_classes"),
    ),
    create=open_customer,
    update=actions.update_customer,
    actions=(
        RowAction(
            "sign-in-as",
            _("Sign in as"),
            sign_in_as_customer,
            data=SignInAsData,
            fields=(Field("reason", _("Reason"), kind="textarea", help=_("Kept in history, with your name.")),),
            icon="user",
            confirm=_("For an hour, or until you sign out, you see and may do what this user does. History names you."),
            opens=lambda ticket: f"/accounts/as/{ticket}/go/",
            for_many=False,
            in_api=False,
        ),
        RowAction(
            "status",
            _("Change status"),
            actions.set_customer_status,
            data=StatusData,
            fields=STATUS_FIELDS,
            icon="ban",
            danger=True,
            confirm=_("New calls follow the status at once; running calls go on."),
            applies=lambda row: bool(NEXT_STATUSES[row.status]),
        ),
    ),
    links=(
        Link(_("Users"), "users", {"customer_id": "id"}),
        Link(_("SIP endpoints"), "sip-endpoints", {"customer_id": "id"}),
        Link(_("Numbers"), "numbers", {"customer_id": "id"}),
        Link(_("CDR"), "cdrs", {"customer_id": "id"}),
        Link(_("Subscriptions"), "subscriptions", {"customer_id": "id"}, icon="calendar"),
        Link(_("What is left of packages"), "allowances", {"customer_id": "id"}, icon="box"),
    ),
    audiences=frozenset({"operator", "partner", "customer"}),
    help=_("Companies and people who buy from you. Calls are charged to their account."),
    empty=_("No customers yet. Add a web product first, then a customer who buys through it."),
)

USERS = Panel(
    slug="users",
    title=_("Users"),
    name=_("user"),
    section="main",
    icon="users",
    model=User,
    rows=_users,
    columns=(
        Column("name", _("Name"), width=170, grow=2),
        Column("customer", _("Customer"), value="customer.name", width=160),
        Column("extension", _("Extension"), kind="code", width=90),
        Column("role", _("Role"), kind="choice", width=110),
        Column("is_enabled", _("Enabled"), kind="bool", width=80),
        Column("forwarding", _("Forwarding"), value=queries.forwarding_of, width=160, in_api=False),
        Column("email", _("E-mail"), width=180),
        Column("login_email", _("Signs in as"), width=180),
    ),
    api=(
        Column("customer_id", _("Customer"), kind="integer"),
        Column("emergency_address", _("Emergency address")),
        Column("emergency_number", _("Number shown to emergency services")),
        Column("forwards_always", _("Forward all calls"), kind="bool"),
        Column("forward_always_to", _("All calls to")),
        Column("forwards_busy", _("Forward when busy"), kind="bool"),
        Column("forward_busy_to", _("When busy to")),
        Column("forwards_no_answer", _("Forward when nobody answers"), kind="bool"),
        Column("forward_no_answer_to", _("Without an answer to")),
        Column("no_answer_s", _("Seconds of ringing"), kind="integer"),
        Column("forwards_unreachable", _("Forward when unreachable"), kind="bool"),
        Column("forward_unreachable_to", _("When unreachable to")),
        Column("created_at", _("Since"), kind="datetime"),
    ),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("extension", _("Extension"), lookup="istartswith"),
        Filter("role", _("Role"), choices=UserRole.choices),
        Filter("is_enabled", _("Enabled"), kind="bool"),
        Filter("customer_id", _("Customer"), kind="integer"),
    ),
    order=("name", "-id"),
    customer_field="customer_id",
    searched="users",
    data=actions.UserData,
    fields=(
        Field("customer_id", _("Customer"), lookup="customers", only="create"),
        Field("name", _("Name"), max_length=100),
        Field("extension", _("Extension"), kind="code", max_length=5, help=_("Two to five digits.")),
        Field("role", _("Role")),
        Field("email", _("E-mail"), kind="email", max_length=254),
        Field("is_enabled", _("Enabled")),
        *_emergency_fields(
            _("Where help must come to when this user dials an emergency number. Empty: the customer's.")
        ),
        *FORWARDING_FIELDS,
    ),
    together=("role", "is_enabled", "no_answer_s"),
    create=actions.create_user,
    update=actions.update_user,
    remove=actions.remove_user,
    actions=(
        RowAction(
            "sign-in-as",
            _("Sign in as"),
            sign_in_as_user,
            data=SignInAsData,
            fields=(Field("reason", _("Reason"), kind="textarea", help=_("Kept in history, with your name.")),),
            icon="user",
            confirm=_("For an hour, or until you sign out, you see and may do what this user does. History names you."),
            applies=lambda row: row.login_id is not None and row.is_enabled,
            opens=lambda ticket: f"/accounts/as/{ticket}/go/",
            for_many=False,
            in_api=False,
        ),
        RowAction(
            "sign-in",
            _("Give a sign-in"),
            give_login,
            data=LoginData,
            fields=(
                Field(
                    "email", _("E-mail"), kind="email", max_length=254, help=_("Leave empty for the user's address.")
                ),
                Field(
                    "password",
                    _("Password"),
                    kind="password",
                    max_length=128,
                    help=_("Leave empty to let the user choose it by mail."),
                ),
            ),
            icon="key",
            for_many=False,
            initial=lambda row: {"email": row.email},
        ),
    ),
    links=(
        Link(_("SIP endpoints"), "sip-endpoints", {"user_id": "id"}),
        Link(_("Numbers"), "numbers", {"user_id": "id"}),
    ),
    audiences=frozenset({"operator", "partner", "customer"}),
    help=_("People who make and receive calls, at a customer."),
    empty=_("No users yet. Add one to a customer, then give it a SIP endpoint."),
)

PANELS = (CUSTOMERS, USERS)
