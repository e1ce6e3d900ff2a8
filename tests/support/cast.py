"""Fixture: the cast of the project's examples (docs), made by the same actions that the portal runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import override_settings

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.brands.actions import WebProductData, create_web_product
from carillon.business.brands.choices import WebProductKind
from carillon.business.brands.models import WebProduct
from carillon.business.customers.actions import CustomerData, UserData, create_user
from carillon.business.customers.choices import Charging, CustomerKind, UserRole
from carillon.business.customers.models import Customer, User
from carillon.business.partners.actions import PartnerData, StaffData, create_operator, create_staff
from carillon.business.partners.choices import Role
from carillon.business.partners.models import Login, Partner
from carillon.business.partners.queries import signed_in_actor, system_actor
from carillon.usecases.give_login import LoginData, give_login
from carillon.usecases.open_customer import open_customer
from carillon.usecases.open_partner import open_partner
from tests.support.worlds import remembered

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody and what they have. Every login's password is PASSWORD."""

    operator: Partner  # Olga's, portal.localhost
    northwind: Partner  # Paul's
    fjord: Partner  # Petra's, below northwind
    elsewhere: Partner  # the stranger's, beside northwind
    business: WebProduct  # northwind.localhost
    residential: WebProduct  # hello.localhost
    fjord_voice: WebProduct  # fjord.localhost
    elsewhere_voice: WebProduct  # elsewhere.localhost
    acme: Customer  # Carla's, prepaid, of northwind
    dan: Customer  # postpaid, of northwind
    fjord_customer: Customer
    charlie: Customer  # of elsewhere
    alice: User  # 101 at acme, administrator
    bob: User  # 102 at acme
    fjord_user: User  # 101 at fjord_customer
    stranger: User  # at charlie

    def staff(self, name: str) -> Actor:
        """Return the actor of olga, paul, petra or elsewhere's administrator ("stranger"), whatever role Django has."""
        with tenant(system_actor()):
            return signed_in_actor(Login.objects.get(key=f"0:{EMAILS[name]}"))

    def user(self, user: User) -> Actor:
        """Return the actor of a customer's user who signs in (alice, the stranger)."""
        with tenant(system_actor()):
            assert user.login is not None
            return signed_in_actor(user.login)


EMAILS = {
    "olga": "olga@level.test",
    "paul": "paul@northwind.test",
    "petra": "petra@fjord.test",
    "stranger": "staff@elsewhere.test",
}


@pytest.fixture
def cast(db: None) -> Iterator[Cast]:
    """Make the cast. Works with and without `transaction=True`. Passwords are hashed fast, which only tests may do."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield remembered("cast", make_cast)


def make_cast() -> Cast:
    """Make the cast in an empty database, as the system."""
    with tenant(system_actor()) as nobody_yet:
        operator = create_operator(nobody_yet, _partner("Level Platform", portal_hostname="portal.localhost"))
    with tenant(system_actor()) as actor:
        northwind = open_partner(actor, _partner("Northwind Telecom"))
        elsewhere = open_partner(actor, _partner("Elsewhere Telecom"))
    with tenant(system_actor()) as actor:
        fjord = open_partner(actor, _partner("Fjord Voice", parent_id=northwind.pk))
    with tenant(system_actor()) as actor:
        for name, partner in zip(EMAILS, (operator, northwind, fjord, elsewhere), strict=True):
            create_staff(actor, _staff(name, partner))
        return _sellers(actor, operator, northwind, fjord, elsewhere)


def _sellers(actor: Actor, operator: Partner, northwind: Partner, fjord: Partner, elsewhere: Partner) -> Cast:
    business = _product(actor, northwind, "Northwind Business", "northwind")
    residential = _product(actor, northwind, "Hello", "hello", WebProductKind.RESIDENTIAL)
    fjord_voice = _product(actor, fjord, "Fjord Voice", "fjord")
    elsewhere_voice = _product(actor, elsewhere, "Elsewhere Voice", "elsewhere")
    acme = open_customer(actor, CustomerData(web_product_id=business.pk, name="Acme Ltd", email="carla@acme.test"))
    dan = open_customer(actor, _individual(residential, "Dan"))
    fjord_customer = open_customer(actor, CustomerData(web_product_id=fjord_voice.pk, name="Bryggen AS"))
    charlie = open_customer(actor, CustomerData(web_product_id=elsewhere_voice.pk, name="Charlie"))
    alice = create_user(actor, _user(acme, "Alice", "101", UserRole.ADMINISTRATOR))
    bob = create_user(actor, _user(acme, "Bob", "102"))
    fjord_user = create_user(actor, _user(fjord_customer, "Bryggen", "101"))
    stranger = create_user(actor, _user(charlie, "Charlie", "101", UserRole.ADMINISTRATOR))
    return Cast(
        operator=operator,
        northwind=northwind,
        fjord=fjord,
        elsewhere=elsewhere,
        business=business,
        residential=residential,
        fjord_voice=fjord_voice,
        elsewhere_voice=elsewhere_voice,
        acme=acme,
        dan=dan,
        fjord_customer=fjord_customer,
        charlie=charlie,
        alice=give_login(actor, alice, LoginData(email="alice@acme.test", password=PASSWORD)),
        bob=bob,
        fjord_user=fjord_user,
        stranger=give_login(actor, stranger, LoginData(email="charlie@charlie.test", password=PASSWORD)),
    )


def _partner(name: str, *, parent_id: int | None = None, portal_hostname: str = "") -> PartnerData:
    return PartnerData(
        name=name, country="GB", currency="EUR", parent_id=parent_id, portal_hostname=portal_hostname, timezone="UTC"
    )


def _staff(name: str, partner: Partner) -> StaffData:
    return StaffData(
        email=EMAILS[name], name=name.title(), role=Role.ADMINISTRATOR, password=PASSWORD, partner_id=partner.pk
    )


def _product(
    actor: Actor, partner: Partner, name: str, label: str, kind: WebProductKind = WebProductKind.BUSINESS
) -> WebProduct:
    data = WebProductData(
        name=name,
        kind=kind,
        hostname=f"{label}.localhost",
        sip_domain=f"{label}.test",
        country="GB",
        currencies=("EUR", "GBP"),
        partner_id=partner.pk,
    )
    return create_web_product(actor, data)


def _individual(product: WebProduct, name: str) -> CustomerData:
    return CustomerData(web_product_id=product.pk, name=name, kind=CustomerKind.INDIVIDUAL, charging=Charging.POSTPAID)


def _user(customer: Customer, name: str, extension: str, role: UserRole = UserRole.USER) -> UserData:
    return UserData(customer_id=customer.pk, name=name, extension=extension, role=role)
