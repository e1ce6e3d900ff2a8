from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.cast import Cast

from carillon.base.errors import Conflict, InvalidInput, NotFound
from carillon.base.tenancy import tenant
from carillon.business.customers.actions import (
    UserData,
    connect_login,
    create_user,
    remove_user,
    set_customer_status,
    update_user,
)
from carillon.business.customers.models import User
from carillon.business.customers.queries import forwarding_of
from carillon.business.partners.choices import Status
from carillon.business.partners.models import Login
from carillon.business.partners.queries import signed_in_actor
from carillon.business.partners.statuses import StatusData


def erin(cast: Cast, **changes: object) -> UserData:
    return replace(UserData(customer_id=cast.acme.pk, name="Erin", extension="103"), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("extension", ["1", "123456", "1a", "+44", "999", "112", "１２３"])
def test_bad_extension_is_refused(cast: Cast, extension: str) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_user(paul, erin(cast, extension=extension))
    assert set(refusal.value.fields) == {"extension"}


def test_extension_is_unique_at_its_customer_only(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        with pytest.raises(InvalidInput) as refusal:
            create_user(paul, erin(cast, extension="101"))
        assert set(refusal.value.fields) == {"extension"}
        assert create_user(paul, erin(cast, customer_id=cast.dan.pk, extension="101")).extension == "101"
        create_user(paul, erin(cast, name="A", extension=""))
        create_user(paul, erin(cast, name="B", extension=""))


def test_user_stays_with_the_customer(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput):
        update_user(paul, cast.bob, erin(cast, customer_id=cast.dan.pk))


def test_terminated_customer_gets_no_users(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        set_customer_status(paul, cast.acme, StatusData(status=Status.TERMINATED, reason="left"))
        with pytest.raises(InvalidInput):
            create_user(paul, erin(cast))


def test_user_without_belongings_is_removed(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        remove_user(paul, cast.bob)
    assert not User.objects.filter(pk=cast.bob.pk).exists()


def test_stranger_reaches_no_user(cast: Cast) -> None:
    stranger = cast.staff("stranger")
    with tenant(stranger):
        with pytest.raises(NotFound):
            update_user(stranger, cast.bob, erin(cast))
        with pytest.raises(NotFound):
            remove_user(stranger, cast.bob)


def test_login_of_another_realm_cannot_be_connected(cast: Cast) -> None:
    paul = cast.staff("paul")
    staff = Login.objects.get(pk=paul.login_id)
    with tenant(paul), pytest.raises(Conflict):
        connect_login(paul, cast.bob, staff)


def test_disabled_user_signs_in_no_longer(cast: Cast) -> None:
    paul = cast.staff("paul")
    assert cast.alice.login is not None
    with tenant(paul):
        update_user(paul, cast.alice, erin(cast, name="Alice", is_enabled=False))
    assert signed_in_actor(cast.alice.login).login_id is None


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Say where to"),
        ("999", "Emergency"),
        ("12x", ""),
        ("103", "own extension"),
        ("177", "no extension 177"),
    ],
)
def test_forwarding_must_lead_somewhere(cast: Cast, typed: str, sentence: str) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_user(paul, erin(cast, forwards_busy=True, forward_busy_to=typed))
    assert set(refusal.value.fields) == {"forward_busy_to"}
    assert sentence in refusal.value.fields["forward_busy_to"]


def test_forwarding_destination_is_kept_as_the_world_writes_it(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        created = create_user(
            paul,
            erin(
                cast,
                forwards_always=True,
                forward_always_to="01632 960001",
                forward_busy_to="101",
                forwards_no_answer=True,
                forward_no_answer_to="101",
            ),
        )
        assert (created.forward_always_to, created.forward_busy_to) == ("+441632960001", "101")
        assert forwarding_of(created) == "always: +441632960001"
        changed = update_user(paul, created, erin(cast, forwards_no_answer=True, forward_no_answer_to="101"))
    assert forwarding_of(changed) == "no answer: 101"
    assert not changed.forwards_always


@pytest.mark.parametrize("seconds", [4, 121])
def test_ringing_time_has_limits(cast: Cast, seconds: int) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_user(paul, erin(cast, no_answer_s=seconds))
    assert set(refusal.value.fields) == {"no_answer_s"}
