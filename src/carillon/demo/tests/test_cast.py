"""The demo world is made through the actions, once."""

from __future__ import annotations

import pytest

from carillon.base.tenancy import tenant
from carillon.business.billing.queries import accounts_of, ledger_sums
from carillon.business.customers.models import User
from carillon.business.numbers.models import Number
from carillon.business.partners.queries import system_actor
from carillon.demo.cast import sign_ins
from carillon.demo.cast.load import actor_of, load_cast
from carillon.demo.world import CAST, NORTHWIND, PASSWORD, micro

pytestmark = pytest.mark.django_db


def test_loading_makes_everybody_once() -> None:
    made = load_cast()
    assert made["partners"] == len(CAST.sellers)
    assert made["customers"] == len(CAST.buyers)
    assert not load_cast()


def test_everybody_has_the_money_the_world_says() -> None:
    load_cast()
    with tenant(system_actor()) as actor:
        rows = list(accounts_of(actor))
        sums = ledger_sums(actor)
    available = {str(row.customer or row.buyer_partner): row.balance_micro + row.credit_limit_micro for row in rows}
    for buyer in CAST.buyers:
        assert available[buyer.name] == micro(buyer.balance) + micro(buyer.credit_limit)
    for seller in CAST.sellers[1:]:
        assert available[seller.name] == micro(seller.balance)
    assert set(sums.values()) == {0}


def test_paul_sees_his_people_and_not_the_stranger() -> None:
    load_cast()
    with tenant(actor_of(NORTHWIND)) as paul:
        names = set(User.objects.visible_to(paul).values_list("name", flat=True))
        numbers = set(Number.objects.visible_to(paul).values_list("e164", flat=True))
    assert {"Alice", "Bob", "Dan", "Reception"} <= names
    assert "Charlie" not in names
    assert "+442079460101" in numbers and "+442079460401" not in numbers


def test_sign_ins_name_everybody_with_the_demo_password() -> None:
    lines = "\n".join(sign_ins(8080))
    assert PASSWORD in lines
    assert all(phone.email in lines for buyer in CAST.buyers for phone in buyer.phones)
    assert "http://portal.localhost:8080/" in lines
