"""A month and more of plans, with the clock held: charged to the micro-unit, each day once, to the ledger alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from tests.support.cast import Cast
from tests.support.market import document

from carillon.base.errors import InvalidInput
from carillon.base.tenancy import tenant
from carillon.business.billing.actions import LimitData, TopUpData, set_credit_limit, top_up_customer
from carillon.business.billing.choices import TransferKind
from carillon.business.billing.models import Account, Transfer
from carillon.business.billing.queries import customer_account, ledger_sums
from carillon.business.billing.taxes import TaxRuleData, add_tax_rule
from carillon.business.brands.choices import DestinationKind
from carillon.business.catalogue.actions import (
    FeeData,
    PackageData,
    ProductData,
    add_fee,
    add_package,
    create_product,
    put_on_sale,
)
from carillon.business.catalogue.choices import Interval, Per, Period, ProductKind, Unit
from carillon.business.catalogue.errors import ConflictsUnconfirmed, MoneyShort, NotOnSale
from carillon.business.catalogue.models import Allowance, Fee, FeeCharge, Product, Subscription
from carillon.business.catalogue.queries import due_subscriptions
from carillon.business.customers.actions import UserData, create_user
from carillon.business.customers.choices import Charging
from carillon.business.customers.models import Customer, User
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import PriceListData, create_price_list
from carillon.business.pricing.assignments import AssignmentData, assign_price_list, unassign_price_list
from carillon.business.pricing.models import DestinationGroup
from carillon.logic.callflow import feed
from carillon.logic.callflow.pricelists import lists_for
from carillon.logic.callflow.terms import TrafficClass
from carillon.logic.money import MICRO
from carillon.usecases.charge_subscriptions import charge_subscription, give_to_newcomers
from carillon.usecases.subscribe import (
    CancelData,
    ChangeData,
    SubscribeData,
    When,
    cancel_subscription,
    change_product,
    keep_subscription,
    pay_now,
    preview_change,
    preview_subscription,
    subscribe,
)

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)


class Shop:
    """Northwind's plans, and Acme's money."""

    def __init__(self, cast: Cast, *, money: int = 1000) -> None:
        self.cast, self.paul = cast, cast.staff("paul")
        with tenant(self.paul):
            self.acme: Customer = Customer.objects.get(pk=cast.acme.pk)
            Customer.objects.filter(pk=cast.acme.pk).update(timezone="Europe/London")
            top_up_customer(self.paul, self.acme, TopUpData(amount_micro=money * MICRO, idempotency_key="shop"))
            self.users = User.objects.filter(customer=self.acme, is_enabled=True).count()
            self.start = self.left()

    def left(self) -> int:
        account = customer_account(self.paul, self.acme.pk)
        assert account is not None
        return account.balance_micro

    def spent(self) -> int:
        with tenant(self.paul):
            return self.start - self.left()

    def product(self, name: str, *fees: dict[str, Any], included: int = 0, **values: Any) -> Product:
        with tenant(self.paul) as paul:
            product = create_product(paul, ProductData(name=name, currency="EUR", **values))
            for number, fee in enumerate(fees):
                add_fee(paul, FeeData(**{"product_id": product.pk, "name": f"Fee {number}", **fee}))
            if included:
                add_package(paul, PackageData(product_id=product.pk, name="UK minutes", included=included))
            return put_on_sale(paul, product)

    def subscribe(self, product: Product, now: datetime, **values: Any) -> Subscription:
        data = SubscribeData(customer_id=self.acme.pk, product_id=product.pk, **values)
        with tenant(self.paul) as paul:
            seen = preview_subscription(paul, data, now=now)
            before = self.left()
            made = subscribe(paul, data, now=now)
            assert before - self.left() == seen.now_micro  # what was shown is what was charged
            return made

    def until(self, now: datetime) -> list[str]:
        """The worker has been there until `now`; what happened to each subscription, newest last."""
        with tenant(system_actor()) as actor:
            while due := due_subscriptions(actor, now, limit=100):
                assert all(charge_subscription(actor, key, now=now) for key in due)
            return list(Subscription.objects.order_by("pk").values_list("state", flat=True))

    def limits(self) -> tuple[int | None, tuple[str, ...], int, int | None]:
        """What the call path holds Acme to: calls at a time, kinds of numbers, seconds, money."""
        customer: feed.Customer = document("customer", str(self.acme.pk))
        with connection.cursor() as cursor:
            cursor.execute("select callfeed.daily_spare(%s)", [customer.account_id])
            (spare,) = cursor.fetchone()
        return customer.max_channels, customer.allowed_classes, customer.max_call_s, spare

    def lists(self) -> list[int]:
        """By which price lists Acme's calls are charged, in the order that they are asked in."""
        customer: feed.Customer = document("customer", str(self.acme.pk))
        return [use.price_list_id for use in lists_for(customer.tiers[0], TrafficClass.CALLS, 0)]

    def texts(self) -> list[tuple[str, int]]:
        with tenant(self.paul):
            rows = Transfer.objects.filter(kind=TransferKind.FEES).order_by("pk")
            assert not any(ledger_sums(self.paul).values())
            return list(rows.values_list("reference", "amount_micro"))


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def test_a_month_with_a_change_in_the_middle_is_right_to_the_micro_unit(cast: Cast) -> None:
    shop = Shop(cast)
    small = shop.product("Small", {"amount_micro": 10 * MICRO}, {"amount_micro": 5 * MICRO, "interval": Interval.ONCE},
                         included=100, billing_day=1)  # fmt: skip
    large = shop.product("Large", {"amount_micro": 40 * MICRO}, included=1000, billing_day=1)
    first = shop.subscribe(small, NOON)
    # 11 to 30 November: 20 of 30 days
    assert shop.spent() == 6_666_667 + 5 * MICRO
    assert (first.period_on, first.period_until) == (date(2026, 11, 1), date(2026, 12, 1))
    assert list(Allowance.objects.values_list("granted", "starts_at", "ends_at")) == [
        (4_000, datetime(2026, 11, 11, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    ]
    assert shop.until(datetime(2026, 12, 1, tzinfo=UTC)) == ["active"]
    assert shop.spent() == 16_666_667 + 5 * MICRO
    assert shop.until(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == ["active"]  # asked again: nothing more
    with tenant(shop.paul) as paul:
        change = ChangeData(product_id=large.pk)
        today = at(date(2026, 12, 10))
        first.refresh_from_db()
        seen = preview_change(paul, first, change, now=today)
        second = change_product(paul, first, change, now=today)
    # 22 of 31 days: what is left of 10.00 comes back, the part of 40.00 is due
    given_back, due = 10 * MICRO - (9 * 10 * MICRO * 2 + 31) // 62, 40 * MICRO - (9 * 40 * MICRO * 2 + 31) // 62
    assert (given_back, due) == (7_096_774, 28_387_097)
    assert seen.now_micro == due - given_back and seen.following_micro == 40 * MICRO
    assert shop.spent() == 16_666_667 + 5 * MICRO + due - given_back
    old, new = Allowance.objects.order_by("pk")[1:]
    assert (old.granted, old.ends_at, new.granted) == (6_000, today, -(-60_000 * 22 // 31))
    with tenant(shop.paul) as paul:
        back = change_product(paul, second, ChangeData(product_id=small.pk), now=at(date(2026, 12, 20)))
        assert (back.pk, back.next_product_id) == (second.pk, small.pk)  # a cheaper one waits for the period's end
    assert shop.until(at(date(2027, 1, 1))) == ["ended", "ended", "active"]
    assert shop.spent() == 26_666_667 + 5 * MICRO + due - given_back
    assert shop.texts()[:3] == [
        ("Small: Fee 0, 1 × 10.00 EUR, 11 Nov 2026 to 30 Nov 2026", -6_666_667),
        ("Small: Fee 1, 1 × 5.00 EUR", -5 * MICRO),
        ("Small: Fee 0, 1 × 10.00 EUR, 1 Dec 2026 to 31 Dec 2026", -10 * MICRO),
    ]
    assert ("Small: Fee 0 given back, 10 Dec 2026 to 31 Dec 2026", given_back) in shop.texts()


def test_fees_are_taxed_as_calls_are_and_come_back_with_the_taxes_they_were_charged_with(cast: Cast) -> None:
    shop = Shop(cast)
    with tenant(shop.paul) as paul:
        for percent, since in (("20", date(2026, 11, 1)), ("21", date(2026, 12, 15))):
            add_tax_rule(paul, TaxRuleData(name="VAT", percent=Decimal(percent), effective_from=at(since)))
        add_tax_rule(
            paul, TaxRuleData(name="VAT", percent=Decimal(99), country="NO", effective_from=NOON)
        )  # not Acme's
    once = {"amount_micro": 5 * MICRO, "interval": Interval.ONCE}
    on_top = shop.product("On top", {"amount_micro": 10 * MICRO}, once, billing_day=1)
    within = shop.product("Within", {"amount_micro": 40 * MICRO}, billing_day=1, is_tax_inclusive=True)
    first = shop.subscribe(on_top, NOON)
    assert shop.spent() == 6_666_667 + 1_333_333 + 6 * MICRO  # 20 of 30 days, with their part of 2.00
    shop.until(datetime(2026, 12, 1, tzinfo=UTC))
    today = at(date(2026, 12, 20))
    with tenant(shop.paul) as paul:
        first.refresh_from_db()
        seen = preview_change(paul, first, ChangeData(product_id=within.pk), now=today)
        change_product(paul, first, ChangeData(product_id=within.pk), now=today)
    charges = list(FeeCharge.objects.order_by("pk").values_list("amount_micro", "tax_micro", "is_tax_inclusive"))
    # 12 of 31 days: of 10.00 and 2.00 come back; of 40.00, which are 33.057851 and 21 % of it, are due
    net, tax = 33_057_851 - (33_057_851 * 19 * 2 + 31) // 62, 6_942_149 - (6_942_149 * 19 * 2 + 31) // 62
    assert charges == [
        (8 * MICRO, 1_333_333, False), (6 * MICRO, MICRO, False), (12 * MICRO, 2 * MICRO, False),
        (-3_870_968 - 774_194, -774_194, False), (net + tax, tax, True),
    ]  # fmt: skip
    assert (seen.now_micro, seen.now_tax_micro) == (net + tax - 4_645_162, tax - 774_194)
    assert (seen.following_micro, seen.following_tax_micro) == (40 * MICRO, 6_942_149)
    assert shop.spent() == 26 * MICRO + net + tax - 4_645_162
    assert shop.texts()[0] == (
        "On top: Fee 0, 1 × 10.00 EUR, 11 Nov 2026 to 30 Nov 2026; 6.666667 EUR net, VAT 20 %: 1.333333 EUR", -8 * MICRO
    )  # fmt: skip
    assert FeeCharge.objects.latest("pk").taxes == [{"name": "VAT", "percent": "21"}]


def test_what_ends_early_gives_its_days_back_and_takes_its_add_ons_along(cast: Cast) -> None:
    shop = Shop(cast)
    plan = shop.product("Plan", {"amount_micro": 30 * MICRO}, {"amount_micro": 120 * MICRO, "interval": Interval.YEAR})
    extra = shop.product("Extra", {"amount_micro": 3 * MICRO, "is_prorated": False}, kind=ProductKind.ADD_ON)
    start = at(date(2026, 1, 31))
    with pytest.raises(Exception, match="needs a plan"):
        shop.subscribe(extra, start)
    taken = shop.subscribe(plan, start)
    assert shop.spent() == 150 * MICRO
    added = shop.subscribe(extra, at(date(2026, 2, 14)))
    assert (added.period_on, added.period_until) == (date(2026, 1, 31), date(2026, 2, 28))  # as the plan's
    shop.until(at(date(2026, 2, 28)))
    assert shop.spent() == (150 + 3 + 30 + 3) * MICRO
    assert Subscription.objects.get(pk=taken.pk).period_until == date(2026, 3, 31)
    with tenant(shop.paul) as paul:
        cancel_subscription(paul, taken, CancelData(), now=at(date(2026, 3, 2)))
        keep_subscription(paul, taken)
        cancel_subscription(paul, taken, CancelData(at_once=True), now=at(date(2026, 3, 9)))
    # of 30.00 for 28 February to 30 March the 21 days from the 10th on; of 120.00 for the year those from then on
    month, year = 30 * MICRO - (10 * 30 * MICRO * 2 + 31) // 62, 120 * MICRO - (38 * 120 * MICRO * 2 + 365) // 730
    assert shop.spent() == 186 * MICRO - month - year
    assert shop.until(at(date(2026, 6, 1))) == ["ended", "ended"]


def test_fees_are_charged_for_what_is_there_and_packages_given_to_each_user(cast: Cast) -> None:
    shop = Shop(cast)
    plan = shop.product("Seats", {"amount_micro": 7 * MICRO, "per": Per.USER})
    with tenant(shop.paul) as paul:
        own = PackageData(product_id=plan.pk, name="Own", included=60, is_per_user=True, rollover_periods=2)
        add_package(paul, own)
        add_package(paul, PackageData(product_id=plan.pk, name="Texts", included=50, unit=Unit.MESSAGE))
    shop.subscribe(plan, NOON)
    assert shop.users > 0 and shop.spent() == shop.users * 7 * MICRO
    mine = Allowance.objects.filter(name="Own")
    assert mine.count() == shop.users and {row.granted for row in mine} == {3_600}
    assert {row.ends_at for row in mine} == {datetime(2027, 2, 11, tzinfo=UTC)}  # two periods more than its own
    assert Allowance.objects.get(name="Texts").granted == 50
    with tenant(shop.paul) as paul:
        create_user(paul, UserData(customer_id=shop.acme.pk, name="Newcomer"))
    with tenant(system_actor()) as actor:
        User.objects.filter(name="Newcomer").update(created_at=at(date(2026, 12, 1)))
        assert [give_to_newcomers(actor, now=at(date(2026, 12, 1), 13)) for _ in range(2)] == [1, 0]
    assert Allowance.objects.get(user__name="Newcomer").granted == 20 * 60  # ten of thirty days
    assert shop.until(at(date(2026, 12, 10))) == ["active"] and shop.spent() == shop.users * 7 * MICRO
    shop.until(at(date(2026, 12, 11)))
    assert shop.spent() == (2 * shop.users + 1) * 7 * MICRO
    assert mine.all().count() == 2 * shop.users + 2
    row = mine.first()
    assert row is not None
    for wrong in ({"used": 3_601}, {"reserved": -1}, {"used": 1_800, "reserved": 1_801}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Allowance.objects.filter(pk=row.pk).update(**wrong)


def test_without_money_nothing_is_given_and_only_the_days_after_payment_are_paid(cast: Cast) -> None:
    shop = Shop(cast, money=12)
    with tenant(shop.paul) as paul:
        account = Account.objects.get(customer=shop.acme)
        set_credit_limit(paul, account, LimitData(credit_limit_micro=0))
        missing = 12 * MICRO - Account.objects.get(pk=account.pk).balance_micro
        assert missing <= 0
        dear = shop.product("Dear", {"amount_micro": shop.start + 1})
        with pytest.raises(MoneyShort):
            shop.subscribe(dear, NOON)
        assert not Subscription.objects.exists() and not FeeCharge.objects.exists()
    whole = shop.start - MICRO
    plan = shop.product("Plan", {"amount_micro": whole}, included=31)
    shop.subscribe(plan, NOON)
    assert shop.until(at(date(2026, 12, 11), 0)) == ["unpaid"]
    assert Allowance.objects.count() == 1 and shop.spent() == whole
    assert shop.until(at(date(2026, 12, 20))) == ["unpaid"]
    with tenant(shop.paul) as paul:
        top_up_customer(paul, shop.acme, TopUpData(amount_micro=500 * MICRO, idempotency_key="more"))
        shop.start += 500 * MICRO
    assert shop.until(at(date(2026, 12, 21))) == ["active"]
    paid = whole - (10 * whole * 2 + 31) // 62  # 11 to 20 December are not charged
    assert shop.spent() == whole + paid
    assert Allowance.objects.order_by("pk").last().granted == 21 * 60  # type: ignore[union-attr]
    with tenant(shop.paul) as paul:
        taken = Subscription.objects.get()
        Fee.objects.update(amount_micro=5000 * MICRO)
    assert shop.until(at(date(2027, 3, 5))) == ["unpaid"]
    assert shop.until(at(date(2027, 5, 5))) == ["ended"]  # sixty days
    with tenant(shop.paul) as paul:
        taken.refresh_from_db()
        with pytest.raises(Exception, match="neither tried nor unpaid"):
            pay_now(paul, taken)
        Customer.objects.filter(pk=shop.acme.pk).update(charging=Charging.POSTPAID)
    shop.subscribe(plan, at(date(2027, 6, 1)))
    assert shop.left() < 0  # who pays later is always charged


def test_a_trial_costs_nothing_ends_by_itself_and_comes_once(cast: Cast) -> None:
    shop = Shop(cast)
    limits = {"trial_max_channels": 2, "trial_max_call_s": 600, "trial_max_spend_micro": 3 * MICRO}
    classes = (DestinationKind.PREMIUM,)
    tried = shop.product("Tried", {"amount_micro": 9 * MICRO}, included=300, trial_days=10, **limits,
                         trial_allowed_classes=classes)  # fmt: skip
    assert shop.limits() == (None, (), 14_400, None)
    trial = shop.subscribe(tried, NOON, is_trial=True)
    assert shop.limits() == (2, ("premium",), 600, 3 * MICRO)
    assert (trial.state, trial.trial_until) == ("trial", datetime(2026, 11, 21, tzinfo=UTC))
    assert Allowance.objects.get().granted == 100 * 60  # ten of thirty days
    assert shop.until(datetime(2026, 11, 20, 23, 59, tzinfo=UTC)) == ["trial"]
    assert shop.until(datetime(2026, 11, 21, tzinfo=UTC)) == ["ended"]
    assert shop.spent() == 0 and shop.limits() == (None, (), 14_400, None)
    with pytest.raises(NotOnSale):
        shop.subscribe(tried, NOON + timedelta(days=30), is_trial=True)
    going = shop.product("Going on", {"amount_micro": 9 * MICRO}, trial_days=10, trial_goes_on=True)
    shop.subscribe(going, at(date(2026, 12, 1)), is_trial=True)
    assert shop.until(at(date(2026, 12, 12))) == ["ended", "ended", "active"]
    assert shop.spent() == 9 * MICRO
    assert Subscription.objects.get(state="active").period_until == date(2027, 1, 11)


def test_what_contradicts_is_told_and_written_down_when_it_is_wanted(cast: Cast) -> None:
    shop = Shop(cast)
    plan = shop.product("Plan", period=Period.YEAR)
    shop.subscribe(plan, NOON)
    one, other, higher = (
        shop.product(name, kind=ProductKind.ADD_ON, precedence=precedence)
        for name, precedence in (("Evening", 100), ("Weekend", 100), ("Night", 200))
    )
    with tenant(shop.paul) as paul:
        group = DestinationGroup.objects.create(partner_id=paul.partner_id or 0, name="Landlines")
        foreign = DestinationGroup.objects.create(partner_id=cast.fjord.pk, name="Theirs")
        for product, blocks in ((one, True), (other, False), (higher, False)):
            package = PackageData(product_id=product.pk, name="P", included=5, blocks=blocks, group_id=group.pk)
            add_package(paul, package)
        with pytest.raises(InvalidInput):
            add_package(paul, PackageData(product_id=one.pk, name="Q", included=5, group_id=foreign.pk))
        add_package(paul, PackageData(product_id=one.pk, name="Q", included=5, blocks=False))  # for all numbers
    shop.subscribe(one, NOON)
    shop.subscribe(higher, NOON)
    with pytest.raises(ConflictsUnconfirmed, match="Evening"):
        shop.subscribe(other, NOON)
    made = shop.subscribe(other, NOON, confirms_conflicts=True)
    assert set(Allowance.objects.filter(name="P").values_list("group_id", flat=True)) == {group.pk}
    assert len(made.conflicts) == 1 and "Weekend and Evening" in made.conflicts[0]
    with tenant(shop.paul) as paul:
        with pytest.raises(Exception, match="plan already"):
            subscribe(paul, SubscribeData(customer_id=shop.acme.pk, product_id=plan.pk), now=NOON)
        cancel_subscription(paul, made, CancelData(at_once=True), now=NOON)
        with pytest.raises(Exception, match="active subscription"):
            change_product(paul, made, ChangeData(product_id=one.pk, when=When.NOW), now=NOON)


def test_calls_are_priced_by_the_lists_that_plan_and_add_ons_bring(cast: Cast) -> None:
    shop = Shop(cast)
    with tenant(shop.paul) as paul:
        shelf, dear, cheap, own = (
            create_price_list(paul, PriceListData(name=name, currency="EUR")).pk
            for name in ("Shelf", "Dear", "Cheap", "Own")
        )
        assign_price_list(paul, AssignmentData(price_list_id=shelf, web_product_id=cast.business.pk))
    plan = shop.product("Plan", price_list_id=dear)
    extra = shop.product("Extra", price_list_id=cheap, kind=ProductKind.ADD_ON)
    assert shop.lists() == [shelf]
    shop.subscribe(plan, NOON)
    added = shop.subscribe(extra, NOON)
    assert shop.lists() == [cheap, dear, shelf]
    with tenant(shop.paul) as paul:
        assigned = assign_price_list(paul, AssignmentData(price_list_id=own, customer_id=shop.acme.pk))
        assert shop.lists()[-1] == own
        unassign_price_list(paul, assigned)
        cancel_subscription(paul, added, CancelData(at_once=True), now=NOON)
    assert shop.lists() == [dear, shelf]
