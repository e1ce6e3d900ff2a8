from __future__ import annotations

from tests.support.cast import Cast

from carillon.base.tenancy import tenant
from carillon.business.endpoints.actions import EndpointData, create_endpoint
from carillon.business.numbers.actions import NumberAssignment, NumberData, NumberRelease, add_number, assign_number
from carillon.usecases.release_number import release_number


def test_released_number_is_no_devices_caller_id_any_more(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164="+442079460100"))
        assign_number(paul, number, NumberAssignment(cast.acme.pk))
        endpoint = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk, caller_id_id=number.pk))
        release_number(paul, number, NumberRelease(to_quarantine=False))
        number.refresh_from_db()
        endpoint.refresh_from_db()
        assert (number.customer_id, number.state, endpoint.caller_id_id) == (None, "available", None)
