"""The work of a provider's first day as the web process does it: under row-level security, with the web role."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError
from tests.support.cast import Cast

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.base.tenancy import tenant
from carillon.business.endpoints.actions import EndpointData, create_endpoint, reveal_secret
from carillon.business.endpoints.models import Endpoint
from carillon.business.endpoints.queries import endpoints_of
from carillon.business.numbers.actions import (
    NumberAllocation,
    NumberAssignment,
    NumberData,
    NumberRelease,
    add_number,
    allocate_number,
    assign_number,
)
from carillon.business.numbers.models import Number
from carillon.business.numbers.queries import numbers_of
from carillon.business.pricing.actions import (
    ImportOptions,
    PriceListData,
    VersionData,
    approve_version,
    create_cost_list,
    create_price_list,
    create_version,
    import_rates,
)
from carillon.business.pricing.assignments import AssignmentData, assign_price_list
from carillon.business.pricing.models import PriceAssignment, PriceList, PriceListVersion, Rate
from carillon.business.routing.actions import GatewayData, RouteData, create_gateway, create_route
from carillon.business.routing.models import Gateway, Route, RouteGateway
from carillon.usecases.release_number import release_number

AsRole = Callable[[str], AbstractContextManager[None]]
TABLES = (Number, PriceList, PriceListVersion, Rate, Endpoint, Gateway, Route, RouteGateway)
RATES = b"prefix,rate\n44,0.02\n33,0.03\n"


def first_day(paul: Actor, cast: Cast) -> Number:
    """Everything a partner sets up before the first call; returns a number that is still free."""
    prices = create_price_list(paul, PriceListData(name="Business", currency="EUR"))
    costs = create_cost_list(paul, PriceListData(name="Carrier A", currency="EUR"))
    for price_list in (prices, costs):
        draft = create_version(paul, VersionData(price_list_id=price_list.pk))
        import_rates(paul, draft, RATES, ImportOptions())
        approved = approve_version(paul, draft)
        create_version(paul, VersionData(price_list_id=price_list.pk, copies_version_id=approved.pk))
    for assignment in (
        AssignmentData(price_list_id=prices.pk, web_product_id=cast.business.pk),
        AssignmentData(price_list_id=prices.pk, buyer_partner_id=cast.fjord.pk),
    ):
        assign_price_list(paul, assignment)
    gateway = create_gateway(paul, GatewayData(name="A", host="192.0.2.10", cost_list_id=costs.pk))
    create_route(paul, RouteData(name="Everything", gateway_ids=(gateway.pk,)))
    number, spare = (add_number(paul, NumberData(e164=e164)) for e164 in ("+442079460100", "+442079460101"))
    assign_number(paul, number, NumberAssignment(cast.acme.pk, cast.bob.pk))
    endpoint = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk, caller_id_id=number.pk))
    assert len(reveal_secret(paul, endpoint)) == 24
    release_number(paul, number, NumberRelease(to_quarantine=False))
    allocate_number(paul, number, NumberAllocation(cast.fjord.pk))
    return spare


@pytest.mark.django_db(transaction=True)
def test_provider_works_and_others_see_nothing(cast: Cast, as_role: AsRole) -> None:
    with as_role("web"):
        with tenant(cast.staff("paul")) as paul:
            spare = first_day(paul, cast)
            assert all(table.objects.exists() for table in TABLES)
        with tenant(cast.staff("stranger")):
            assert [table.__name__ for table in TABLES if table.objects.exists()] == []
        with tenant(cast.staff("petra")):
            assert [table.__name__ for table in TABLES if table.objects.exists()] == ["Number"]
            assert PriceAssignment.objects.count() == 1  # as the buyer
            assert PriceAssignment.objects.update(customer=None) == 0
            assert Number.objects.update(area="Oslo") == 1
        assert not any(table.objects.exists() for table in TABLES)
        with tenant(cast.staff("stranger")) as charlie, pytest.raises(InvalidInput) as refused:
            add_number(charlie, NumberData(e164=spare.e164))
        assert "e164" in refused.value.fields


@pytest.mark.django_db(transaction=True)
def test_customers_people_see_their_own_rows_only(cast: Cast, as_role: AsRole) -> None:
    with as_role("web"):
        with tenant(cast.staff("paul")) as paul:
            first_day(paul, cast)
        with tenant(replace(cast.staff("paul"), customer_id=cast.acme.pk)):
            assert [table.__name__ for table in TABLES if table.objects.exists()] == ["Endpoint"]
            carla = replace(cast.staff("paul"), customer_id=cast.acme.pk)
            endpoint = create_endpoint(carla, EndpointData(customer_id=cast.acme.pk, username="carla"))
            seen: Any = endpoints_of(carla).get(pk=endpoint.pk)
            assert seen.domain == "northwind.test"
            assert len(reveal_secret(carla, endpoint)) == 24
            assert list(numbers_of(carla)) == []
        with tenant(replace(cast.staff("paul"), customer_id=10**9)):
            assert [table.__name__ for table in TABLES if table.objects.exists()] == []


@pytest.mark.django_db(transaction=True)
def test_database_refuses_rows_across_partners(cast: Cast, as_role: AsRole) -> None:
    with as_role("web"):
        with tenant(cast.staff("paul")) as paul:
            first_day(paul, cast)
            draft = PriceListVersion.objects.filter(state="draft").first()
        assert draft is not None
        with pytest.raises(DatabaseError), tenant(cast.staff("stranger")):
            Rate.objects.create(
                partner=cast.elsewhere, version_id=draft.pk, prefix="1", name="Theirs", per_minute=Decimal(0)
            )
        with pytest.raises(DatabaseError), tenant(cast.staff("stranger")):
            Number.objects.create(partner=cast.northwind, e164="+442079460199", country="GB")
