"""Subscriptions reach the ledger: what is due is charged once, packages are given for it, periods follow each other.

A prepaid customer pays with what it has to spend: when that is too little, nothing is taken, the subscription is
*unpaid* and gives nothing new, and it is tried again each hour. Once there is money the rest of the period is paid for
and given, not the days that passed; when nobody pays for sixty days it ends. Postpaid customers are always charged.

Fees have the customer's taxes, by the rules that calls go by: those that hold when they are charged. As with calls the
seller's income is posted with them; each charge keeps how much of it is taxes, and which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.business.billing.choices import AccountKind, TransferKind
from carillon.business.billing.ledger import Movement, book_account, lock_accounts, post
from carillon.business.billing.models import Account
from carillon.business.billing.queries import taxes_of
from carillon.business.catalogue import subscriptions as parts
from carillon.business.catalogue.choices import Interval, Per, ProductKind, SubscriptionState
from carillon.business.catalogue.errors import MoneyShort
from carillon.business.catalogue.models import FeeCharge, Product, Subscription
from carillon.business.customers.choices import Charging
from carillon.business.customers.models import Customer, User
from carillon.business.endpoints.models import Endpoint
from carillon.business.numbers.choices import NumberState
from carillon.business.numbers.models import Number
from carillon.business.partners.choices import Status
from carillon.logic import fees
from carillon.logic.money import format_amount, format_exact
from carillon.logic.proration import begins_at, local_day

TRIED_AGAIN = timedelta(hours=1)
UNPAID_AT_MOST = timedelta(days=60)
NEW_USER = timedelta(hours=2)
GIVING = (SubscriptionState.TRIAL, SubscriptionState.ACTIVE, SubscriptionState.CANCELLED)
IN_SERVICE = (NumberState.IN_SERVICE, NumberState.PORTING_OUT)


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a subscription's."""

    subscription: Subscription
    line: fees.Line


# ---------------------------------------------------------------- what is due again and again


@action("subscriptions.charge")
def charge_subscription(actor: Actor, subscription_id: int, *, now: datetime | None = None) -> bool:
    """Do what is due for a subscription, and return whether it did: another worker may have it in hand or have done it.

    A worker that was away for long takes one step after the other, as if it had been there. Cost: about fifteen
    queries for each period.
    """
    moment = now or timezone.now()
    rows = Subscription.objects.visible_to(actor).select_for_update(skip_locked=True, of=("self",))
    due = rows.select_related("customer", "user", "product").filter(pk=subscription_id, due_at__lte=moment)
    present = found = due.first()
    while present is not None and present.due_at is not None and present.due_at <= moment:
        present = _step(actor, present, present.due_at, moment)
    return found is not None


def _step(actor: Actor, subscription: Subscription, at: datetime, now: datetime) -> Subscription | None:
    """Do what is due at `at`; return the subscription that goes on, if any."""
    state = subscription.state
    if _is_over(subscription, now):
        end_with_add_ons(actor, subscription, at, local_day(at, subscription.customer.timezone))
        return None
    if state == SubscriptionState.TRIAL:
        return begin_paying(actor, subscription, at, now)
    if state == SubscriptionState.UNPAID:
        return try_again(actor, subscription, now)
    if subscription.next_product is not None:
        return replace(actor, subscription, subscription.next_product, at, now)
    day = local_day(at, subscription.customer.timezone)
    parts.start_period(subscription, day)
    return pay(actor, subscription, day, now)


def _is_over(subscription: Subscription, now: datetime) -> bool:
    if subscription.customer.status == Status.TERMINATED or subscription.state == SubscriptionState.CANCELLED:
        return True
    if subscription.state == SubscriptionState.TRIAL:
        return not subscription.product.trial_goes_on
    return subscription.unpaid_since is not None and now - subscription.unpaid_since >= UNPAID_AT_MOST


def try_again(actor: Actor, subscription: Subscription, now: datetime) -> Subscription:
    """Charge what was not paid: the days from today on, of the period that today is in."""
    today = local_day(now, subscription.customer.timezone)
    if today >= subscription.period_until:
        parts.start_period(subscription, today)
    return pay(actor, subscription, today, now)


def pay(
    actor: Actor, subscription: Subscription, since: date, now: datetime, *, is_first: bool = False
) -> Subscription:
    """Charge what is due for the present period from `since` on and give its packages, or leave it unpaid; saves it."""
    taxation = taxation_of(actor, subscription.product, subscription.customer, since, now)
    lines = parts.lines_due(subscription, since, counts_of(subscription), taxation, is_first=is_first)
    verb = "pay"
    try:
        collect(actor, items_of(subscription, lines))
        subscription.state, subscription.is_paid, subscription.unpaid_since = SubscriptionState.ACTIVE, True, None
        subscription.due_at = begins_at(subscription.period_until, subscription.customer.timezone)
    except MoneyShort:
        verb = "unpaid"
        subscription.state, subscription.due_at = SubscriptionState.UNPAID, now + TRIED_AGAIN
        subscription.unpaid_since = subscription.unpaid_since or now
    _save(actor, subscription, verb)
    if subscription.is_paid:
        parts.grant(subscription, since)
    return subscription


def _save(actor: Actor, subscription: Subscription, verb: str) -> None:
    """History tells what became paid or unpaid, not each hour or month that nothing changed."""
    before = Subscription.objects.only("state").get(pk=subscription.pk)
    if before.state == subscription.state:
        subscription.save()
        return
    was, subscription.state = subscription.state, before.state
    with audited(actor, subscription, verb):
        subscription.state = was
        subscription.save()


def begin_paying(actor: Actor, trial: Subscription, at: datetime, now: datetime) -> Subscription:
    """A trial is over and goes on as paid from the day of `at` on, in periods of its own; what it gave has ended."""
    parts.end(actor, trial, at)
    day = local_day(at, trial.customer.timezone)
    new = _begin(actor, parts.begin(trial.product, trial.customer, trial.user, day), now, is_first=True)
    parts.stop_giving(trial, at)
    return new


def replace(actor: Actor, old: Subscription, product: Product, at: datetime, now: datetime) -> Subscription:
    """Let another product take the place of a subscription's from the day of `at` on, in the same periods.

    What was charged for that day and later comes back; fees that are charged once are not charged for a change. A
    prepaid customer without enough money has the new one unpaid.
    """
    day = local_day(at, old.customer.timezone)
    collect(actor, items_of(old, fees.lines_back(parts.charged(old), day)))
    parts.end(actor, old, at)
    new = parts.begin(product, old.customer, old.user, day, anchor=(old.anchor_on, old.anchor_day))
    _begin(actor, new, now, is_first=False)
    parts.stop_giving(old, at)
    return new


def _begin(actor: Actor, subscription: Subscription, now: datetime, *, is_first: bool) -> Subscription:
    with audited(actor, subscription, "create"):
        subscription.save(force_insert=True)
    return pay(actor, subscription, subscription.starts_on, now, is_first=is_first)


def end_with_add_ons(actor: Actor, subscription: Subscription, at: datetime, day: date, *, reason: str = "") -> None:
    """End a subscription, with a plan its holder's add-ons too; what was charged for `day` and later comes back."""
    ending = [subscription]
    if subscription.kind == ProductKind.PLAN:
        holders = parts.live(subscription.customer_id, subscription.user_id)
        rows = Subscription.objects.select_for_update(of=("self",)).select_related("customer", "product")
        ending += rows.filter(holders, kind=ProductKind.ADD_ON).order_by("pk")
    for one in ending:  # all are locked before the first money moves, as whoever charges one of them does
        collect(actor, items_of(one, fees.lines_back(parts.charged(one), day)))
        parts.end(actor, one, at, reason=reason)
    for one in ending:
        parts.stop_giving(one, at)


@action("subscriptions.charge")
def give_to_newcomers(actor: Actor, *, now: datetime | None = None) -> int:
    """Give packages that are for each user to users who have come in the last two hours; return how many it gave.

    Cost: two queries, and four for each customer who has such a package and a new user.
    """
    moment = now or timezone.now()
    customers = User.objects.visible_to(actor).filter(created_at__gt=moment - NEW_USER).values("customer_id")
    having = Subscription.objects.visible_to(actor).filter(
        customer__in=customers, user=None, state__in=GIVING, product__packages__is_per_user=True
    )
    given = 0
    for one in having.select_related("customer", "product").distinct():
        given += parts.grant(one, local_day(moment, one.customer.timezone))
    return given


# ---------------------------------------------------------------- quantities and money


def counts_of(subscription: Subscription) -> dict[str, int]:
    """Return how many there are now of what fees are charged for, by `Per`; three queries."""
    return count(subscription.customer, subscription.user)


def count(customer: Customer, user: User | None) -> dict[str, int]:
    """Return how many users, numbers and devices a customer (or one of its users) has now; three queries."""
    own: Mapping[str, object] = {"customer": customer} if user is None else {"customer": customer, "user": user}
    users = User.objects.filter(customer=customer, is_enabled=True).count() if user is None else 1
    return {
        Per.ACCOUNT: 1,
        Per.USER: users,
        Per.NUMBER: Number.objects.filter(**own, state__in=IN_SERVICE).count(),
        Per.DEVICE: Endpoint.objects.filter(**own, is_enabled=True).count(),
    }


def taxation_of(actor: Actor, product: Product, customer: Customer, day: date, now: datetime) -> fees.Taxation:
    """Return the taxes on a product's fees that are due on a day: those that hold now, or as near to it as the day is.

    So what a later period will be charged has the taxes that are known to hold then. One query.
    """
    tomorrow = begins_at(day + timedelta(days=1), customer.timezone)
    at = min(max(now, begins_at(day, customer.timezone)), tomorrow - timedelta(milliseconds=1))
    return fees.Taxation(taxes_of(actor, customer, at), product.is_tax_inclusive)


def collect(actor: Actor, items: Sequence[Item]) -> None:
    """Post what one customer owes and gets back, all of it or nothing.

    Raises:
        MoneyShort: it is prepaid and has less to spend than what it comes to; nothing has happened.
    """
    if not items:
        return
    customer = items[0].subscription.customer
    owed = fees.total(item.line for item in items)
    account, book = _accounts(customer)
    if customer.charging == Charging.PREPAID and owed > max(account.available_micro, 0):
        raise MoneyShort(
            _("%(owed)s are due, and %(left)s are left to spend.")
            % {
                "owed": format_amount(owed, customer.currency),
                "left": format_amount(account.available_micro, customer.currency),
            }
        )
    FeeCharge.objects.bulk_create([_charge(item) for item in items])
    with translation.override(_language(customer)):
        post(actor, [_movement(item, account, book) for item in items])


def _accounts(customer: Customer) -> tuple[Account, Account]:
    """The customer's account and the seller's book of fees, locked."""
    account = Account.objects.filter(
        partner_id=customer.partner_id, kind=AccountKind.CUSTOMER, customer=customer, currency=customer.currency
    ).first()
    if account is None:
        raise MoneyShort(_("%(customer)s has no account.") % {"customer": customer})
    book = book_account(AccountKind.FEES, customer.partner_id, customer.currency)
    rows = lock_accounts([account.pk, book.pk])
    return rows[account.pk], rows[book.pk]


def _key(item: Item) -> str:
    line = item.line
    if line.amount_micro < 0:
        return f"fee:{item.subscription.pk}:{line.fee.id}:{line.part.until:%Y%m%d}:back"
    return f"fee:{item.subscription.pk}:{line.fee.id}:{line.part.since:%Y%m%d}"


def _charge(item: Item) -> FeeCharge:
    subscription, line = item.subscription, item.line
    return FeeCharge(
        partner_id=subscription.partner_id,
        customer_id=subscription.customer_id,
        subscription=subscription,
        fee_id=line.fee.id,
        fee_name=line.fee.name,
        interval=line.fee.interval,
        is_prorated=line.fee.is_prorated,
        key=_key(item),
        quantity=line.quantity,
        unit_micro=line.fee.amount_micro,
        amount_micro=line.amount_micro,
        tax_micro=line.tax_micro,
        taxes=[{"name": tax.name, "percent": format_exact(tax.percent)} for tax in line.taxation.taxes],
        is_tax_inclusive=line.taxation.is_inclusive,
        currency=subscription.currency,
        interval_on=line.whole.since,
        interval_until=line.whole.until,
        since=line.part.since,
        until=line.part.until,
    )


def _movement(item: Item, account: Account, book: Account) -> Movement:
    amount = item.line.amount_micro
    return Movement(
        key=_key(item),
        kind=TransferKind.FEES,
        source=account,
        target=book,
        amount_micro=amount,
        shown_micro=-amount,
        holder=account,
        reference=_reference_of(item.subscription.name, item.line, item.subscription.currency)[:200],
    )


def _reference_of(name: str, line: fees.Line, currency: str) -> str:
    """What a line is for, as its payer reads it in Transactions, with net amount and taxes."""
    text, net, tax = text_of(name, line, currency), abs(line.net_micro), abs(line.tax_micro)
    if not line.taxation.taxes:
        return text
    return _("%(text)s; %(net)s net, %(taxes)s: %(tax)s") % {
        "text": text,
        "net": format_amount(net, currency),
        "taxes": ", ".join(f"{tax.name} {format_exact(tax.percent)} %" for tax in line.taxation.taxes),
        "tax": format_amount(tax, currency),
    }


def text_of(name: str, line: fees.Line, currency: str) -> str:
    """Return what a line is for, in the active language."""
    values = {
        "plan": name,
        "fee": line.fee.name,
        "quantity": line.quantity,
        "price": format_amount(line.fee.amount_micro, currency),
        "since": date_format(line.part.since, "j M Y"),
        "until": date_format(line.part.until - timedelta(days=1), "j M Y"),
    }
    if line.amount_micro < 0:
        return _("%(plan)s: %(fee)s given back, %(since)s to %(until)s") % values
    if line.fee.interval == Interval.ONCE:
        return _("%(plan)s: %(fee)s, %(quantity)s × %(price)s") % values
    return _("%(plan)s: %(fee)s, %(quantity)s × %(price)s, %(since)s to %(until)s") % values


def _language(customer: Customer) -> str:
    return customer.culture.partition("-")[0] or "en"


def items_of(subscription: Subscription, lines: Iterable[fees.Line]) -> list[Item]:
    """Return lines as a subscription's."""
    return [Item(subscription, line) for line in lines]
