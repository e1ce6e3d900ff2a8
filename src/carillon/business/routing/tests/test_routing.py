"""Gateways and routes: what is refused, what history shows, whose they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.core import serializers
from django.test import override_settings
from tests.support.cast import Cast
from tests.support.market import rows

from carillon.base.actor import Actor
from carillon.base.errors import AlreadySo, InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.secrets import decrypt, ha1_md5
from carillon.base.tenancy import tenant
from carillon.business.pricing.actions import PriceListData, create_cost_list, create_price_list
from carillon.business.routing.actions import (
    GatewayData,
    RouteData,
    create_gateway,
    create_route,
    disable_gateway,
    disable_route,
    enable_gateway,
    enable_route,
    remove_gateway,
    remove_route,
    update_gateway,
    update_route,
)
from carillon.business.routing.choices import GatewayMode, NumberFormat, Strategy, Weekday
from carillon.business.routing.errors import GatewayInUse
from carillon.business.routing.models import Gateway, Route
from carillon.business.routing.queries import gateways_of, routes_of
from carillon.callfeed.documents import decode
from carillon.logic.hours import Hours

CARRIER = GatewayData(name="Carrier A", host="192.0.2.10")


def a_gateway(actor: Actor, name: str = "Carrier A") -> Gateway:
    return create_gateway(actor, replace(CARRIER, name=name))


def test_gateway_keeps_its_secret(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        data = replace(
            CARRIER, auth_username="northwind", auth_password="s3cr3t-of-carrier", mode=GatewayMode.REGISTRATION
        )
        gateway = create_gateway(paul, data)
        assert decrypt(gateway.auth_secret) == "s3cr3t-of-carrier"
        kept = update_gateway(paul, gateway, replace(data, auth_password="", port=5070))
        assert (decrypt(kept.auth_secret), kept.port) == ("s3cr3t-of-carrier", 5070)
        changed = update_gateway(paul, gateway, replace(data, auth_password="another-one"))
        assert decrypt(changed.auth_secret) == "another-one"
        assert changed.auth_ha1 == ha1_md5("northwind", "192.0.2.10", "another-one")
        named = update_gateway(paul, gateway, replace(data, auth_password="", auth_realm="carrier.example"))
        assert named.auth_ha1 == ha1_md5("northwind", "carrier.example", "another-one")
        told = serializers.serialize("json", AuditEntry.objects.all())
        assert "gateway.replace_secret" in told
        assert not any(hidden in told for hidden in ("s3cr3t", "another-one", kept.auth_secret, changed.auth_ha1))
        assert "auth_secret" not in gateways_of(paul).get().__dict__
        plain = update_gateway(paul, gateway, replace(CARRIER, auth_password="left over"))
        assert (plain.auth_secret, plain.auth_ha1) == ("", "")


@pytest.mark.parametrize("host", ["192.0.2.10", "2001:db8::10", "sip.carrier.example", "SIP.Carrier.Example"])
def test_hosts_are_addresses_or_names(cast: Cast, host: str) -> None:
    with tenant(cast.staff("paul")) as paul:
        assert create_gateway(paul, replace(CARRIER, host=host)).host == host.lower()


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "::1", "169.254.169.254", "::ffff:10.0.0.1"])
def test_carriers_inside_a_public_installation_are_the_operators(cast: Cast, host: str) -> None:
    inside = replace(CARRIER, host=host)
    with override_settings(TRUNKS_MAY_BE_PRIVATE=False):
        with tenant(cast.staff("paul")) as paul, pytest.raises(InvalidInput) as refused:
            create_gateway(paul, inside)
        assert set(refused.value.fields) == {"host"}
        with tenant(cast.staff("olga")) as olga:
            assert create_gateway(olga, inside).host == host


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": " "}),
        ("host", {"host": ""}),
        ("host", {"host": "sip:carrier.example"}),
        ("host", {"host": "carrier.example:5060"}),
        ("host", {"host": "300.1.1.1"}),
        ("host", {"host": "0.0.0.0"}),  # noqa: S104
        ("host", {"host": "224.0.0.1"}),
        ("max_channels", {"max_channels": 0}),
        ("max_channels", {"max_channels": 100_001}),
        ("calls_per_s", {"calls_per_s": 0}),
        ("calls_per_s", {"calls_per_s": 1001}),
        ("host", {"host": "a..b"}),
        ("port", {"port": 0}),
        ("port", {"port": 65536}),
        ("transport", {"transport": "pigeon"}),
        ("source_addresses", {"source_addresses": ("192.0.2.0/33",)}),
        ("source_addresses", {"source_addresses": ("carrier.example",)}),
        ("source_addresses", {"source_addresses": ("0.0.0.0/0",)}),
        ("source_addresses", {"source_addresses": ("::/0",)}),
        ("auth_username", {"mode": GatewayMode.REGISTRATION}),
        ("auth_username", {"auth_username": 'a"b', "auth_password": "x"}),
        ("auth_realm", {"auth_username": "a", "auth_password": "x", "auth_realm": "a\r\nVia: x"}),
        ("auth_password", {"auth_username": "northwind"}),
        ("auth_password", {"auth_username": "northwind", "auth_password": "x" * 129}),
        ("country", {"number_format": NumberFormat.NATIONAL}),
        ("country", {"country": "XX"}),
        ("prepend", {"prepend": "9;user=phone"}),
        ("strip", {"strip": 16}),
        ("ring_timeout_s", {"ring_timeout_s": 4}),
        ("reply_timeout_ms", {"reply_timeout_ms": 10}),
        ("cost_list_id", {"cost_list_id": 10**9}),
        ("received_list_id", {"received_list_id": 10**9}),
        ("partner_id", {"partner_id": 10**9}),
    ],
)
def test_bad_gateways_are_refused(cast: Cast, field: str, wrong: dict[str, object]) -> None:
    with tenant(cast.staff("paul")) as paul:
        with pytest.raises(InvalidInput) as refused:
            create_gateway(paul, replace(CARRIER, **wrong))  # type: ignore[arg-type]
        assert field in refused.value.fields
        assert not gateways_of(paul).exists()


def test_source_addresses_are_canonical_and_may_be_shared(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        sources = ("192.0.2.77/24", "198.51.100.7", "192.0.2.0/24", "2001:db8::1")
        gateway = create_gateway(paul, replace(CARRIER, source_addresses=sources))
        assert gateway.source_addresses == ["192.0.2.0/24", "198.51.100.7/32", "2001:db8::1/128"]
        create_gateway(paul, replace(CARRIER, name="Carrier B", source_addresses=sources))
        with pytest.raises(InvalidInput) as refused:
            a_gateway(paul)
        assert "name" in refused.value.fields


@pytest.mark.parametrize("field", ["cost_list_id", "received_list_id"])
def test_cost_list_is_a_cost_list_of_the_same_partner(cast: Cast, field: str) -> None:
    with tenant(cast.staff("paul")) as paul:
        costs = create_cost_list(paul, PriceListData(name="Costs", currency="EUR"))
        sales = create_price_list(paul, PriceListData(name="Sales", currency="EUR"))
        theirs = create_cost_list(paul, PriceListData(name="Costs", currency="EUR", partner_id=cast.fjord.pk))
        gateway = create_gateway(paul, replace(CARRIER, **{field: costs.pk}))  # type: ignore[arg-type]
        for wrong in (sales, theirs):
            with pytest.raises(InvalidInput) as refused:
                update_gateway(paul, gateway, replace(CARRIER, **{field: wrong.pk}))  # type: ignore[arg-type]
            assert field in refused.value.fields


def test_routes_keep_the_order_of_their_gateways_and_history_shows_it(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        first, second = a_gateway(paul, "A"), a_gateway(paul, "B")
        data = RouteData(name="Everything", gateway_ids=(second.pk, first.pk))
        route = create_route(paul, data)
        assert [line.gateway for line in routes_of(paul).get().gateways.all()] == [second, first]
        update_route(paul, route, replace(data, gateway_ids=(first.pk, second.pk)))
        assert [line.gateway for line in routes_of(paul).get().gateways.all()] == [first, second]
        entry = AuditEntry.objects.get(action="route.update")
        assert (entry.before or {})["gateway_ids"] == [second.pk, first.pk]
        assert (entry.after or {})["gateway_ids"] == [first.pk, second.pk]
        with pytest.raises(GatewayInUse):
            remove_gateway(paul, first)
        remove_route(paul, route)
        remove_gateway(paul, first)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": ""}),
        ("prefix", {"prefix": "44-20"}),
        ("prefix", {"prefix": "0044"}),
        ("prefix", {"prefix": "4" * 16}),
        ("gateway_ids", {"gateway_ids": ()}),
        ("gateway_ids", {"strategy": Strategy.BLOCK}),
        ("gateway_ids", {"gateway_ids": (10**9,)}),
        ("strategy", {"strategy": "random"}),
        ("priority", {"priority": 10_001}),
        ("country", {"is_emergency": True}),
        ("country", {"country": "GB"}),
        ("prefix", {"is_emergency": True, "country": "GB", "prefix": "44"}),
        ("strategy", {"is_emergency": True, "country": "GB", "strategy": Strategy.BLOCK, "gateway_ids": ()}),
        ("customer_id", {"customer_id": 10**9}),
        ("web_product_id", {"web_product_id": 10**9}),
    ],
)
def test_bad_routes_are_refused(cast: Cast, field: str, wrong: dict[str, object]) -> None:
    with tenant(cast.staff("paul")) as paul:
        good = RouteData(name="Everything", gateway_ids=(a_gateway(paul).pk,))
        with pytest.raises(InvalidInput) as refused:
            create_route(paul, replace(good, **wrong))  # type: ignore[arg-type]
        assert field in refused.value.fields
        assert not routes_of(paul).exists()


def test_gateway_twice_in_a_route_is_refused(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        gateway = a_gateway(paul)
        with pytest.raises(InvalidInput) as refused:
            create_route(paul, RouteData(name="Twice", gateway_ids=(gateway.pk, gateway.pk)))
        assert refused.value.fields == {"gateway_ids": "A gateway is in the list twice."}


def test_routes_stay_within_one_partner(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        own = a_gateway(paul)
        theirs = create_gateway(paul, replace(CARRIER, partner_id=cast.fjord.pk))
        good = RouteData(name="Everything", gateway_ids=(own.pk,))
        for field, wrong in (
            ("gateway_ids", replace(good, gateway_ids=(own.pk, theirs.pk))),
            ("customer_id", replace(good, customer_id=cast.fjord_customer.pk)),
            ("web_product_id", replace(good, web_product_id=cast.fjord_voice.pk)),
            ("customer_id", replace(good, customer_id=cast.charlie.pk)),
        ):
            with pytest.raises(InvalidInput) as refused:
                create_route(paul, wrong)
            assert field in refused.value.fields


def test_emergency_and_block_routes(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        gateway = a_gateway(paul)
        emergency = create_route(
            paul, RouteData(name="112", is_emergency=True, country="gb", gateway_ids=(gateway.pk,))
        )
        block = create_route(paul, RouteData(name="Premium", prefix="+449", strategy=Strategy.BLOCK))
        assert (emergency.country, block.prefix) == ("GB", "449")


def test_switching_off_and_on(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        gateway = a_gateway(paul)
        route = create_route(paul, RouteData(name="Everything", gateway_ids=(gateway.pk,)))
        assert not disable_gateway(paul, gateway).is_enabled
        assert not disable_route(paul, route).is_enabled
        for again in (lambda: disable_gateway(paul, gateway), lambda: disable_route(paul, route)):
            with pytest.raises(AlreadySo):
                again()
        assert enable_gateway(paul, gateway).is_enabled
        assert enable_route(paul, route).is_enabled


def test_strangers_and_sub_partners_neither_see_nor_change(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        gateway = a_gateway(paul)
        route = create_route(paul, RouteData(name="Everything", gateway_ids=(gateway.pk,)))
    for actor in (cast.staff("stranger"), cast.staff("petra")):
        with tenant(actor):
            assert not gateways_of(actor).exists()
            assert not routes_of(actor).exists()
            for act in (lambda: disable_gateway(actor, gateway), lambda: remove_route(actor, route)):  # noqa: B023
                with pytest.raises(NotFound):
                    act()
            with pytest.raises(InvalidInput):
                create_route(actor, RouteData(name="Theirs", gateway_ids=(gateway.pk,)))
    with tenant(cast.staff("paul")):
        assert Gateway.objects.get().is_enabled
        assert Route.objects.get() == route


def test_permission_is_needed(cast: Cast) -> None:
    reader = replace(cast.staff("paul"), permissions=frozenset({"*.view"}))
    with tenant(reader), pytest.raises(NotPermitted):
        a_gateway(reader)


def test_shares_and_hours_of_a_route_reach_the_call_path_as_they_were_entered(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        first, second = a_gateway(paul).pk, a_gateway(paul, "Carrier B").pk
        data = RouteData(
            name="Nights",
            gateway_ids=(second, first),
            weights=(70, 30),
            weekdays=(Weekday.FRI, Weekday.MON),
            begins="18:00",
            ends="08:00",
            timezone="Europe/London",
        )
        for field, wrong in (
            ("weights", {"weights": (70,)}),
            ("weights", {"weights": (70, 1001)}),
            ("weights", {"strategy": Strategy.QUALITY}),
            ("begins", {"begins": "6 pm"}),
            ("ends", {"ends": ""}),
            ("timezone", {"timezone": "London"}),
            ("begins", {"is_emergency": True, "country": "GB"}),
        ):
            with pytest.raises(InvalidInput) as refused:
                create_route(paul, replace(data, **wrong))
            assert field in refused.value.fields, wrong
        route = create_route(paul, data)
        ((doc,),) = rows("select doc from callfeed.route_doc where key = %s", str(route.pk))
        found = decode("route", doc)
        assert (found.gateway_ids, found.weights) == ((second, first), (70, 30))
        assert found.hours == Hours(("mon", "fri"), "18:00", "08:00", "Europe/London")
        update_route(paul, route, replace(data, weights=(), weekdays=(), begins="", ends=""))
        ((doc,),) = rows("select doc from callfeed.route_doc where key = %s", str(route.pk))
        assert (decode("route", doc).weights, decode("route", doc).hours) == ((0, 0), None)
        changed = AuditEntry.objects.filter(action="route.update").values_list("before__weights", "after__weights")
        assert list(changed) == [([70, 30], [0, 0])]
