from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.cast import Cast

from carillon.base.errors import InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.brands.actions import ReasonData, close_web_product
from carillon.business.customers.actions import (
    CustomerData,
    UserData,
    create_customer,
    create_user,
    set_customer_status,
    update_customer,
    update_user,
)
from carillon.business.customers.choices import Charging
from carillon.business.customers.models import Customer
from carillon.business.customers.queries import customers_of, users_of
from carillon.business.partners.choices import Status
from carillon.business.partners.statuses import StatusData


def data_for(cast: Cast, **changes: object) -> CustomerData:
    return replace(CustomerData(web_product_id=cast.business.pk, name="Harbour Ltd"), **changes)  # type: ignore[arg-type]


def test_new_customer_takes_country_and_currency_from_the_web_product(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        customer = create_customer(paul, data_for(cast))
    assert (customer.country, customer.currency, customer.culture) == ("GB", "EUR", "en")
    assert (customer.partner_id, customer.charging) == (cast.northwind.pk, Charging.PREPAID)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": "USD"}, "currency"),
        ({"country": "ZZ"}, "country"),
        ({"timezone": "Europe/Atlantis"}, "timezone"),
        ({"culture": "klingon"}, "culture"),
        ({"max_channels": 0}, "max_channels"),
        ({"max_channels": -1}, "max_channels"),
        ({"calls_per_s": 0}, "calls_per_s"),
        ({"calls_per_s": 1001}, "calls_per_s"),
        ({"calls_per_s": 2, "call_burst": 0}, "call_burst"),
        ({"call_burst": 2}, "call_burst"),
        ({"max_call_minutes": 0}, "max_call_minutes"),
        ({"max_call_minutes": 1441}, "max_call_minutes"),
        ({"email": "no address"}, "email"),
        ({"name": ""}, "name"),
        ({"charging": "free"}, "charging"),
        ({"web_product_id": 0}, "web_product_id"),
    ],
)
def test_wrong_values_are_named_and_nothing_is_saved(cast: Cast, change: dict[str, object], field: str) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_customer(paul, data_for(cast, **change))
    assert field in refusal.value.fields
    assert not Customer.objects.filter(name="Harbour Ltd").exists()


def test_strangers_web_product_looks_like_none(cast: Cast) -> None:
    stranger = cast.staff("stranger")
    with tenant(stranger), pytest.raises(InvalidInput) as refusal:
        create_customer(stranger, data_for(cast))
    assert set(refusal.value.fields) == {"web_product_id"}


def test_closed_web_product_takes_no_customers(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        close_web_product(paul, cast.business, ReasonData(reason="sold"))
        with pytest.raises(InvalidInput):
            create_customer(paul, data_for(cast))


def test_web_product_and_currency_stay(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        update_customer(paul, cast.acme, data_for(cast, web_product_id=cast.residential.pk, currency="GBP"))
    assert set(refusal.value.fields) == {"web_product_id", "currency"}


def test_update_keeps_what_is_left_empty(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        customer = update_customer(paul, cast.acme, data_for(cast, name="Acme plc", max_channels=4))
    assert (customer.name, customer.max_channels, customer.country) == ("Acme plc", 4, "GB")


def test_country_whose_emergency_number_is_an_extension_is_refused(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        update_user(paul, cast.bob, UserData(customer_id=cast.acme.pk, name="Bob", extension="911"))
        with pytest.raises(InvalidInput) as refusal:
            update_customer(paul, cast.acme, data_for(cast, country="US"))
    assert set(refusal.value.fields) == {"country"}


def test_suspension_carries_its_reason_into_history(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        with pytest.raises(InvalidInput):
            set_customer_status(paul, cast.acme, StatusData(status=Status.SUSPENDED, reason=" "))
        customer = set_customer_status(paul, cast.acme, StatusData(status=Status.SUSPENDED, reason="card stolen"))
    assert (customer.status, customer.status_reason) == ("suspended", "card stolen")
    entry = AuditEntry.objects.get(action="customer.suspended")
    assert (entry.reason, entry.object_name) == ("card stolen", "Acme Ltd")


def test_who_sees_which_customers(cast: Cast) -> None:
    names = {name: set(customers_of(cast.staff(name)).values_list("name", flat=True)) for name in ("paul", "petra")}
    assert names == {"paul": {"Acme Ltd", "Dan", "Bryggen AS"}, "petra": {"Bryggen AS"}}
    assert list(customers_of(cast.user(cast.alice))) == [cast.acme]
    assert set(users_of(cast.user(cast.alice))) == {cast.alice, cast.bob}
    assert list(customers_of(cast.staff("stranger"))) == [cast.charlie]


def test_stranger_cannot_change_or_suspend(cast: Cast) -> None:
    stranger = cast.staff("stranger")
    with tenant(stranger):
        with pytest.raises(NotFound):
            update_customer(stranger, cast.acme, data_for(cast))
        with pytest.raises(NotFound):
            set_customer_status(stranger, cast.acme, StatusData(status=Status.BLOCKED, reason="x"))


def test_customers_administrator_adds_users_but_changes_no_customer(cast: Cast) -> None:
    alice = cast.user(cast.alice)
    with tenant(alice):
        user = create_user(alice, UserData(customer_id=cast.acme.pk, name="Erin", extension="103"))
        with pytest.raises(NotPermitted):
            update_customer(alice, cast.acme, data_for(cast))
        with pytest.raises(InvalidInput):
            create_user(alice, UserData(customer_id=cast.dan.pk, name="Erin"))
    assert AuditEntry.objects.get(object_id=str(user.pk), action="user.create").actor_customer_id == cast.acme.pk
