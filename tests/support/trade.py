"""A small tree for tests of the contexts: operator, Northwind with Fjord below it, and Harbour, the stranger.

def test_something(trade: Trade) -> None:
    with tenant(trade.northwind.actor) as paul:
        add_number(paul, ...)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.brands.actions import WebProductData, create_web_product
from carillon.business.brands.choices import Kind
from carillon.business.brands.models import WebProduct
from carillon.business.customers.actions import CustomerData, UserData, create_customer, create_user
from carillon.business.customers.models import Customer, User
from carillon.business.partners.actions import PartnerData, create_operator, create_partner
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import subtree, system_actor


@dataclass(frozen=True, slots=True)
class Shop:
    """One partner with its administrator, a web product, a customer and a user of it."""

    partner: Partner
    actor: Actor
    product: WebProduct
    customer: Customer
    user: User


@dataclass(frozen=True, slots=True)
class Trade:
    """Who is there. `system` sees everything."""

    system: Actor
    operator: Partner
    northwind: Shop
    fjord: Shop
    harbour: Shop


def _administrator(partner: Partner) -> Actor:
    return Actor(
        name=f"administrator of {partner.name}",
        partner_id=partner.pk,
        scope=subtree(partner.pk),
        permissions=frozenset({"*"}),
    )


def _shop(system: Actor, parent: Partner, name: str) -> Shop:
    label = name.split()[0].lower()
    partner = create_partner(system, PartnerData(name=name, country="GB", currency="EUR", parent_id=parent.pk))
    with tenant(system_actor()) as system:
        product = create_web_product(
            system,
            WebProductData(
                name=name,
                kind=Kind.BUSINESS,
                hostname=f"{label}.localhost",
                sip_domain=f"{label}.test",
                country="GB",
                currencies=("EUR",),
                partner_id=partner.pk,
            ),
        )
        customer = create_customer(system, CustomerData(web_product_id=product.pk, name=f"{name}'s customer"))
        user = create_user(system, UserData(customer_id=customer.pk, name=f"{name}'s user", extension="101"))
    return Shop(partner, _administrator(partner), product, customer, user)


@pytest.fixture
def trade(db: None) -> Iterator[Trade]:
    """The tree, seen by the system: tests open `tenant(...)` for anybody else."""
    with tenant(system_actor()):
        operator = create_operator(system_actor(), PartnerData(name="Level Platform", country="GB", currency="EUR"))
    with tenant(system_actor()) as system:
        northwind = _shop(system, operator, "Northwind Telecom")
    with tenant(system_actor()) as system:
        fjord = _shop(system, northwind.partner, "Fjord Voice")
        harbour = _shop(system, operator, "Harbour Telecom")
    northwind = replace(northwind, actor=_administrator(northwind.partner))  # signs in after the tree has grown
    yield Trade(system_actor(), operator, northwind, fjord, harbour)
