from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.cast import Cast

from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.base.tenancy import tenant
from carillon.business.brands.actions import (
    ReasonData,
    WebProductData,
    close_web_product,
    create_web_product,
    remove_web_product,
    reopen_web_product,
    update_web_product,
)
from carillon.business.brands.choices import WebProductKind
from carillon.business.brands.models import WebProduct
from carillon.business.brands.queries import web_products_of
from carillon.business.partners.queries import host

DATA = WebProductData(
    name="Harbour",
    kind=WebProductKind.BUSINESS,
    hostname="Harbour.localhost",
    sip_domain="HARBOUR.test",
    country="GB",
    currencies=("EUR", "GBP", "EUR"),
)


def test_new_web_product_answers_on_its_hostname_for_its_partner(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        product = create_web_product(paul, DATA)
    assert (product.hostname, product.sip_domain) == ("harbour.localhost", "harbour.test")
    assert (product.currencies, product.default_currency) == (["EUR", "GBP"], "EUR")
    found = host("HARBOUR.localhost")
    assert found is not None
    assert (found.realm, found.partner_id, found.web_product_id) == (cast.northwind.pk, cast.northwind.pk, product.pk)
    assert product not in web_products_of(cast.staff("petra"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hostname": "elsewhere.localhost"}, "hostname"),
        ({"hostname": "portal.localhost"}, "hostname"),
        ({"hostname": "https://x.test/"}, "hostname"),
        ({"hostname": "192.0.2.1"}, "hostname"),
        ({"hostname": "-a.test"}, "hostname"),
        ({"hostname": "a" * 64 + ".test"}, "hostname"),
        ({"sip_domain": "elsewhere.test"}, "sip_domain"),
        ({"sip_domain": "two words"}, "sip_domain"),
        ({"currencies": ()}, "default_currency"),
        ({"currencies": ("XXX",)}, "currencies"),
        ({"default_currency": "USD"}, "default_currency"),
        ({"default_culture": "es"}, "default_culture"),
        ({"country": "gb"}, "country"),
        ({"kind": "fax"}, "kind"),
        ({"name": ""}, "name"),
        ({"name": "Northwind Business"}, "name"),
        ({"name": "x" * 101}, "name"),
    ],
)
def test_wrong_values_are_named_and_nothing_is_saved(cast: Cast, change: dict[str, object], field: str) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_web_product(paul, replace(DATA, **change))  # type: ignore[arg-type]
    assert field in refusal.value.fields
    assert "Elsewhere" not in str(refusal.value.fields)
    assert WebProduct.objects.count() == 4


def test_partner_creates_for_its_sub_partner_but_not_for_a_stranger(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        assert create_web_product(paul, replace(DATA, partner_id=cast.fjord.pk)).partner_id == cast.fjord.pk
        with pytest.raises(InvalidInput):
            create_web_product(paul, replace(DATA, partner_id=cast.elsewhere.pk))


def test_sip_domain_stays_in_a_plain_update(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        update_web_product(paul, cast.business, DATA)
    assert set(refusal.value.fields) == {"sip_domain"}


def test_update_changes_what_is_said(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        product = update_web_product(paul, cast.business, replace(DATA, sip_domain="northwind.test", cultures=("es",)))
    assert (product.name, product.default_culture) == ("Harbour", "es")


def test_closed_web_product_answers_no_longer_and_keeps_its_names(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        closed = close_web_product(paul, cast.residential, ReasonData(reason="sold"))
        assert host("hello.localhost") is None
        with pytest.raises(Conflict):
            close_web_product(paul, closed, ReasonData(reason="again"))
        with pytest.raises(InvalidInput):
            create_web_product(paul, replace(DATA, hostname="hello.localhost"))
        reopen_web_product(paul, closed)
    assert host("hello.localhost") is not None


def test_web_product_with_customers_is_not_removed(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        with pytest.raises(Conflict):
            remove_web_product(paul, cast.business)
        empty = create_web_product(paul, DATA)
        remove_web_product(paul, empty)
    assert not WebProduct.objects.filter(name="Harbour").exists()
    assert WebProduct.objects.filter(pk=cast.business.pk).exists()


def test_stranger_and_sub_partner_reach_nothing(cast: Cast) -> None:
    for name in ("petra", "stranger"):
        actor = cast.staff(name)
        with tenant(actor), pytest.raises(NotFound):
            update_web_product(actor, cast.business, DATA)


def test_sales_may_not_change_web_products(cast: Cast) -> None:
    with pytest.raises(NotPermitted):
        create_web_product(cast.user(cast.alice), DATA)
