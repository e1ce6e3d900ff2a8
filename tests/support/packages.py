"""Call time that Acme has included for a while on the running platform."""

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


@contextmanager
def included(books: Books, seconds: int, **values: Any) -> Iterator[int]:
    """The id of an allowance, in intervals of a second, that ends with the block; control knows of both."""
    now = datetime.now(UTC)
    with books.open(), tenant(actor_of("Northwind Telecom")):
        acme = Customer.objects.get(name="Acme Ltd")
        own: dict[str, Any] = {"partner_id": acme.partner_id}
        product, _ = Product.objects.get_or_create(name="A few seconds", currency=acme.currency, **own)
        subscription = Subscription.objects.create(
            customer=acme, product=product, name=product.name, kind="add_on", currency=acme.currency, state="active",
            starts_on=now.date(), anchor_on=now.date(), anchor_day=1, period_on=now.date(),
            period_until=now.date() + timedelta(days=30), **own,
        )  # fmt: skip
        allowance = Allowance.objects.create(
            customer=acme, subscription=subscription, name=product.name, unit="second", granted=seconds,
            period_on=now.date(), starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=1), initial_s=1,
            increment_s=1, **own, **values,
        )  # fmt: skip
    books.wait_until_known("customer")
    try:
        yield int(allowance.pk)
    finally:
        with books.open(), tenant(actor_of("Northwind Telecom")):
            Allowance.objects.filter(pk=allowance.pk).update(ends_at=datetime.now(UTC))
        books.wait_until_known("customer")
