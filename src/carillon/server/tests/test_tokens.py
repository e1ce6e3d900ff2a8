"""`./carillon token`."""

from __future__ import annotations

import pytest
from tests.support.cast import Cast

from carillon.business.partners.models import Login
from carillon.business.partners.queries import token_actor
from carillon.server.errors import OperatorError
from carillon.server.tokens import create


def staff_address(partner_id: int) -> str:
    return Login.objects.filter(memberships__partner_id=partner_id).values_list("email", flat=True)[0]


def test_a_token_acts_in_its_owners_name(cast: Cast) -> None:
    address = staff_address(cast.northwind.pk)
    actor = token_actor(create(address.upper(), "script", ("customers.view",), None))
    assert actor is not None
    assert actor.partner_id == cast.northwind.pk
    assert actor.permissions == frozenset({"customers.view"})
    assert actor.name == f"{address} (script)"


def test_a_person_nobody_knows_is_said_in_words(cast: Cast) -> None:
    with pytest.raises(OperatorError, match=r"Nobody signs in as nobody@example\.net"):
        create("nobody@example.net", "script", ("*",), None)


def test_a_wrong_scope_is_said_in_words(cast: Cast) -> None:
    with pytest.raises(OperatorError, match="No token for"):
        create(staff_address(cast.northwind.pk), "script", ("no such thing",), None)


def test_an_expiry_in_the_past_is_refused(cast: Cast) -> None:
    with pytest.raises(OperatorError, match="No token for"):
        create(staff_address(cast.northwind.pk), "script", ("*",), -1)
