"""What Northwind sells beside calls: two plans and an add-on; and Acme's subscriptions, partly used."""

from __future__ import annotations

from collections import Counter

from carillon.base.actor import Actor
from carillon.business.billing.actions import TopUpData, top_up_customer
from carillon.business.catalogue.actions import (
    FeeData,
    PackageData,
    ProductData,
    add_fee,
    add_package,
    create_product,
    put_on_sale,
)
from carillon.business.catalogue.choices import Interval, Per, ProductKind, Unit
from carillon.business.catalogue.models import Allowance, Product, Subscription
from carillon.business.customers.models import Customer
from carillon.demo.cast.owner import own_partner
from carillon.demo.cast.tariffs import LANDLINES, MOBILES, groups
from carillon.demo.world import CURRENCY, micro
from carillon.usecases.subscribe import SubscribeData, subscribe

PLANS = (
    ("Office 300", "9.90", LANDLINES, 300, 14),
    ("Office 1000", "24.90", LANDLINES, 1_000, 0),
)
ADD_ON = "Mobile 100"
PARTLY = {LANDLINES: (37, 100), MOBILES: (82, 100), "Text messages": (12, 50)}  # used, of how much


def load_plans(actor: Actor, made: Counter[str]) -> None:
    """The plans, on sale; nobody has one yet."""
    if Product.objects.visible_to(actor).filter(partner_id=own_partner(actor), name=ADD_ON).exists():
        return
    destinations = groups(actor)
    for name, monthly, package, minutes, trial_days in PLANS:
        data = ProductData(
            name=name, currency=CURRENCY, trial_days=trial_days, trial_max_channels=2 if trial_days else None
        )
        plan = create_product(actor, data)
        fee = FeeData(product_id=plan.pk, name="Monthly fee", amount_micro=micro(monthly))
        add_fee(actor, fee)
        seat = FeeData(product_id=plan.pk, name="Extra device", amount_micro=micro("1.50"), per=Per.DEVICE)
        add_fee(actor, seat)
        landlines = PackageData(
            product_id=plan.pk, name=package, included=minutes, rollover_periods=1, group_id=destinations[package]
        )
        add_package(actor, landlines)
        put_on_sale(actor, plan)
    add_on = create_product(actor, ProductData(name=ADD_ON, currency=CURRENCY, kind=ProductKind.ADD_ON))
    monthly_fee = FeeData(product_id=add_on.pk, name="Monthly fee", amount_micro=micro("4.50"))
    add_fee(actor, monthly_fee)
    start = FeeData(product_id=add_on.pk, name="Activation", amount_micro=micro("2"), interval=Interval.ONCE)
    add_fee(actor, start)
    mobiles = PackageData(
        product_id=add_on.pk, name=MOBILES, included=100, increment_s=1, group_id=destinations[MOBILES]
    )
    add_package(actor, mobiles)
    texts = PackageData(product_id=add_on.pk, name="Text messages", included=50, unit=Unit.MESSAGE)
    add_package(actor, texts)
    put_on_sale(actor, add_on)
    made["plans"] += len(PLANS) + 1


def subscribe_acme(actor: Actor, made: Counter[str]) -> None:
    """Acme has the large plan and the add-on, and has used a part of what they include."""
    acme = Customer.objects.visible_to(actor).get(partner_id=own_partner(actor), name="Acme Ltd")
    if Subscription.objects.visible_to(actor).filter(customer=acme).exists():
        return
    paid = TopUpData(amount_micro=micro("50"), idempotency_key="demo plans", reference="For the new plan")
    top_up_customer(actor, acme, paid)
    for name in (PLANS[-1][0], ADD_ON):
        product = Product.objects.visible_to(actor).get(partner_id=acme.partner_id, name=name)
        subscribe(actor, SubscribeData(customer_id=acme.pk, product_id=product.pk))
        made["subscriptions"] += 1
    for row in Allowance.objects.visible_to(actor).filter(customer=acme):
        used, of = PARTLY[row.name]
        Allowance.objects.filter(pk=row.pk).update(used=row.granted * used // of)
