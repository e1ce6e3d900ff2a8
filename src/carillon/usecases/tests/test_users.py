from __future__ import annotations

import pytest
from tests.support.cast import PASSWORD, Cast

from carillon.base.errors import Conflict, InvalidInput
from carillon.base.tenancy import tenant
from carillon.business.customers.actions import UserData, create_user, remove_user
from carillon.business.customers.models import User
from carillon.business.endpoints.actions import EndpointData, create_endpoint
from carillon.business.partners.models import Login
from carillon.business.partners.queries import customer_roles, signed_in_actor
from carillon.usecases.give_login import LoginData, give_login


def test_user_with_an_endpoint_is_not_removed(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        create_endpoint(paul, EndpointData(customer_id=cast.acme.pk, user_id=cast.bob.pk, username="bob"))
        with pytest.raises(Conflict):
            remove_user(paul, cast.bob)
    assert User.objects.filter(pk=cast.bob.pk).exists()


def test_one_login_is_several_users_of_one_partner(cast: Cast) -> None:
    paul = cast.staff("paul")
    assert cast.alice.login is not None
    with tenant(paul):
        second = create_user(paul, UserData(customer_id=cast.dan.pk, name="Alice"))
        give_login(paul, second, LoginData(email="ALICE@acme.test"))
    roles = customer_roles(cast.alice.login.pk)
    assert [role.customer_id for role in roles] == [cast.acme.pk, cast.dan.pk]
    assert signed_in_actor(cast.alice.login, chosen_id=cast.dan.pk).customer_id == cast.dan.pk
    assert Login.objects.filter(email__iexact="alice@acme.test").count() == 1


def test_same_address_at_two_partners_is_two_logins(cast: Cast) -> None:
    stranger = cast.staff("stranger")
    with tenant(stranger):
        give_login(stranger, cast.stranger, LoginData(email="alice@acme.test", password=PASSWORD))
    assert Login.objects.filter(email="alice@acme.test").count() == 2


def test_login_needs_an_address(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        give_login(paul, cast.bob, LoginData())
    assert set(refusal.value.fields) == {"email"}
