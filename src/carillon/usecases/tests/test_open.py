from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.cast import Cast

from carillon.base.errors import InvalidInput, NotPermitted
from carillon.base.secrets import decrypt, ha1_md5
from carillon.base.tenancy import tenant
from carillon.business.billing.choices import AccountKind
from carillon.business.billing.models import Account
from carillon.business.brands.actions import WebProductData
from carillon.business.brands.choices import WebProductKind
from carillon.business.brands.models import WebProduct
from carillon.business.customers.actions import CustomerData
from carillon.business.customers.models import Customer
from carillon.business.endpoints.actions import EndpointData, create_endpoint
from carillon.business.endpoints.models import Endpoint
from carillon.business.partners.actions import PartnerData
from carillon.usecases.open_customer import open_customer
from carillon.usecases.open_partner import open_partner
from carillon.usecases.rename_sip_domain import update_web_product

NORTHWIND = WebProductData(
    name="Northwind Business",
    kind=WebProductKind.BUSINESS,
    hostname="northwind.localhost",
    sip_domain="northwind.test",
    country="GB",
    currencies=("EUR", "GBP"),
)


def test_customer_comes_with_an_account_in_its_currency(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        customer = open_customer(paul, CustomerData(web_product_id=cast.business.pk, name="Quay", currency="GBP"))
    account = Account.objects.get(customer=customer)
    assert (account.kind, account.currency, account.balance_micro) == (AccountKind.CUSTOMER, "GBP", 0)


def test_wrong_customer_leaves_neither_customer_nor_account(cast: Cast) -> None:
    paul = cast.staff("paul")
    before = Account.objects.count()
    with tenant(paul), pytest.raises(InvalidInput):
        open_customer(paul, CustomerData(web_product_id=cast.business.pk, name="Quay", currency="JPY"))
    assert (Customer.objects.filter(name="Quay").count(), Account.objects.count()) == (0, before)


def test_sub_partner_has_an_account_in_its_parents_books(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        harbour = open_partner(paul, PartnerData(name="Harbour", country="NO", currency="EUR"))
    account = Account.objects.get(buyer_partner=harbour)
    assert (account.partner_id, account.kind) == (cast.northwind.pk, AccountKind.PARTNER)


def test_new_sip_domain_changes_the_hashes_and_keeps_the_passwords(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        made = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk, user_id=cast.alice.pk, username="alice"))
        secret = decrypt(made.secret)
        product = update_web_product(
            paul, cast.business, replace(NORTHWIND, name="NW", sip_domain="SIP.northwind.test")
        )
    after = Endpoint.objects.get(pk=made.pk)
    assert (product.name, product.sip_domain) == ("NW", "sip.northwind.test")
    assert decrypt(after.secret) == secret
    assert after.ha1_md5 == ha1_md5("alice", "sip.northwind.test", secret) != made.ha1_md5


def test_taken_sip_domain_changes_nothing(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        update_web_product(paul, cast.business, replace(NORTHWIND, name="NW", sip_domain="elsewhere.test"))
    assert set(refusal.value.fields) == {"sip_domain"}
    assert WebProduct.objects.get(pk=cast.business.pk).name == "Northwind Business"


def test_later_fault_takes_the_new_domain_back(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput):
        update_web_product(paul, cast.business, replace(NORTHWIND, country="XX", sip_domain="new.northwind.test"))
    assert WebProduct.objects.get(pk=cast.business.pk).sip_domain == "northwind.test"


def test_who_may_not_change_endpoints_may_not_rename(cast: Cast) -> None:
    paul = replace(cast.staff("paul"), permissions=frozenset({"web_products.*"}))
    with tenant(paul), pytest.raises(NotPermitted):
        update_web_product(paul, cast.business, replace(NORTHWIND, sip_domain="new.northwind.test"))
    assert WebProduct.objects.get(pk=cast.business.pk).sip_domain == "northwind.test"
