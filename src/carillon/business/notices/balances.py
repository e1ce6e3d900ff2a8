"""Balances that are watched: who wants to hear below what, and telling it once each time one falls.

Partners' people watch by what they say here; a customer is told of its own by the amount in its data, else by its web
product's.

Looked at by the worker once a minute, in statements that lock nothing: neither calls nor settling wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited, witnessed
from carillon.base.errors import InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import locked, named_or_none, once
from carillon.business.customers.models import Customer
from carillon.business.notices.actions import raise_alert
from carillon.business.notices.choices import AlertKind, Covers, MailEvent
from carillon.business.notices.models import Alert, BalanceWatch
from carillon.business.notices.tocustomers import write_to_customer
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import chosen_partner
from carillon.logic.money import format_amount

MOST_MICRO = 1_000_000_000_000

# What each watch is about: (watch, account, what is left). Of a partner's, one that names the holder goes first.
# Without a watch it is the customer itself that is told.
_WATCHED = """
    with watched as (
        select w.id as watch_id, w.partner_id, w.below_micro, w.covers, a.id as account_id, a.customer_id,
               a.buyer_partner_id, a.currency, a.balance_micro - a.unposted_micro + a.credit_limit_micro as left_micro
        from notices_balancewatch w join billing_account a
            on a.partner_id = w.partner_id and a.kind = 'customer' and a.currency = w.currency
        where w.covers = 'customers' and (w.customer_id = a.customer_id or w.customer_id is null and not exists (
            select from notices_balancewatch o
            where o.partner_id = w.partner_id and o.customer_id = a.customer_id and o.currency = w.currency))
        union all
        select w.id, w.partner_id, w.below_micro, w.covers, a.id, a.customer_id, a.buyer_partner_id, a.currency,
               a.balance_micro - a.unposted_micro + a.credit_limit_micro
        from notices_balancewatch w join billing_account a
            on a.partner_id = w.partner_id and a.kind = 'partner' and a.currency = w.currency
        where w.covers = 'partners' and (w.buyer_partner_id = a.buyer_partner_id
            or w.buyer_partner_id is null and not exists (
                select from notices_balancewatch o where o.partner_id = w.partner_id
                    and o.buyer_partner_id = a.buyer_partner_id and o.currency = w.currency))
        union all
        select w.id, w.partner_id, w.below_micro, w.covers, a.id, a.customer_id, a.buyer_partner_id, a.currency,
               a.balance_micro - a.unposted_micro + a.credit_limit_micro
        from notices_balancewatch w join billing_account a
            on a.buyer_partner_id = w.partner_id and a.kind = 'partner' and a.currency = w.currency
        where w.covers = 'own'
        union all
        select null, a.partner_id, o.below_micro, '', a.id, a.customer_id, a.buyer_partner_id, a.currency,
               a.balance_micro - a.unposted_micro + a.credit_limit_micro
        from customers_customer c
        join brands_webproduct b on b.id = c.web_product_id
        cross join lateral (
            select coalesce(c.low_balance_micro, case when b.default_currency = c.currency then b.low_balance_micro end)
        ) o (below_micro)
        join billing_account a
            on a.partner_id = c.partner_id and a.customer_id = c.id and a.kind = 'customer' and a.currency = c.currency
        where o.below_micro > 0 and c.status = 'active'
    )
"""
# Risen by a tenth above what is watched, or watched by another now.
_RISEN = """
    delete from notices_lowbalance l where not exists (
        select from watched f
        where f.account_id = l.account_id and f.watch_id is not distinct from l.watch_id
            and f.left_micro < f.below_micro * 1.1)
"""
# An account where no money has ever moved has not fallen. Customers are told only while they use theirs: whoever sets
# an amount at a web product does not write to everybody who has left.
_FALLEN = """
    insert into notices_lowbalance (partner_id, watch_id, account_id, since)
    select f.partner_id, f.watch_id, f.account_id, clock_timestamp() from watched f
    where f.left_micro < f.below_micro and (%(watch)s::bigint is null or f.watch_id = %(watch)s)
        and not exists (
            select from notices_lowbalance l where l.partner_id = f.partner_id and l.account_id = f.account_id
                and (l.watch_id is null) = (f.watch_id is null))
        and exists (select from billing_entry e where e.account_id = f.account_id)
        and not exists (select from customers_customer c where c.id = f.customer_id and c.status = 'terminated')
        and (f.watch_id is not null or (
            select t.at from billing_transfer t where t.customer_id = f.customer_id order by t.id desc limit 1
        ) > now() - interval '1 hour')
    on conflict do nothing
    returning account_id, watch_id
"""
_TOLD = """
    select l.partner_id, l.account_id, l.since, f.covers, f.customer_id, f.currency, f.left_micro, f.below_micro,
           coalesce(c.name, p.name, '')
    from notices_lowbalance l
    join watched f on f.watch_id = l.watch_id and f.account_id = l.account_id
    left join customers_customer c on c.id = f.customer_id
    left join partners_partner p on p.id = f.buyer_partner_id and f.covers = 'partners'
    where l.account_id = any(%(accounts)s) and l.watch_id = any(%(watches)s) order by l.partner_id, l.account_id
"""
_OWN = "select customer_id, left_micro, below_micro from watched where watch_id is null and account_id = any(%(own)s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceWatchData:
    """Below what to tell, micro-units. All but the amount stays once created.

    `customer_id` or `buyer_partner_id`: that one alone; None: all of them that have no watch of their own. `currency`
    "": of whom it names, else of the partner. `partner_id` (None: the actor's own) is who is told.
    """

    below_micro: int
    covers: Covers = Covers.CUSTOMERS
    customer_id: int | None = None
    buyer_partner_id: int | None = None
    currency: str = ""
    partner_id: int | None = None


@action("balance_alerts.add")
def watch_balance(actor: Actor, data: BalanceWatchData) -> BalanceWatch:
    """Have a partner's people told when balances fall below an amount; those that are below it already are not told.

    Raises InvalidInput.
    """
    partner = chosen_partner(actor, data.partner_id)
    customer = named_or_none(Customer.objects, actor, data.customer_id, "customer_id")
    buyer = named_or_none(Partner.objects, actor, data.buyer_partner_id, "buyer_partner_id")
    _check_holder(data, partner, customer, buyer)
    currency = data.currency or (customer.currency if customer else buyer.currency if buyer else partner.currency)
    faults = Faults()
    faults.currency(currency)
    faults.stop()
    watch = BalanceWatch(partner=partner, covers=data.covers, customer=customer, buyer_partner=buyer, currency=currency)
    twice = {"one_balance_watch_each": ("covers", "There is an alert for this already: change that one.")}
    with once(twice), audited(actor, watch, "create"):
        watch.below_micro = _checked(data.below_micro)
        watch.save(force_insert=True)
    _look(watch)
    return watch


def _check_holder(data: BalanceWatchData, partner: Partner, customer: Customer | None, buyer: Partner | None) -> None:
    faults = Faults()
    is_customers = customer is None or (data.covers == Covers.CUSTOMERS and customer.partner_id == partner.pk)
    faults.unless(is_customers, "customer_id", _("Only for customers, and a customer of this partner."))
    is_partners = buyer is None or (data.covers == Covers.PARTNERS and buyer.parent_id == partner.pk)
    faults.unless(is_partners, "buyer_partner_id", _("Only for sub-partners, and one that buys from this partner."))
    is_buying = data.covers != Covers.OWN or partner.parent_id is not None
    faults.unless(is_buying, "covers", _("The operator buys from nobody."))
    faults.stop()


def _checked(below_micro: int) -> int:
    if not 0 <= below_micro <= MOST_MICRO:
        raise InvalidInput(fields={"below_micro": _("An amount from 0 to 1,000,000.")})
    return below_micro


@action("balance_alerts.change")
def change_balance_watch(actor: Actor, watch: BalanceWatch, data: BalanceWatchData) -> BalanceWatch:
    """Change below what to tell. Raises InvalidInput, NotFound."""
    watch = locked(BalanceWatch.objects, actor, watch.pk)
    with audited(actor, watch, "update"):
        watch.below_micro = _checked(data.below_micro)
        watch.save(update_fields=["below_micro"])
    _look(watch)
    return watch


@action("balance_alerts.delete")
def forget_balance_watch(actor: Actor, watch: BalanceWatch) -> None:
    """Tell nothing of these balances any more. Raises NotFound."""
    watch = locked(BalanceWatch.objects, actor, watch.pk)
    with audited(actor, watch, "remove"):
        watch.delete()


@action("alerts.note")
def note_low_balances(actor: Actor) -> int:
    """Tell of each balance that has fallen below what is watched; return how many.

    Partners get alerts, customers mails.

    Cost: two statements, each over the watched accounts, and when any has fallen one or two more with three per alert
    and five per customer.
    """
    fallen = _look()
    keys = {
        "accounts": [account for account, watch in fallen if watch is not None],
        "watches": [watch for _account, watch in fallen if watch is not None],
        "own": [account for account, watch in fallen if watch is None],
    }
    alerts = _rows(_TOLD, keys) if keys["accounts"] else []
    own = _rows(_OWN, keys) if keys["own"] else []
    return sum(raise_alert(_alert(row)) for row in alerts) + _tell_customers(actor, own)


def _rows(query: str, keys: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_WATCHED + query, keys)
        return list(cursor.fetchall())


def _look(watch: BalanceWatch | None = None) -> list[tuple[int, int | None]]:
    """Keep the list of low balances as they are now; return (account, watch) of the fallen: of one watch, or of all."""
    with connection.cursor() as cursor:
        cursor.execute(_WATCHED + _RISEN)
        cursor.execute(_WATCHED + _FALLEN, {"watch": watch.pk if watch else None})
        found: list[tuple[int, int | None]] = cursor.fetchall()
    return found


def _tell_customers(actor: Actor, rows: Iterable[tuple[int, int, int]]) -> int:
    """Write to customers, else to their administrators, that (customer) has (so much) left, less than (so much).

    It stands in the customer's history, which is what webhooks tell as `customer.balance_low`.
    """
    told = {customer_id: (left, below) for customer_id, left, below in rows}
    chosen = Customer.objects.visible_to(actor).filter(pk__in=told).select_related("partner", "web_product")
    for customer in chosen.order_by("pk"):
        left, below = (format_amount(micro, customer.currency) for micro in told[customer.pk])
        witnessed(actor, customer, "balance_low", reason=f"{left} left to spend, less than {below}.")
        write_to_customer(actor, customer, MailEvent.BALANCE_LOW, {"left": left, "below": below})
    return len(told)


def _alert(row: tuple[Any, ...]) -> Alert:
    partner_id, account_id, since, covers, customer_id, currency, left_micro, below_micro, whom = row
    return Alert(
        partner_id=partner_id,
        kind=AlertKind.CREDIT_LOW if covers == Covers.OWN else AlertKind.BALANCE_LOW,
        customer_id=customer_id,
        subject=f"account {account_id}",
        values={"whom": whom, "left": left_micro, "below": below_micro, "currency": currency},
        since=since,
    )
