"""Panels of alerts: what happened, which balances are watched, and who is told."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.notices import balances, choosing, queries
from carillon.business.notices.choices import AlertKind, Covers
from carillon.business.notices.models import Alert, AlertChoice, BalanceWatch
from carillon.business.notices.sentences import alert_text
from carillon.business.partners.queries import colleagues_of
from carillon.panels.declaration import Column, Field, Filter, Link, Panel

ALERTS = Panel(
    slug="alerts",
    title=_("Alerts"),
    name=_("alert"),
    section="main",
    icon="alert-triangle",
    model=Alert,
    rows=queries.alerts_of,
    columns=(
        Column("since", _("When"), kind="datetime", width=150),
        Column("kind", _("What"), kind="choice", choices=AlertKind.choices, width=130),
        Column("customer", _("Customer"), value="customer.name", width=150),
        Column("about", _("About"), value=alert_text, width=260, grow=3),
        Column("address", _("Emergency address"), width=180, grow=1),
        Column("mailed_at", _("Mailed"), kind="datetime", width=150),
    ),
    api=(
        Column("mailed_to", _("Mailed to"), kind="list"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("user_id", _("User"), kind="integer"),
        Column("endpoint_id", _("SIP endpoint"), kind="integer"),
        Column("call_id", _("Call")),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Told"), kind="datetime"),
    ),
    filters=(
        Filter("kind", _("What"), choices=AlertKind.choices),
        Filter("since", _("When"), kind="date", lookup="range"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    customer_field="customer_id",
    search="about",
    refresh_s=5,
    has_history=False,
    links=(Link(_("Customer"), "customers", {"name": "customer.name"}),),
    help=_(
        "Emergency calls of your customers; devices that went offline and are watched (SIP Endpoints, “Tell when "
        "offline”); balances that fell below what Balance alerts watch, your own too; gateways that do not answer; "
        "webhooks that were disabled. Each is also mailed, once: Who is told says to whom."
    ),
    empty=_("Nothing to tell."),
)


def _whom(watch: BalanceWatch) -> str:
    """Whose balance: one holder's by name, or that of all who are not watched by name."""
    if watch.customer is not None:
        return watch.customer.name
    return watch.buyer_partner.name if watch.buyer_partner is not None else ""


BALANCE_ALERTS = Panel(
    slug="balance-alerts",
    title=_("Balance alerts"),
    name=_("balance alert"),
    section="settings",
    icon="coins",
    model=BalanceWatch,
    rows=queries.balance_watches_of,
    columns=(
        Column("covers", _("Of"), kind="choice", width=190, grow=1),
        Column("whom", _("Only"), value=_whom, width=170, grow=2),
        Column("below", _("Told below"), kind="money", value="below_micro", width=120),
        Column("low_now", _("Low now"), kind="integer", width=90),
        Column("partner", _("Told to"), value="partner.name", width=150),
        Column("currency", _("Currency"), width=80),
    ),
    api=(
        Column("customer_id", _("Customer"), kind="integer"),
        Column("buyer_partner_id", _("Sub-partner"), kind="integer"),
        Column("partner_id", _("Told to"), kind="integer"),
        Column("created_at", _("Since"), kind="datetime"),
    ),
    filters=(
        Filter("covers", _("Of"), choices=Covers.choices),
        Filter("customer_id", _("Customer"), kind="integer"),
        Filter("partner_id", _("Told to"), kind="integer"),
    ),
    order=("-id",),
    search="currency",
    data=balances.BalanceWatchData,
    fields=(
        Field(
            "covers",
            _("Of"),
            choices=Covers.choices,
            only="create",
            help=_("Your own account: told before your customers' calls are refused."),
        ),
        Field(
            "below_micro",
            _("Told below"),
            kind="money",
            minimum=0,
            help=_("Left to spend, credit limit included, without what running calls have set aside."),
        ),
        Field(
            "customer_id",
            _("Only the customer"),
            lookup="customers",
            only="create",
            help=_("Empty: all customers that have no alert of their own."),
        ),
        Field("buyer_partner_id", _("Only the sub-partner"), lookup="partners", only="create"),
        Field("currency", _("Currency"), max_length=3, only="create", help=_("Empty: that of whom it is about.")),
        Field(
            "partner_id", _("Told to"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
    ),
    together=("below_micro",),
    create=balances.watch_balance,
    update=balances.change_balance_watch,
    remove=balances.forget_balance_watch,
    links=(Link(_("Accounts"), "accounts", {"customer_id": "customer_id"}, icon="coins"),),
    help=_(
        "Below what you want to hear of a balance: of all your customers, of one, of sub-partners, and of your own"
        " account with the company that you buy from. Each fall is told once, within two minutes, and again only"
        " after the balance has risen a tenth above the amount. What is below it already when you add this is"
        " counted, not told."
    ),
    empty=_("No balance is watched. Add one for your own account, and one for all customers."),
)


def _colleagues(actor: Actor) -> list[tuple[int, str]]:
    return [(one.login_id, one.name) for one in colleagues_of(actor)]


def _all_kinds(_actor: Actor) -> list[str]:
    return list(AlertKind)


def _labels(name: str) -> Any:
    labels = dict(AlertKind.choices)
    return lambda choice: [str(labels.get(kind, kind)) for kind in getattr(choice, name)]


ALERT_CHOICES = Panel(
    slug="alert-choices",
    title=_("Who is told"),
    name=_("choice of alerts"),
    section="settings",
    icon="bell",
    model=AlertChoice,
    rows=queries.alert_choices_of,
    columns=(
        Column("person", _("Person"), value="login.name", width=160, grow=1),
        Column("email", _("E-mail"), value="login.email", width=180, grow=1),
        Column("by_mail", _("By mail"), kind="list", value=_labels("mailed"), width=220, grow=2, in_api=False),
        Column("bell", _("In the bell"), kind="list", value=_labels("in_bell"), width=220, grow=2, in_api=False),
        Column("partner", _("Partner"), value="partner.name", width=150),
    ),
    api=(
        Column("mailed", _("By mail"), kind="list"),
        Column("in_bell", _("In the bell"), kind="list"),
        Column("login_id", _("Person"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("email", _("E-mail"), field="login__email", lookup="istartswith"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    search="login__name",
    data=choosing.AlertChoiceData,
    fields=(
        Field(
            "login_id",
            _("Person"),
            choices=_colleagues,
            only="create",
            help=_("Empty: yourself. Who may change staff may choose for others."),
        ),
        Field("mailed", _("By mail"), choices=AlertKind.choices, suggest=_all_kinds, wide=True),
        Field("in_bell", _("In the bell"), choices=AlertKind.choices, suggest=_all_kinds, wide=True),
    ),
    together=("mailed", "in_bell"),
    create=choosing.choose_alerts,
    update=choosing.change_alert_choice,
    remove=choosing.forget_alert_choice,
    help=_(
        "Which alerts somebody gets by mail and in the bell, each in their own language. Who is not listed gets what"
        " their role gets: by mail administrators, support staff and who has a role of your own that may see alerts;"
        " in the bell everybody who may see them. Programs are told by webhooks."
    ),
    empty=_("Everybody gets the alerts of their role. Add yourself to choose."),
)

PANELS = (ALERTS, BALANCE_ALERTS, ALERT_CHOICES)
