"""How subscriptions begin, go on and end, and what their packages give: the parts that use cases put together.

Nothing here moves money: what is due is computed here and charged in `usecases.charge_subscriptions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Q

from carillon.base.actor import Actor
from carillon.base.changes import audited
from carillon.business.catalogue.choices import Period, SubscriptionState, Unit
from carillon.business.catalogue.models import Allowance, FeeCharge, Package, Product, Subscription
from carillon.business.customers.models import Customer, User
from carillon.logic import fees
from carillon.logic.callflow.feed import Tax
from carillon.logic.proration import Days, anchored, begins_at, months_after, units

MONTHS = {Period.MONTH: 1, Period.YEAR: 12}
MINUTE_S = 60


def months_of(product: Product) -> int:
    """Return how many months a product's period has."""
    return MONTHS[Period(product.period)]


def cycle_of(subscription: Subscription, product: Product | None = None) -> fees.Cycle:
    """Return when the subscription's periods begin, with `product` in place of its own."""
    months = months_of(product or subscription.product)
    return fees.Cycle(subscription.anchor_on, subscription.anchor_day, months)


def fees_of(product: Product) -> tuple[fees.Fee, ...]:
    """Return what a product costs now, in order of its fees' names; one query."""
    return tuple(
        fees.Fee(row.pk, row.name, row.per, row.interval, row.amount_micro, row.is_prorated)
        for row in product.fees.order_by("name", "pk")
    )


def charged(subscription: Subscription) -> tuple[fees.Line, ...]:
    """Return all that the subscription was charged, without what it was given back; one query."""
    rows = subscription.charges.filter(amount_micro__gt=0).order_by("pk")
    return tuple(line_of(row) for row in rows)


def line_of(row: FeeCharge) -> fees.Line:
    """Return a charge as the line that it was made of."""
    fee = fees.Fee(row.fee_id, row.fee_name, "", row.interval, row.unit_micro, row.is_prorated)
    whole = Days(row.interval_on, row.interval_until)
    taxes = tuple(Tax(one["name"], Decimal(one["percent"])) for one in row.taxes)
    taxation, part = fees.Taxation(taxes, row.is_tax_inclusive), Days(row.since, row.until)
    return fees.Line(fee, row.quantity, whole, part, row.amount_micro, row.tax_micro, taxation)


def lines_due(
    subscription: Subscription, since: date, counts: Mapping[str, int], taxation: fees.Taxation, *, is_first: bool
) -> tuple[fees.Line, ...]:
    """Return what is due for the subscription's present period from `since` on; two queries.

    Args:
        counts: how many users, numbers and devices there are, by `choices.Per`.
        taxation: the customer's taxes.
        is_first: fees that are charged once are due too.
    """
    paid: dict[int, date] = {}
    for line in charged(subscription):
        paid[line.fee.id] = max(line.part.until, paid.get(line.fee.id, line.part.until))
    costs, cycle = fees_of(subscription.product), cycle_of(subscription)
    return fees.lines_due(costs, counts, cycle, since, paid_until=paid, is_first=is_first, taxation=taxation)


# ---------------------------------------------------------------- begin, go on, end


def begin(
    product: Product, customer: Customer, user: User | None, day: date, *, anchor: tuple[date, int] | None = None
) -> Subscription:
    """Return a new subscription from `day` on, active, not saved; what is due is not paid.

    Args:
        anchor: the anchor and its day of another subscription, whose periods it shares; None: the product's billing
            day, or `day` itself.
    """
    anchor_on, anchor_day = anchor or _anchor(product, day)
    period = fees.Cycle(anchor_on, anchor_day, months_of(product)).period(day)
    return Subscription(
        partner_id=product.partner_id,
        customer=customer,
        user=user,
        product=product,
        name=product.name,
        kind=product.kind,
        currency=product.currency,
        state=SubscriptionState.ACTIVE,
        starts_on=day,
        anchor_on=anchor_on,
        anchor_day=anchor_day,
        period_on=period.since,
        period_until=period.until,
        due_at=begins_at(period.until, customer.timezone),
    )


def _anchor(product: Product, day: date) -> tuple[date, int]:
    anchor_day = product.billing_day or day.day
    return anchored(day, anchor_day), anchor_day


def start_period(subscription: Subscription, day: date) -> None:
    """Let the present period be the one that `day` is in, not paid yet; the row is not saved."""
    period = cycle_of(subscription).period(day)
    subscription.period_on, subscription.period_until = period.since, period.until
    subscription.is_paid = False
    subscription.due_at = begins_at(period.until, subscription.customer.timezone)


def end(actor: Actor, subscription: Subscription, now: datetime, *, reason: str = "") -> None:
    """End a subscription; what it gives ends with `stop_giving`, after money has moved."""
    with audited(actor, subscription, "end", reason=reason):
        subscription.state, subscription.ended_at, subscription.due_at = SubscriptionState.ENDED, now, None
        subscription.next_product = None
        subscription.save()


def stop_giving(subscription: Subscription, now: datetime) -> None:
    """Let all that a subscription gives end; calls that go on keep what they have set aside.

    Calls lock accounts before allowances: whoever does this moves no money after it in the same transaction.
    """
    Allowance.objects.filter(subscription=subscription, ends_at__gt=now).update(ends_at=now)


# ---------------------------------------------------------------- allowances


def grant(subscription: Subscription, since: date) -> int:
    """Give what the packages include from `since` to the end of the present period, and return how many rows it made.

    Asked again it gives what is missing: of users who have come since. Cost: three queries.
    """
    packages = list(subscription.product.packages.order_by("pk"))
    users = _users(subscription) if any(package.is_per_user for package in packages) else []
    made = []
    for package in packages:
        for user in users if package.is_per_user else [subscription.user]:
            made.append(_allowance(subscription, package, user, since))
    have = set(_given(subscription))
    new = [row for row in made if (row.package_id, row.user_id) not in have]
    Allowance.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


def _given(subscription: Subscription) -> list[tuple[int | None, int | None]]:
    rows = Allowance.objects.filter(subscription=subscription, period_on=subscription.period_on)
    return list(rows.values_list("package_id", "user_id"))


def _users(subscription: Subscription) -> list[User | None]:
    if subscription.user is not None:
        return [subscription.user]
    return list(User.objects.filter(customer=subscription.customer, is_enabled=True).order_by("pk"))


def _allowance(subscription: Subscription, package: Package, user: User | None, since: date) -> Allowance:
    timezone, until = subscription.customer.timezone, subscription.period_until
    granted = package.included * (MINUTE_S if package.unit == Unit.SECOND else 1)
    if package.is_prorated:
        granted = units(granted, cycle_of(subscription).period(since), Days(since, until))
    later = package.rollover_periods * months_of(subscription.product)
    ends_on = months_after(until, later, subscription.anchor_day) if later else until
    return Allowance(
        partner_id=subscription.partner_id,
        customer_id=subscription.customer_id,
        user=user,
        subscription=subscription,
        package=package,
        name=package.name,
        group_id=package.group_id,
        unit=package.unit,
        granted=granted,
        starts_at=begins_at(since, timezone),
        ends_at=begins_at(ends_on, timezone),
        initial_s=package.initial_s,
        increment_s=package.increment_s,
        covers_fee=package.covers_fee,
        blocks=package.blocks,
        period_on=subscription.period_on,
    )


# ---------------------------------------------------------------- what contradicts what


def contradictions(product: Product, others: list[Product]) -> list[tuple[str, Product]]:
    """Return in which way other products of a holder contradict `product`: those of its own level only.

    An add-on goes before the plan, the add-on of higher precedence before the other: only where neither does, there are
    two answers to one question. Of the kinds "price list" and "package" (of the same destinations: one refuses calls
    when it is used up, the other lets them cost money). Cost: two queries for each other product.
    """
    found = []
    for other in others:
        if other.kind != product.kind or other.precedence != product.precedence:
            continue
        if product.price_list_id and other.price_list_id and product.price_list_id != other.price_list_id:
            found.append(("price list", other))
        mine, theirs = _when_used_up(product), _when_used_up(other)
        if any(mine[group] != theirs[group] for group in mine.keys() & theirs.keys()):
            found.append(("package", other))
    return found


def _when_used_up(product: Product) -> dict[int | None, bool]:
    """Whether calls are refused then, by destination group."""
    return dict(product.packages.filter(unit=Unit.SECOND).order_by("blocks").values_list("group_id", "blocks"))


def live(customer_id: int, user_id: int | None) -> Q:
    """Return the condition of subscriptions that are a holder's and have not ended."""
    return Q(customer_id=customer_id, user_id=user_id) & ~Q(state=SubscriptionState.ENDED)
