"""A new customer, with the account its calls are charged to."""

from __future__ import annotations

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.billing.actions import open_customer_account
from carillon.business.customers.actions import CustomerData, create_customer
from carillon.business.customers.models import Customer


@action("customers.add")
def open_customer(actor: Actor, data: CustomerData) -> Customer:
    """Create a customer and open its account, both or neither.

    Raises:
        InvalidInput: a value is wrong.
    """
    customer = create_customer(actor, data)
    open_customer_account(actor, customer)
    return customer
