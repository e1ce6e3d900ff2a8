from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.cast import Cast

from carillon.base.actor import Actor
from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.actions import StaffData, create_staff, remove_staff, set_partner_status, update_staff
from carillon.business.partners.choices import Role, Status
from carillon.business.partners.errors import NoMembership
from carillon.business.partners.models import Login, Membership
from carillon.business.partners.queries import places, staff_actor, staff_of
from carillon.business.partners.statuses import StatusData

DATA = StaffData(email="Sam@Northwind.test", name="Sam", role=Role.SUPPORT, password="a long enough one")


def hire(actor: Actor, data: StaffData = DATA) -> Membership:
    with tenant(actor):
        return create_staff(actor, data)


def working(membership: Membership, name: str, *, partner_id: int | None = None) -> Actor:
    return staff_actor(membership.login_id or 0, name, partner_id=partner_id)


def test_new_staff_signs_in_with_any_case_and_may_what_the_role_may(cast: Cast) -> None:
    membership = hire(cast.staff("paul"))
    assert membership.login is not None
    assert membership.login.key == "0:sam@northwind.test"
    assert membership.login.check_password("a long enough one")
    sam = working(membership, "sam")
    assert (sam.partner_id, set(sam.scope)) == (cast.northwind.pk, {cast.northwind.pk, cast.fjord.pk})
    assert sam.may("users.change") and sam.may("cdrs.view") and not sam.may("price_lists.change")


def test_password_is_not_in_history(cast: Cast) -> None:
    hire(cast.staff("paul"))
    entry = AuditEntry.objects.filter(action="login.create").latest("id")
    assert "password" not in str(entry.after)


def test_short_password_is_refused(cast: Cast) -> None:
    with pytest.raises(InvalidInput) as refusal:
        hire(cast.staff("paul"), replace(DATA, password="short"))
    assert "password" in refusal.value.fields
    assert not Login.objects.filter(key="0:sam@northwind.test").exists()


@pytest.mark.parametrize(("field", "value"), [("timezone", "Mars/Base"), ("culture", "?"), ("email", "nobody")])
def test_wrong_value_is_named_and_nobody_is_hired(cast: Cast, field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        hire(cast.staff("paul"), replace(DATA, **{field: value}))  # type: ignore[arg-type]
    assert field in refusal.value.fields
    assert Membership.objects.count() == 4


def test_without_a_password_there_is_no_sign_in_yet(cast: Cast) -> None:
    for email in (DATA.email, "staff@elsewhere.test"):
        invited = hire(cast.staff("paul"), replace(DATA, password="", email=email))
        assert (invited.login, invited.invited_email) == (None, email)


def test_staff_of_a_sub_partner_may_work_at_the_partner_too(cast: Cast) -> None:
    membership = hire(cast.staff("paul"), replace(DATA, email="petra@fjord.test"))
    assert [place.partner_name for place in places(membership.login_id or 0)] == ["Fjord Voice", "Northwind Telecom"]
    assert working(membership, "petra").partner_id == cast.fjord.pk
    chosen = working(membership, "petra", partner_id=cast.northwind.pk)
    assert (chosen.partner_id, chosen.may("staff.add")) == (cast.northwind.pk, False)
    elsewhere = working(membership, "petra", partner_id=cast.elsewhere.pk)
    assert elsewhere.partner_id == cast.fjord.pk


def test_hiring_twice_is_refused(cast: Cast) -> None:
    hire(cast.staff("paul"))
    with pytest.raises(InvalidInput):
        hire(cast.staff("paul"))


def test_nobody_gives_a_role_above_their_own(cast: Cast) -> None:
    paul = replace(cast.staff("paul"), permissions=frozenset({"staff.*", "*.view"}))
    with pytest.raises(NotPermitted):
        hire(paul, replace(DATA, role=Role.ADMINISTRATOR))
    assert hire(paul, replace(DATA, role=Role.READER)).role == Role.READER


def test_reader_cannot_hire(cast: Cast) -> None:
    reader = hire(cast.staff("paul"), replace(DATA, role=Role.READER))
    with pytest.raises(NotPermitted):
        hire(working(reader, "reader"), replace(DATA, email="x@northwind.test"))


def test_locked_out_staff_is_nobody(cast: Cast) -> None:
    paul = cast.staff("paul")
    sam = hire(paul)
    with tenant(paul):
        update_staff(paul, sam, replace(DATA, is_active=False, password=""))
    with pytest.raises(NoMembership):
        working(sam, "sam")


def test_new_password_is_witnessed_not_shown(cast: Cast) -> None:
    paul = cast.staff("paul")
    sam = hire(paul)
    with tenant(paul):
        update_staff(paul, sam, replace(DATA, password="another long one"))
    assert Login.objects.get(pk=sam.login_id).check_password("another long one")
    assert AuditEntry.objects.get(action="login.set_password").after is None


def test_nobody_takes_over_a_person_who_also_works_further_up(cast: Cast) -> None:
    """Who sets the password of the operator's staff is the operator."""
    paul = cast.staff("paul")
    sam = hire(paul)
    olga = cast.staff("olga")
    hire(olga, replace(DATA, email="sam@northwind.test", partner_id=cast.operator.pk))
    with tenant(paul):
        for change in ({"password": "another long one"}, {"password": "", "is_active": False}):
            with pytest.raises(NotPermitted):
                update_staff(paul, sam, replace(DATA, **change))
        update_staff(paul, sam, replace(DATA, password="", name="Sam"))
    assert not Login.objects.get(pk=sam.login_id).check_password("another long one")
    with tenant(olga):
        update_staff(olga, sam, replace(DATA, password="another long one"))
    assert Login.objects.get(pk=sam.login_id).check_password("another long one")


def test_email_address_stays(cast: Cast) -> None:
    paul = cast.staff("paul")
    sam = hire(paul)
    with tenant(paul), pytest.raises(InvalidInput):
        update_staff(paul, sam, replace(DATA, email="other@northwind.test"))


def test_nobody_locks_themselves_out_or_leaves_by_themselves(cast: Cast) -> None:
    paul = cast.staff("paul")
    own = staff_of(paul).get(login__email=paul.name)
    data = StaffData(email="paul@northwind.test", name="Paul", role=Role.READER)
    with tenant(paul):
        with pytest.raises(Conflict):
            update_staff(paul, own, data)
        with pytest.raises(Conflict):
            remove_staff(paul, own)


def test_removed_staff_has_no_place_but_a_history(cast: Cast) -> None:
    paul = cast.staff("paul")
    sam = hire(paul)
    with tenant(paul):
        remove_staff(paul, sam)
    assert places(sam.login_id or 0) == ()
    assert AuditEntry.objects.filter(action="membership.remove").exists()


def test_stranger_reaches_no_staff(cast: Cast) -> None:
    sam = hire(cast.staff("paul"))
    stranger = cast.staff("stranger")
    assert sam not in staff_of(stranger)
    with tenant(stranger), pytest.raises(NotFound):
        update_staff(stranger, sam, DATA)


def test_staff_of_a_blocked_partner_is_shut_out_and_of_a_suspended_one_not(cast: Cast) -> None:
    petra, paul = cast.staff("petra"), cast.staff("paul")
    assert petra.login_id is not None
    with tenant(paul):
        set_partner_status(paul, cast.fjord, StatusData(status=Status.SUSPENDED, reason="unpaid"))
        assert places(petra.login_id)
        set_partner_status(paul, cast.fjord, StatusData(status=Status.BLOCKED, reason="fraud"))
        assert not places(petra.login_id)
