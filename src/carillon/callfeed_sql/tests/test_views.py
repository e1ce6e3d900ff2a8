"""callfeed's views against the types that read them, and what control's role can see at all."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, get_type_hints

import psycopg
import pytest
from django.db import connection
from tests.support.cast import Cast
from tests.support.market import document, make_market, rows

from carillon.base.choices import Transport
from carillon.base.tenancy import tenant
from carillon.business.brands.models import WebProduct
from carillon.business.customers.actions import CustomerData, update_customer
from carillon.business.customers.models import Customer as CustomerRow
from carillon.business.customers.models import User as UserRow
from carillon.business.endpoints.actions import EndpointData, create_endpoint, disable_endpoint
from carillon.business.endpoints.models import Endpoint
from carillon.business.numbers.actions import NumberAssignment, NumberData, add_number, assign_number, update_number
from carillon.business.numbers.choices import NumberKind
from carillon.business.numbers.models import Number
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import PriceListData, create_price_list
from carillon.business.pricing.assignments import AssignmentData, assign_price_list
from carillon.business.pricing.choices import Traffic
from carillon.business.pricing.models import Rate
from carillon.business.pricing.terms import PRICE
from carillon.business.routing.actions import GatewayData, update_gateway
from carillon.callfeed.documents import NOTIFIED_KINDS, TYPES, decode, view_of
from carillon.callpath.control.ratereader import rates_of
from carillon.logic.callflow.feed import ChargingMode, Customer, Gateway, Trunk, User
from carillon.logic.pricetext import steps_text, windows_text
from carillon.logic.ratetable import RateTable

pytestmark = pytest.mark.django_db


def test_every_document_decodes_and_is_found_by_its_key(cast: Cast) -> None:
    make_market(cast)
    for kind in TYPES:
        found = rows(f"select key, doc from {view_of(kind)}")  # noqa: S608
        assert found, f"no document of kind {kind} in the market"
        for key, doc in found:
            assert document(kind, key) == decode(kind, doc)


def test_unknown_and_hostile_keys_find_nothing(cast: Cast) -> None:
    make_market(cast)
    for kind in TYPES:
        for key in ("", "x", "999999999", "99999999999999999999", "1/", "/1", "a@b@c", "' or true --", "%"):
            assert document(kind, key) is None, (kind, key)


def test_customer_has_a_tier_for_every_sale_up_to_the_operator(cast: Cast) -> None:
    market = make_market(cast)
    customer: Customer = document("customer", str(cast.fjord_customer.pk))
    assert [(tier.seller, tier.buyer) for tier in customer.tiers] == [
        ("Fjord Voice", "Bryggen AS"),
        ("Northwind Telecom", "Fjord Voice"),
        ("Level Platform", "Northwind Telecom"),
    ]
    accounts = (market.fjord_customer, market.fjord_at_northwind, market.northwind_at_operator)
    assert [tier.account_id for tier in customer.tiers] == [account.pk for account in accounts]
    assert all(tier.price_list_id for tier in customer.tiers)
    assert customer.charging is ChargingMode.PREPAID
    assert customer.max_call_s == 240 * 60


def test_customer_says_how_fast_its_devices_may_call(cast: Cast) -> None:
    make_market(cast)
    before: Customer = document("customer", str(cast.acme.pk))
    assert (before.calls_per_s, before.call_burst) == (None, None)
    with tenant(system_actor()) as actor:
        said = {name: getattr(cast.acme, name) for name in get_type_hints(CustomerData)}
        update_customer(actor, cast.acme, CustomerData(**{**said, "calls_per_s": 5, "call_burst": 20}))
    after: Customer = document("customer", str(cast.acme.pk))
    assert (after.calls_per_s, after.call_burst) == (5, 20)


def test_gateway_says_how_many_calls_it_takes(cast: Cast) -> None:
    market = make_market(cast)
    before: Gateway = document("gateway", str(market.carrier.pk))
    assert (before.max_channels, before.calls_per_s) == (None, None)
    with tenant(system_actor()) as actor:
        update_gateway(actor, market.carrier, GatewayData(name="A", host="192.0.2.10", max_channels=30, calls_per_s=10))
    after: Gateway = document("gateway", str(market.carrier.pk))
    assert (after.max_channels, after.calls_per_s) == (30, 10)


def test_the_most_exact_price_list_wins(cast: Cast) -> None:
    make_market(cast)

    def list_of_acme() -> int | None:
        customer: Customer = document("customer", str(cast.acme.pk))
        return customer.tiers[0].price_list_id

    with tenant(system_actor()) as actor:
        for name in ("product", "customer"):
            data = PriceListData(name=name, currency="EUR", partner_id=cast.northwind.pk)
            created = create_price_list(actor, data)
            product_id = cast.business.pk if name == "product" else None
            customer_id = cast.acme.pk if name == "customer" else None
            assigned = AssignmentData(price_list_id=created.pk, web_product_id=product_id, customer_id=customer_id)
            assign_price_list(actor, assigned)
            assert list_of_acme() == created.pk


def test_calls_received_have_lists_of_their_own_and_toll_free_numbers_are_told(cast: Cast) -> None:
    market = make_market(cast)
    with tenant(system_actor()) as actor:
        data = PriceListData(name="Received", currency="EUR", partner_id=cast.northwind.pk)
        created = create_price_list(actor, data)
        retail = document("customer", str(cast.acme.pk)).tiers[0].price_list_id
        received = AssignmentData(price_list_id=created.pk, traffic=Traffic.RECEIVED)
        toll_free = AssignmentData(price_list_id=created.pk, traffic=Traffic.TOLL_FREE, customer_id=cast.acme.pk)
        for assigned in (received, toll_free):
            assign_price_list(actor, assigned)
        for customer, lists in ((cast.acme, (created.pk, created.pk)), (cast.dan, (created.pk, None))):
            tier = document("customer", str(customer.pk)).tiers[0]
            assert (tier.price_list_id, tier.received_list_id, tier.toll_free_list_id) == (retail, *lists)
        number = Number.objects.get(e164=market.acme_number)
        assert document("number", number.e164).is_toll_free is False
        update_number(actor, number, NumberData(number.e164, kind=NumberKind.TOLL_FREE))
        assert document("number", number.e164).is_toll_free is True


def test_customer_without_account_still_has_a_document(cast: Cast) -> None:
    with connection.cursor() as cursor:
        cursor.execute("delete from billing_account where customer_id = %s", [cast.dan.pk])
    customer: Customer = document("customer", str(cast.dan.pk))
    assert customer.account_id == 0
    assert customer.tiers[0].account_id == 0


def test_a_customer_may_call_what_it_or_its_web_product_allows(cast: Cast) -> None:
    def allowed() -> tuple[str, ...]:
        customer: Customer = document("customer", str(cast.acme.pk))
        return customer.allowed_classes

    assert allowed() == ()
    with connection.cursor() as cursor:
        cursor.execute("update brands_webproduct set allowed_classes = '{personal}' where id = %s", [cast.business.pk])
        cursor.execute("update customers_customer set allowed_classes = '{premium}' where id = %s", [cast.acme.pk])
    assert allowed() == ("premium", "personal")


def test_disabled_device_can_not_sign_in_and_does_not_ring(cast: Cast) -> None:
    make_market(cast)
    assert document("user", str(cast.alice.pk)).endpoints == ("alice@northwind.test",)
    assert rows("select callfeed.device('alice', 'northwind.test')") != [("-",)]
    with tenant(system_actor()) as actor:
        disable_endpoint(actor, Endpoint.objects.get(username="alice"))
    assert document("user", str(cast.alice.pk)).endpoints == ()
    assert rows("select callfeed.device('alice', 'northwind.test')") == [("-",)]


def test_device_with_an_address_is_one_of_its_users_that_is_called_there(cast: Cast) -> None:
    make_market(cast)
    pbx = EndpointData(
        customer_id=cast.acme.pk,
        username="pbx",
        user_id=cast.alice.pk,
        transport=Transport.TCP,
        fixed_address="192.0.2.7",
    )
    with tenant(cast.staff("paul")) as paul:
        create_endpoint(paul, pbx)
    alice: User = document("user", str(cast.alice.pk))
    assert alice.endpoints == ("alice@northwind.test", "pbx@northwind.test")
    assert alice.trunks == (Trunk("pbx@northwind.test", "192.0.2.7:5060", "tcp"),)


def test_forwarding_that_is_switched_off_is_not_told(cast: Cast) -> None:
    make_market(cast)
    cast.bob.forward_busy_to, cast.bob.forwards_busy = "101", True
    cast.bob.forward_always_to = "+441632960001"
    cast.bob.save()
    bob: User = document("user", str(cast.bob.pk))
    assert (bob.forward_busy, bob.forward_always, bob.no_answer_s) == ("101", "", 20)


def test_changes_count_up_and_money_does_not(cast: Cast) -> None:
    market = make_market(cast)

    def generations() -> dict[str, int]:
        names = {kind: f"callfeed.generation_{kind}" for kind in NOTIFIED_KINDS}
        return {kind: rows(f"select last_value from {name}")[0][0] for kind, name in names.items()}  # noqa: S608

    before = generations()
    with connection.cursor() as cursor:
        cursor.execute("update billing_account set balance_micro = balance_micro where id = %s", [market.acme.pk])
    assert generations() == before
    with connection.cursor() as cursor:
        cursor.execute("update customers_customer set name = name where id = %s", [cast.acme.pk])
    assert {kind for kind, value in generations().items() if value != before[kind]} == {"customer"}


@pytest.mark.django_db(transaction=True)
def test_control_reads_callfeed_and_nothing_else(
    cast: Cast, role_connection: Callable[[str], psycopg.Connection]
) -> None:
    make_market(cast)
    control = role_connection("control")
    for kind in TYPES:
        statement: Any = f"select count(*) from {view_of(kind)}"  # noqa: S608
        assert control.execute(statement).fetchone() != (0,)
    tables = control.execute(
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'v', 'p', 'm') and n.nspname in ('public', 'edge', 'callfeed')"
    ).fetchall()
    readable = set()
    for (name,) in tables:
        try:
            control.execute(f"select from {name} limit 1")
            readable.add(name)
        except psycopg.errors.InsufficientPrivilege:
            pass
    others = {f"callfeed.{name}" for name in ("tariff", "rate", "trunk", "abroad", "gateway_health")}
    assert readable == {view_of(kind) for kind in TYPES} | others


@pytest.mark.django_db(transaction=True)
def test_control_reads_a_versions_rates_exactly(
    cast: Cast, role_connection: Callable[[str], psycopg.Connection]
) -> None:
    make_market(cast)
    awkward = Rate.objects.order_by("pk").first()
    assert awkward is not None
    Rate.objects.filter(pk=awkward.pk).update(
        name="Zürich\\N\tNord\n",
        per_minute=Decimal("123456.00000001"),
        grace_s=3,
        minimum=Decimal("0.01"),
        maximum=Decimal("2.5"),
        steps="600:0.01/1 1200:0.005/60",
        windows="Fin de semana=0.1+0.005 60/1 60:0.001/1; Noche=0+0.01 1/1",
    )
    wanted = {rate.prefix: rate for rate in Rate.objects.filter(version_id=awkward.version_id)}
    found = {rate.prefix: rate for rate in RateTable(rates_of(role_connection("control"), awkward.version_id)).rates()}
    assert found.keys() == wanted.keys()
    for prefix, rate in found.items():
        for name in ("name", *PRICE[:-2]):
            assert getattr(rate, name) == getattr(wanted[prefix], name)
        assert (steps_text(rate.steps), windows_text(rate.windows)) == (wanted[prefix].steps, wanted[prefix].windows)


@pytest.mark.django_db(transaction=True)
def test_edge_reads_passwords_hashes_and_records_events_only(
    cast: Cast, role_connection: Callable[[str], psycopg.Connection]
) -> None:
    make_market(cast)
    edge = role_connection("edge")
    assert edge.execute("select callfeed.device('alice', 'northwind.test')").fetchone() != ("-",)
    assert edge.execute("select l_uuid, auth_ha1 from callfeed.uacreg").fetchall() == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        edge.execute("select callfeed.release_hold(gen_random_uuid())")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        edge.execute("select * from callfeed.customer_doc")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        edge.execute("select * from public.billing_account")


def test_the_edge_knows_the_number_for_a_devices_place_as_control_does(cast: Cast) -> None:
    market = make_market(cast)

    def shown(users: str, customers: str) -> str:
        CustomerRow.objects.filter(pk=cast.acme.pk).update(emergency_number=customers)
        UserRow.objects.filter(pk=cast.alice.pk).update(emergency_number=users)
        told: str = rows("select callfeed.device('alice', 'northwind.test')")[0][0]
        return told.partition("/")[2]

    with tenant(system_actor()) as actor:
        other = add_number(actor, NumberData("+442079460009", partner_id=cast.northwind.pk))
        assign_number(actor, other, NumberAssignment(cast.acme.pk))
    own, foreign = market.acme_number, market.charlie_number
    assert [shown("", ""), shown(foreign, ""), shown("", own)] == ["", "", own]
    assert [shown(other.e164, own), shown(own, other.e164), shown(foreign, own)] == [other.e164, own, own]
    assert rows("select callfeed.device('nobody', 'northwind.test')") == [("-",)]


def test_where_customers_are_abroad(cast: Cast) -> None:
    """Each country once for each SIP domain, and not the domain's own."""

    def abroad() -> list[tuple[str, str]]:
        return [(domain, country) for domain, country in rows("select * from callfeed.abroad order by 1, 2")]

    assert abroad() == []
    home = CustomerRow.objects.get(pk=cast.acme.pk)
    for number, country in enumerate(("NO", "DE", "NO", "GB")):
        copied = CustomerRow.objects.get(pk=home.pk)
        copied.pk, copied.name, copied.country = None, f"Customer {number}", country
        copied.save(force_insert=True)
    assert abroad() == [("northwind.test", "DE"), ("northwind.test", "NO")]
    WebProduct.objects.filter(pk=home.web_product_id).update(country="NO")
    assert abroad() == [("northwind.test", "DE"), ("northwind.test", "GB")]
