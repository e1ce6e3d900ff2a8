"""Call time that customers have included."""

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
    today = datetime.now(UTC).date()
    own: dict[str, Any] = {"partner_id": customer.partner_id}
    product, _ = Product.objects.get_or_create(name="Minutes", currency=customer.currency, **own)
    subscription = Subscription.objects.create(
        customer=customer, product=product, name=product.name, kind="add_on", currency=customer.currency,
        state="active", starts_on=today, anchor_on=today, anchor_day=1, period_on=today, period_until=today + 30 * DAY,
        **own,
    )  # fmt: skip
    usual = {"name": product.name, "initial_s": 1, "increment_s": 1}
    return Allowance.objects.create(
        customer=customer, subscription=subscription, unit="second", granted=seconds, period_on=today, starts_at=since,
        ends_at=until, **usual | values | own,
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
