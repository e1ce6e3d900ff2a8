"""Panels of transactions, top-ups and accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.db.models import QuerySet, Value
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.billing import actions, queries
from carillon.business.billing.choices import AccountKind, TransferKind
from carillon.business.billing.models import Account, Transfer
from carillon.business.notices.queries import own_watches_of
from carillon.business.pricing.models import WholesaleList, WholesaleRate
from carillon.business.pricing.queries import by_number, wholesale_lists_of, wholesale_rates_of
from carillon.faces.portal.pricing_rates import LIMITS, further
from carillon.panels.declaration import Column, Extra, Field, Filter, Link, Page, Panel, RowAction

MOVEMENTS_SHOWN = 10


def _holder(row: Transfer | Account) -> str:
    """Whose money moved: a customer, a sub-partner, or nobody's (costs)."""
    if row.customer is not None:
        return row.customer.name
    return row.buyer_partner.name if row.buyer_partner is not None else ""


def _transfers(actor: Actor) -> QuerySet[Transfer]:
    """Money that the actor's part of the tree takes; what its parent books for it is on the page My account."""
    rows = queries.transfers_of(actor).filter(partner_id__in=actor.scope)
    return rows.annotate(is_sellers=Value(actor.customer_id is None))


def _accounts(actor: Actor) -> QuerySet[Account]:
    """Accounts that the actor's part of the tree keeps; its own with its parent is on the page My account."""
    return queries.accounts_of(actor).filter(partner_id__in=actor.scope)


def _top_ups(actor: Actor) -> QuerySet[Transfer]:
    return _transfers(actor).filter(kind=TransferKind.TOP_UP)


def _entries(actor: Actor, transfer: Transfer) -> list[dict[str, Any]]:
    return [
        {"account": entry.account.kind, "amount_micro": entry.amount_micro, "currency": entry.currency}
        for entry in queries.entries_of(actor, transfer)
    ]


def _by(transfer: Any) -> str:
    """Who moved the money; customers are not told who works for their seller."""
    return str(transfer.actor_name) if getattr(transfer, "is_sellers", False) else ""


def _key(_actor: Actor) -> str:
    return uuid4().hex


COLUMNS = (
    Column("at", _("Time"), kind="datetime", order="id", width=140),
    Column("kind", _("Kind"), kind="choice", width=100),
    Column("holder", _("For"), value=_holder, width=160, grow=2),
    Column("amount", _("Amount"), kind="money", value="amount_micro", total="amount_micro", width=120),
    Column("balance", _("Balance after"), kind="money", value="balance_micro", width=120),
    Column("reference", _("Reference"), width=220, grow=2),
    Column("actor_name", _("By"), value=_by, width=140),
    Column("partner", _("Seller"), value="seller_name", width=140),
)
API = (
    Column("customer_id", _("Customer"), kind="integer"),
    Column("buyer_partner_id", _("Sub-partner"), kind="integer"),
    Column("partner_id", _("Seller"), kind="integer"),
)
FILTERS = (
    Filter("at", _("Time"), kind="date", lookup="range"),
    Filter("kind", _("Kind"), choices=TransferKind.choices),
    Filter("reference", _("Reference"), lookup="istartswith"),
    Filter("customer_id", _("Customer"), kind="integer"),
    Filter("buyer_partner_id", _("Sub-partner"), kind="integer"),
    Filter("partner_id", _("Seller"), kind="integer"),
)
TOP_UP_FIELDS = (
    Field("customer_id", _("Customer"), lookup="customers"),
    Field("partner_id", _("or sub-partner"), lookup="partners"),
    Field("amount_micro", _("Amount"), kind="money", minimum=0, help=_("In the currency of the account.")),
    Field("reference", _("Reference"), max_length=200, placeholder=_("bank transfer 4711")),
    Field(
        "idempotency_key",
        _("Once-only key"),
        kind="code",
        max_length=80,
        suggest=_key,
        help=_("Sent twice with the same key, the money is added once."),
    ),
)
REVERSE = RowAction(
    "reverse",
    _("Reverse"),
    actions.reverse_transfer,
    data=actions.ReversalData,
    fields=(Field("reason", _("Reason"), kind="textarea", max_length=200),),
    icon="refresh",
    danger=True,
    confirm=_("The money is taken back, even if it has been spent."),
    applies=lambda row: row.kind in actions.REVERSIBLE,
)

TRANSACTIONS = Panel(
    slug="transactions",
    title=_("Transactions"),
    name=_("top-up"),
    section="main",
    icon="arrows-exchange",
    model=Transfer,
    rows=_transfers,
    columns=COLUMNS,
    api=API,
    filters=FILTERS,
    order=("-id",),
    data=actions.TopUpRequest,
    fields=TOP_UP_FIELDS,
    create=actions.top_up,
    undoes=frozenset(),
    actions=(REVERSE,),
    extras=(Extra("entries", _entries, _("Both sides in the books you may see"), many=True),),
    links=(
        Link(
            _("Its calls"),
            "cdrs",
            {"charged_to": "charged_account", "ended_in": "charged_minute"},
            icon="phone-call",
            applies=lambda row: row.charged is not None,
        ),
    ),
    audiences=frozenset({"operator", "partner", "customer"}),
    customer_field="customer_id",
    search="reference",
    has_history=False,
    help=_("Everything that moved money. Nothing here is ever changed: corrections are reversals."),
    empty=_("No money has moved yet. Add a top-up for a customer."),
)

TOP_UPS = Panel(
    slug="top-ups",
    title=_("Top-ups"),
    name=_("top-up"),
    section="",
    icon="cash",
    model=Transfer,
    rows=_top_ups,
    columns=COLUMNS,
    api=API,
    filters=FILTERS,
    order=("-id",),
    data=actions.TopUpRequest,
    fields=TOP_UP_FIELDS,
    create=actions.top_up,
    undoes=frozenset(),
    actions=(REVERSE,),
    customer_field="customer_id",
    search="reference",
    has_history=False,
    help=_("Money received from customers and sub-partners."),
)

ACCOUNTS = Panel(
    slug="accounts",
    permission="transactions",
    title=_("Accounts"),
    name=_("account"),
    section="main",
    icon="coins",
    model=Account,
    rows=_accounts,
    columns=(
        Column("holder", _("Holder"), value=_holder, width=180, grow=2),
        Column("kind", _("Kind"), kind="choice", width=100),
        Column("available", _("Available"), kind="money", value="available", total="available", width=120),
        Column("balance", _("Balance"), kind="money", value="balance_micro", total="balance_micro", width=120),
        Column("reserved", _("In calls"), kind="money", value="reserved_micro", total="reserved_micro", width=110),
        Column(
            "unposted", _("Not posted yet"), kind="money", value="unposted_micro", total="unposted_micro", width=110
        ),
        Column("credit_limit", _("Credit limit"), kind="money", value="credit_limit_micro", width=110),
        Column("partner", _("Seller"), value="seller_name", width=140),
        Column("currency", _("Currency"), width=80),
    ),
    api=API,
    filters=(
        Filter("kind", _("Kind"), choices=[choice for choice in AccountKind.choices if choice[0] in queries.HOLDERS]),
        Filter("currency", _("Currency")),
        Filter("customer_id", _("Customer"), kind="integer"),
        Filter("buyer_partner_id", _("Sub-partner"), kind="integer"),
        Filter("partner_id", _("Seller"), kind="integer"),
    ),
    order=("-id",),
    actions=(
        RowAction(
            "credit_limit",
            _("Credit limit"),
            actions.set_credit_limit,
            data=actions.LimitData,
            fields=(
                Field("credit_limit_micro", _("Credit limit"), kind="money", minimum=0),
                Field("reason", _("Reason"), kind="textarea", max_length=500),
            ),
            icon="adjustments",
            initial=lambda row: {"credit_limit_micro": row.credit_limit_micro},
        ),
    ),
    links=(Link(_("Transactions"), "transactions", {"customer_id": "customer_id"}),),
    audiences=frozenset({"operator", "partner", "customer"}),
    customer_field="customer_id",
    search="currency",
    help=_("What customers and sub-partners have to spend: balance, less what runs, plus the credit limit."),
    empty=_("Accounts are opened with customers and sub-partners."),
)


def _own_account(actor: Actor, _data: None) -> Mapping[str, Any]:
    partner_id = actor.partner_id or 0
    accounts = queries.accounts_of(actor).filter(kind=AccountKind.PARTNER, buyer_partner_id=partner_id)
    moved = queries.transfers_of(actor).filter(buyer_partner_id=partner_id).exclude(kind=TransferKind.CALLS)
    watched = dict(own_watches_of(actor, partner_id).values_list("currency", "below_micro"))
    return {
        "accounts": [
            _figures(account) | {"alert_below_micro": watched.get(account.currency)}
            for account in accounts.order_by("pk")
        ],
        "may_watch": actor.may("balance_alerts.view"),
        "lists": [_terms(one) for one in wholesale_lists_of(actor, partner_id).order_by("traffic")],
        "movements": [_movement(one) for one in moved.order_by("-id")[:MOVEMENTS_SHOWN]],
        "partner_id": partner_id,
    }


def _figures(account: Any) -> dict[str, Any]:
    names = ("balance_micro", "reserved_micro", "unposted_micro", "credit_limit_micro")
    return {"currency": account.currency, "available_micro": account.available} | {
        name: getattr(account, name) for name in names
    }


def _terms(one: WholesaleList) -> dict[str, Any]:
    names = ("id", "list", "currency", "rate_count", "traffic")
    since, following = one.effective_from, one.next_from
    return {name: getattr(one, name) for name in names} | {
        "for": one.get_traffic_display(),
        "effective_from": since.isoformat() if since else None,
        "next_from": following.isoformat() if following else None,
    }


def _movement(one: Transfer) -> dict[str, Any]:
    names = ("id", "kind", "reference", "amount_micro", "currency")
    return {name: getattr(one, name) for name in names} | {"at": one.at.isoformat(), "what": one.get_kind_display()}


MY_ACCOUNT = Page(
    slug="my-account",
    title=_("My account"),
    section="settings",
    icon="coins",
    read=_own_account,
    template="portal/pages/my_account.html",
    permission="transactions.view",
    audiences=frozenset({"partner"}),
    help=_(
        "Your own company as a customer of the one that it buys from: what you have to spend, what you pay for calls, "
        "and the money that moved. When nothing is left to spend, your customers' calls are refused."
    ),
)

WHOLESALE_RATES = Panel(
    slug="wholesale-rates",
    title=_("What I pay for calls"),
    name=_("rate"),
    section="",
    icon="receipt",
    permission="transactions",
    model=WholesaleRate,
    rows=wholesale_rates_of,
    columns=(
        Column("prefix", _("Prefix"), kind="code", value=lambda rate: rate.prefix or "*", width=105),
        Column("name", _("Destination"), width=200, grow=2),
        Column("per_minute", _("Rate"), kind="decimal", width=95),
        Column("connection_fee", _("Fee"), kind="decimal", width=80),
        Column("initial_s", _("First interval (s)"), kind="integer", width=110),
        Column("increment_s", _("Next intervals (s)"), kind="integer", width=115),
        Column("further", _("Further"), value=further, width=130, in_api=False),
        Column("list", _("List"), width=140),
        Column("currency", _("Currency"), width=80),
    ),
    api=LIMITS,
    filters=(
        Filter("prefix", _("Prefix"), lookup="startswith"),
        Filter("name", _("Destination"), lookup="istartswith"),
        Filter("number", _("For number"), apply=by_number),
        Filter("wholesale_id", _("List"), kind="integer"),
    ),
    order=("prefix", "-id"),
    has_history=False,
    help=_(
        "What the company that you buy from charges you, by the longest prefix of the number called, as in force now."
    ),
    empty=_(
        "No price list of calls is assigned to you yet: your calls are refused. Ask the company that you buy from."
    ),
)

PAGES = (MY_ACCOUNT,)
PANELS = (TRANSACTIONS, TOP_UPS, ACCOUNTS, WHOLESALE_RATES)
