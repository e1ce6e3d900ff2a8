"""Call time that customers have included, and plans that they try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from carillon.base.tenancy import tenant
from carillon.business.catalogue.models import Allowance, Product, Subscription
from carillon.business.customers.models import Customer
from carillon.demo.cast.load import actor_of
from tests.support.books import Books

DAY = timedelta(days=1)


def call_time(customer: Customer, seconds: int, since: datetime, until: datetime, **values: Any) -> Allowance:
    """An allowance in intervals of a second, unless `values` say others, of a package without a fee."""
    own: dict[str, Any] = {"partner_id": customer.partner_id}
    product, _ = Product.objects.get_or_create(name="Minutes", currency=customer.currency, **own)
    subscription = _taken(customer, product, kind="add_on", state="active")
    usual = {"name": product.name, "initial_s": 1, "increment_s": 1}
    return Allowance.objects.create(
        customer=customer, subscription=subscription, unit="second", granted=seconds,
        period_on=subscription.period_on, starts_at=since, ends_at=until, **usual | values | own,
    )  # fmt: skip


def trial_of(customer: Customer, **limits: Any) -> Subscription:
    """The customer tries a plan with these limits."""
    product = Product.objects.create(
        name="Tried", currency=customer.currency, partner_id=customer.partner_id, trial_days=30, **limits
    )
    return _taken(customer, product, kind="plan", state="trial")


def _taken(customer: Customer, product: Product, **values: Any) -> Subscription:
    today = datetime.now(UTC).date()
    return Subscription.objects.create(
        customer=customer, product=product, name=product.name, currency=customer.currency, starts_on=today,
        anchor_on=today, anchor_day=1, period_on=today, period_until=today + 30 * DAY, partner_id=customer.partner_id,
        **values,
    )  # fmt: skip


@contextmanager
def included(books: Books, seconds: int, **values: Any) -> Iterator[int]:
    """The id of an allowance of Acme's on the running platform that ends with the block; control knows of both."""
    now = datetime.now(UTC)
    with books.open(), tenant(actor_of("Northwind Telecom")):
        allowance = call_time(Customer.objects.get(name="Acme Ltd"), seconds, now - DAY, now + DAY, **values)
    books.wait_until_known("customer")
    try:
        yield int(allowance.pk)
    finally:
        with books.open(), tenant(actor_of("Northwind Telecom")):
            Allowance.objects.filter(pk=allowance.pk).update(ends_at=datetime.now(UTC))
        books.wait_until_known("customer")


@contextmanager
def trying(books: Books, **limits: Any) -> Iterator[None]:
    """Acme tries a plan with these limits on the running platform; control knows it inside and after."""
    with books.open(), tenant(actor_of("Northwind Telecom")):
        trial = trial_of(Customer.objects.get(name="Acme Ltd"), **limits)
    books.wait_until_known("customer")
    try:
        yield
    finally:
        with books.open(), tenant(actor_of("Northwind Telecom")):
            Subscription.objects.filter(pk=trial.pk).update(state="ended")
        books.wait_until_known("customer")
