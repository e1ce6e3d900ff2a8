"""An address that calls are believed by is a trunk's or a gateway's, never both."""

from __future__ import annotations

import pytest
from tests.support.cast import Cast

from carillon.base.errors import InvalidInput
from carillon.base.tenancy import tenant
from carillon.business.endpoints.actions import EndpointData, create_endpoint
from carillon.business.routing.actions import GatewayData, create_gateway


def gateway(*sources: str) -> GatewayData:
    return GatewayData(name=f"Carrier at {sources[0]}", host="192.0.2.1", source_addresses=sources)


def test_trunk_is_not_where_another_partners_carrier_is(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        create_gateway(paul, gateway("192.0.2.0/28", "2001:db8::7", "198.51.100.7:5060"))
    with tenant(cast.staff("stranger")) as stranger:
        for source in ("192.0.2.9:5060", "2001:db8::7", "198.51.100.7"):
            with pytest.raises(InvalidInput) as refused:
                create_endpoint(stranger, EndpointData(customer_id=cast.charlie.pk, source_addresses=(source,)))
            assert "northwind" not in str(refused.value).lower()
        create_endpoint(stranger, EndpointData(customer_id=cast.charlie.pk, source_addresses=("198.51.100.7:5061",)))


def test_carrier_is_not_where_another_partners_trunk_is(cast: Cast) -> None:
    with tenant(cast.staff("stranger")) as stranger:
        sources = ("192.0.2.9", "2001:db8::7")
        create_endpoint(stranger, EndpointData(customer_id=cast.charlie.pk, source_addresses=sources))
    with tenant(cast.staff("paul")) as paul:
        for source in ("192.0.2.0/28", "192.0.2.9:5060", "2001:db8::/64"):
            with pytest.raises(InvalidInput) as refused:
                create_gateway(paul, gateway(source))
            assert set(refused.value.fields) == {"source_addresses"}
        create_gateway(paul, gateway("192.0.2.16/28"))
