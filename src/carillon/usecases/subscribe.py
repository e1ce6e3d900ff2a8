"""Customers get plans and add-ons, change and cancel them; what that costs is shown before it is done, and charged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, NotFound
from carillon.base.places import Faults
from carillon.base.rows import named, named_or_none, once
from carillon.business.catalogue import subscriptions as parts
from carillon.business.catalogue.choices import ProductKind, ProductState, SubscriptionState
from carillon.business.catalogue.errors import ConflictsUnconfirmed, MoneyShort, NotOnSale
from carillon.business.catalogue.models import Product, Subscription
from carillon.business.customers.models import Customer, User
from carillon.business.partners.choices import Status
from carillon.logic import fees
from carillon.logic.proration import begins_at, local_day
from carillon.usecases.charge_subscriptions import (
    begin_paying,
    count,
    counts_of,
    end_with_add_ons,
    pay,
    replace,
    taxation_of,
    try_again,
)

PLAN_TAKEN = {"one_plan_at_a_time": ("product_id", _lazy("There is a plan already: change it instead."))}


class When(StrEnum):
    """When a change of plan happens. AUTO: a dearer plan at once, a cheaper one when the period ends."""

    AUTO = "auto"
    NOW = "now"
    LATER = "period_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeData:
    """Who gets which product. `user_id`: that user alone; None: the customer. `is_trial`: tried first, as it offers.

    `confirms_conflicts`: the product is wanted although it contradicts another of the customer's.
    """

    customer_id: int
    product_id: int
    user_id: int | None = None
    is_trial: bool = False
    confirms_conflicts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeData:
    """Which product takes the place of the present one, and when."""

    product_id: int
    when: When = When.AUTO
    confirms_conflicts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelData:
    """`at_once`: today, and what was paid for later days comes back; otherwise when the period ends."""

    at_once: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Priced:
    """A line of what would be charged, with the name of the plan or add-on that it is for."""

    name: str
    line: fees.Line


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen: `now` is charged on `day`, `following` on `next_on` (None: nothing goes on then).

    `conflicts`: in which way it contradicts what the customer has, in sentences.
    """

    day: date
    currency: str
    now: tuple[Priced, ...]
    next_on: date | None
    following: tuple[Priced, ...]
    conflicts: tuple[str, ...] = ()
    is_trial: bool = False

    @property
    def now_micro(self) -> int:
        """What is charged at once; negative: given back."""
        return fees.total(one.line for one in self.now)

    @property
    def now_tax_micro(self) -> int:
        """How much of it is taxes."""
        return fees.tax_in(one.line for one in self.now)

    @property
    def following_micro(self) -> int:
        """What is charged for the next period, when nothing changes until then."""
        return fees.total(one.line for one in self.following)

    @property
    def following_tax_micro(self) -> int:
        """How much of it is taxes."""
        return fees.tax_in(one.line for one in self.following)


def _priced(product: Product | Subscription, lines: Iterable[fees.Line]) -> tuple[Priced, ...]:
    return tuple(Priced(product.name, line) for line in lines)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A checked wish."""

    product: Product
    customer: Customer
    user: User | None
    day: date
    conflicts: tuple[str, ...]
    is_trial: bool = False

    def subscription(self) -> Subscription:
        """As it would begin; add-ons share the periods of the plan."""
        held = Subscription.objects.filter(parts.live(self.customer.pk, _key(self.user)))
        plan = held.filter(kind=ProductKind.PLAN).exclude(state=SubscriptionState.TRIAL).first()
        is_add_on = self.product.kind == ProductKind.ADD_ON
        anchor = (plan.anchor_on, plan.anchor_day) if plan is not None and is_add_on else None
        found = parts.begin(self.product, self.customer, self.user, self.day, anchor=anchor)
        found.conflicts = [one[:300] for one in self.conflicts]
        if self.is_trial:
            _try(found, self.product)
        return found


def _try(subscription: Subscription, product: Product) -> None:
    until = subscription.starts_on + timedelta(days=product.trial_days)
    subscription.state = SubscriptionState.TRIAL
    subscription.period_on, subscription.period_until = subscription.starts_on, until
    subscription.trial_until = subscription.due_at = begins_at(until, subscription.customer.timezone)


# ---------------------------------------------------------------- subscribing


def preview_subscription(actor: Actor, data: SubscribeData, *, now: datetime | None = None) -> Preview:
    """Return what subscribing would cost; nothing changes. About fifteen queries.

    Raises:
        InvalidInput, NotOnSale: as `subscribe`.
    """
    moment = now or timezone.now()
    wanted = _wanted(actor, data, moment)
    found = wanted.subscription()
    if wanted.is_trial:
        return _preview_trial(actor, wanted, found, moment)
    costs = _Costs(actor, found, wanted.product, count(wanted.customer, wanted.user), moment)
    return _preview(costs, wanted, _priced(found, costs.due(wanted.day, is_first=True)))


@dataclass(frozen=True, slots=True)
class _Costs:
    """What a product costs the holder of a subscription, in its periods."""

    actor: Actor
    subscription: Subscription
    product: Product
    counts: Mapping[str, int]
    now: datetime

    def due(
        self, day: date, *, paid: Mapping[int, date] = MappingProxyType({}), is_first: bool
    ) -> tuple[fees.Line, ...]:
        """What is due on a day, when fees are paid until those days by their id."""
        product, subscription = self.product, self.subscription
        cycle = parts.cycle_of(subscription, product)
        taxation = taxation_of(self.actor, product, subscription.customer, day, self.now)
        costs = parts.fees_of(product)
        return fees.lines_due(costs, self.counts, cycle, day, paid_until=paid, is_first=is_first, taxation=taxation)


def _preview_trial(actor: Actor, wanted: _Wanted, trial: Subscription, now: datetime) -> Preview:
    if not wanted.product.trial_goes_on:
        return Preview(wanted.day, trial.currency, (), None, (), wanted.conflicts, is_trial=True)
    after = parts.begin(wanted.product, wanted.customer, wanted.user, trial.period_until)
    costs = _Costs(actor, after, wanted.product, count(wanted.customer, wanted.user), now)
    later = _priced(after, costs.due(after.starts_on, is_first=True))
    return Preview(wanted.day, trial.currency, (), after.starts_on, later, wanted.conflicts, is_trial=True)


def _preview(costs: _Costs, wanted: _Wanted, now: tuple[Priced, ...]) -> Preview:
    paid = {one.line.fee.id: one.line.part.until for one in now if one.line.amount_micro > 0}
    found = costs.subscription
    later = _priced(found, costs.due(found.period_until, paid=paid, is_first=False))
    return Preview(wanted.day, found.currency, now, found.period_until, later, wanted.conflicts)


@action("subscriptions.add")
def subscribe(actor: Actor, data: SubscribeData, *, now: datetime | None = None) -> Subscription:
    """Subscribe a customer, or one of its users, from today on: what is due is charged, what is included given.

    Raises:
        InvalidInput: customer, user or product are not to be found, or do not go together.
        NotOnSale: the product is not, or not on the customer's website; or there is no (further) trial.
        ConflictsUnconfirmed: it contradicts another product of the customer's.
        MoneyShort: a prepaid customer can't pay; there is no subscription then.
    """
    moment = now or timezone.now()
    wanted = _wanted(actor, data, moment)
    _confirm(wanted.conflicts, data.confirms_conflicts)
    subscription = wanted.subscription()
    with once(PLAN_TAKEN), audited(actor, subscription, "create"):
        subscription.save(force_insert=True)
    if not wanted.is_trial:
        return _paid(pay(actor, subscription, wanted.day, moment, is_first=True))
    parts.grant(subscription, wanted.day)
    return subscription


def _paid(subscription: Subscription) -> Subscription:
    if subscription.state == SubscriptionState.UNPAID:
        raise MoneyShort(_("The customer has not enough to spend for what is due at once."))
    return subscription


def _confirm(conflicts: Sequence[str], is_confirmed: bool) -> None:
    if conflicts and not is_confirmed:
        sentence = " ".join(conflicts)
        raise ConflictsUnconfirmed(sentence, fields={"confirms_conflicts": sentence})


def _wanted(actor: Actor, data: SubscribeData, now: datetime) -> _Wanted:
    customer = named(Customer.objects, actor, data.customer_id, "customer_id")
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)  # one wish at a time
    user = named_or_none(User.objects, actor, data.user_id, "user_id")
    faults = Faults()
    is_active = customer.status != Status.TERMINATED
    faults.unless(is_active, "customer_id", _("%(customer)s is terminated.") % {"customer": customer})
    is_own = user is None or user.customer_id == customer.pk
    faults.unless(is_own, "user_id", _("This user is another customer's."))
    faults.stop()
    product = _sold(actor, data.product_id, customer)
    held = _held(customer.pk, _key(user))
    _check_level(product, held, user)
    if data.is_trial:
        _check_trial(product, customer)
    day = local_day(now, customer.timezone)
    return _Wanted(product, customer, user, day, _conflicts(product, held), data.is_trial)


def _key(user: User | None) -> int | None:
    return None if user is None else user.pk


def _held(customer_id: int, user_id: int | None) -> list[Subscription]:
    rows = Subscription.objects.filter(parts.live(customer_id, user_id)).select_related("product")
    return list(rows.order_by("pk"))


def _sold(actor: Actor, product_id: int, customer: Customer) -> Product:
    product: Product = named(Product.objects, actor, product_id, "product_id")
    faults = Faults()
    is_sellers = product.partner_id == customer.partner_id
    faults.unless(is_sellers, "product_id", _("The customer buys from another partner."))
    sentence = _("%(customer)s pays in %(currency)s.") % {"customer": customer, "currency": customer.currency}
    faults.unless(product.currency == customer.currency, "product_id", sentence)
    faults.stop()
    if product.state != ProductState.ON_SALE:
        raise NotOnSale(fields={"product_id": str(NotOnSale.title)})
    if product.web_product_ids and customer.web_product_id not in product.web_product_ids:
        sentence = _("It is not sold on the customer's website.")
        raise NotOnSale(sentence, fields={"product_id": sentence})
    return product


def _check_level(product: Product, held: Sequence[Subscription], user: User | None) -> None:
    faults = Faults()
    has_plan = any(one.kind == ProductKind.PLAN for one in held)
    if product.kind == ProductKind.PLAN:
        faults.unless(not has_plan, "product_id", _("There is a plan already: change it instead."))
        is_fit = user is None or product.price_list_id is None
        faults.unless(is_fit, "user_id", _("A plan with a price list is for the whole customer."))
    else:
        faults.unless(has_plan, "product_id", _("An add-on needs a plan that it is added to."))
        has_it = any(one.product_id == product.pk for one in held)
        faults.unless(not has_it, "product_id", _("The customer has this add-on already."))
    faults.stop()


def _check_trial(product: Product, customer: Customer) -> None:
    if not product.trial_days:
        sentence = _("This product has no trial.")
        raise NotOnSale(sentence, fields={"is_trial": sentence})
    if Subscription.objects.filter(customer=customer, product=product).exists():
        sentence = _("The customer has or had this product already: it is tried once.")
        raise NotOnSale(sentence, fields={"is_trial": sentence})


def _conflicts(product: Product, held: Sequence[Subscription]) -> tuple[str, ...]:
    sentences = {
        "price list": _("%(one)s and %(other)s both bring a price list; the newer subscription's is used."),
        "package": _(
            "When its minutes are used up, calls are refused by one of %(one)s and %(other)s and charged by"
            " the other: they are refused."
        ),
    }
    found = parts.contradictions(product, [one.product for one in held])
    return tuple(sentences[what] % {"one": product, "other": other} for what, other in found)


# ---------------------------------------------------------------- changing


def preview_change(
    actor: Actor, subscription: Subscription, data: ChangeData, *, now: datetime | None = None
) -> Preview:
    """Return what changing the product would cost; nothing changes.

    Raises:
        InvalidInput, NotOnSale, Conflict: as `change_product`.
    """
    moment = now or timezone.now()
    present = _locked(actor, subscription)
    wanted = _change(actor, present, data, moment)
    day, costs = wanted.day, _Costs(actor, present, wanted.product, counts_of(present), moment)
    if not _is_now(actor, present, wanted.product, data.when, moment):
        later = _change_lines(costs, present.period_until)
        return Preview(day, present.currency, (), present.period_until, later, wanted.conflicts)
    anchor = present.anchor_on, present.anchor_day
    found = parts.begin(wanted.product, wanted.customer, wanted.user, day, anchor=anchor)
    return _preview(replaced(costs, subscription=found), wanted, _change_lines(costs, day))


def _change_lines(costs: _Costs, day: date) -> tuple[Priced, ...]:
    present = costs.subscription
    back = fees.lines_back(parts.charged(present), day)
    return (*_priced(present, back), *_priced(costs.product, costs.due(day, is_first=False)))


def following_lines(actor: Actor, subscription: Subscription) -> tuple[Priced, ...]:
    """Return what a subscription that goes on is charged when its next period begins; about eight queries."""
    counts, day, now = counts_of(subscription), subscription.period_until, timezone.now()
    if subscription.next_product is not None:
        return _change_lines(_Costs(actor, subscription, subscription.next_product, counts, now), day)
    taxation = taxation_of(actor, subscription.product, subscription.customer, day, now)
    return _priced(subscription, parts.lines_due(subscription, day, counts, taxation, is_first=False))


@action("subscriptions.change")
def change_product(
    actor: Actor, subscription: Subscription, data: ChangeData, *, now: datetime | None = None
) -> Subscription:
    """Let another product of the same kind take the subscription's place, at once or when its period ends.

    At once what was charged for today and later comes back and the rest of the period is charged by the new product.

    Raises:
        InvalidInput, NotOnSale, ConflictsUnconfirmed, MoneyShort: as `subscribe`.
        Conflict: the subscription is tried, unpaid, cancelled or over.
        NotFound
    """
    moment = now or timezone.now()
    subscription = _locked(actor, subscription)
    wanted = _change(actor, subscription, data, moment)
    _confirm(wanted.conflicts, data.confirms_conflicts)
    if _is_now(actor, subscription, wanted.product, data.when, moment):
        new = _paid(replace(actor, subscription, wanted.product, moment, moment))
        new.conflicts = [one[:300] for one in wanted.conflicts]
        new.save(update_fields=["conflicts"])
        return new
    with audited(actor, subscription, "plan_change"):
        subscription.next_product = wanted.product
        subscription.save(update_fields=["next_product"])
    return subscription


def _change(actor: Actor, subscription: Subscription, data: ChangeData, now: datetime) -> _Wanted:
    if subscription.state != SubscriptionState.ACTIVE:
        raise Conflict(_("Only an active subscription can be changed."))
    customer = subscription.customer
    product = _sold(actor, data.product_id, customer)
    faults = Faults()
    is_other = product.pk != subscription.product_id
    faults.unless(is_other, "product_id", _("The customer has this product already."))
    faults.unless(product.kind == subscription.kind, "product_id", _("Choose a product of the same kind."))
    faults.stop()
    others = [one for one in _held(customer.pk, subscription.user_id) if one.pk != subscription.pk]
    day = local_day(now, customer.timezone)
    return _Wanted(product, customer, subscription.user, day, _conflicts(product, others))


def _is_now(actor: Actor, subscription: Subscription, product: Product, when: When, now: datetime) -> bool:
    if when is not When.AUTO:
        return when is When.NOW
    counts, customer = counts_of(subscription), subscription.customer
    day = local_day(now, customer.timezone)
    new, old = (
        fees.yearly_cost(parts.fees_of(one), counts, taxation_of(actor, one, customer, day, now))
        for one in (product, subscription.product)
    )
    return new >= old


def _locked(actor: Actor, subscription: Subscription) -> Subscription:
    rows = Subscription.objects.visible_to(actor).select_for_update(of=("self",))
    found = rows.select_related("customer", "user", "product").filter(pk=subscription.pk).first()
    if found is None:
        raise NotFound(_("There is no subscription %(pk)s.") % {"pk": subscription.pk})
    return found


# ---------------------------------------------------------------- ending


@action("subscriptions.change")
def cancel_subscription(
    actor: Actor, subscription: Subscription, data: CancelData, *, now: datetime | None = None
) -> Subscription:
    """Let a subscription end with its period, or at once; a trial and what is unpaid end at once. Add-ons go too.

    Raises:
        Conflict: it is cancelled or over already.
        NotFound
    """
    moment = now or timezone.now()
    subscription = _locked(actor, subscription)
    is_over = subscription.state in (SubscriptionState.ENDED, SubscriptionState.CANCELLED)
    if is_over and not (data.at_once and subscription.state == SubscriptionState.CANCELLED):
        raise Conflict(_("This subscription is cancelled or over already."))
    if data.at_once or subscription.state in (SubscriptionState.TRIAL, SubscriptionState.UNPAID):
        tomorrow = local_day(moment, subscription.customer.timezone) + timedelta(days=1)
        end_with_add_ons(actor, subscription, moment, tomorrow, reason=data.reason)
    else:
        with audited(actor, subscription, "cancel", reason=data.reason):
            subscription.state, subscription.next_product = SubscriptionState.CANCELLED, None
            subscription.save(update_fields=["state", "next_product"])
    return subscription


@action("subscriptions.change")
def keep_subscription(actor: Actor, subscription: Subscription) -> Subscription:
    """Take a cancellation, or a change that waits for the period's end, back.

    Raises:
        Conflict: nothing of the kind is planned.
        NotFound
    """
    subscription = _locked(actor, subscription)
    if subscription.state != SubscriptionState.CANCELLED and subscription.next_product_id is None:
        raise Conflict(_("Neither an end nor a change is planned."))
    with audited(actor, subscription, "keep"):
        if subscription.state == SubscriptionState.CANCELLED:
            subscription.state = SubscriptionState.ACTIVE
        subscription.next_product = None
        subscription.save(update_fields=["state", "next_product"])
    return subscription


@action("subscriptions.change")
def pay_now(actor: Actor, subscription: Subscription, *, now: datetime | None = None) -> Subscription:
    """Begin to pay for what is tried, or try again to charge what is unpaid.

    Raises:
        Conflict: it is neither.
        MoneyShort: a prepaid customer can't pay; nothing has changed.
        NotFound
    """
    moment = now or timezone.now()
    subscription = _locked(actor, subscription)
    if subscription.state == SubscriptionState.TRIAL:
        return _paid(begin_paying(actor, subscription, moment, moment))
    if subscription.state != SubscriptionState.UNPAID:
        raise Conflict(_("It is neither tried nor unpaid."))
    return _paid(try_again(actor, subscription, moment))
