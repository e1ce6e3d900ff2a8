from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.cast import Cast

from carillon.base.actor import Actor
from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.actions import StaffData, create_staff, remove_staff, update_staff
from carillon.business.partners.models import Membership, OwnRole
from carillon.business.partners.ownroles import OwnRoleData, create_role, remove_role, update_role
from carillon.business.partners.queries import roles_of, staff_actor

DATA = OwnRoleData(name="Number desk", permissions=("numbers.*", "customers.view"))


def define(actor: Actor, data: OwnRoleData = DATA) -> OwnRole:
    with tenant(actor):
        return create_role(actor, data)


def hire(actor: Actor, role: OwnRole) -> Membership:
    with tenant(actor):
        data = StaffData(email="nia@northwind.test", name="Nia", own_role_id=role.pk, password="a long enough one")
        return create_staff(actor, data)


def test_a_new_role_may_read_and_nothing_else(cast: Cast) -> None:
    assert define(cast.staff("paul"), OwnRoleData(name="Trainee")).permissions == ["*.view"]


def test_a_person_may_what_the_own_role_says_and_a_change_holds_at_once(cast: Cast) -> None:
    paul = cast.staff("paul")
    role = define(paul)
    nia = hire(paul, role)
    assert staff_actor(nia.login_id or 0, "nia").permissions == {"numbers.*", "customers.view"}
    with tenant(paul):
        update_role(paul, role, replace(DATA, permissions=("customers.view",)))
    assert staff_actor(nia.login_id or 0, "nia").permissions == {"customers.view"}
    entry = AuditEntry.objects.get(action="ownrole.update")
    assert (entry.actor_name, entry.before["permissions"]) == ("paul@northwind.test", ["customers.view", "numbers.*"])  # type: ignore[index]


def test_nobody_defines_changes_removes_or_gives_a_role_above_their_own(cast: Cast) -> None:
    paul = cast.staff("paul")
    lesser = replace(paul, permissions=frozenset({"roles.*", "staff.*", "*.view"}))
    above, below = define(paul), define(paul, OwnRoleData(name="Trainee"))
    with pytest.raises(NotPermitted):
        define(lesser, replace(DATA, name="Mine"))
    with tenant(lesser):
        for change in (
            lambda: update_role(lesser, above, replace(DATA, permissions=("customers.view",))),
            lambda: update_role(lesser, below, replace(DATA, permissions=("*",))),
            lambda: remove_role(lesser, above),
            lambda: create_staff(lesser, StaffData(email="x@northwind.test", name="X", own_role_id=above.pk)),
        ):
            with pytest.raises(NotPermitted):
                change()
        member = create_staff(lesser, StaffData(email="x@northwind.test", name="X", own_role_id=below.pk))
        with pytest.raises(NotPermitted):
            update_staff(lesser, member, StaffData(email="x@northwind.test", name="X", own_role_id=above.pk))


def test_nobody_changes_the_role_they_have(cast: Cast) -> None:
    paul = cast.staff("paul")
    role = define(paul, replace(DATA, permissions=("*",)))
    nia = staff_actor(hire(paul, role).login_id or 0, "nia")
    with tenant(nia), pytest.raises(Conflict):
        update_role(nia, role, DATA)


def test_a_role_that_somebody_has_stays_until_they_have_another(cast: Cast) -> None:
    paul = cast.staff("paul")
    role = define(paul)
    nia = hire(paul, role)
    with tenant(paul):
        with pytest.raises(Conflict):
            remove_role(paul, role)
        remove_staff(paul, nia)
        remove_role(paul, role)
    assert not OwnRole.objects.exists()


def test_staff_gets_roles_of_their_own_partner_only(cast: Cast) -> None:
    paul, petra = cast.staff("paul"), cast.staff("petra")
    role = define(petra)
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_staff(paul, StaffData(email="x@northwind.test", name="X", own_role_id=role.pk))
    assert set(refusal.value.fields) == {"own_role_id"}


def test_strangers_neither_see_nor_give_nor_change_a_role(cast: Cast) -> None:
    role = define(cast.staff("paul"))
    for name in ("stranger", "petra"):
        other = cast.staff(name)
        assert role not in roles_of(other)
        with tenant(other):
            with pytest.raises(NotFound):
                update_role(other, role, DATA)
            with pytest.raises(InvalidInput):
                create_staff(other, StaffData(email="x@there.test", name="X", own_role_id=role.pk))


@pytest.mark.parametrize("permission", ["customers", "mars.view", "customers.*.x", ""])
def test_what_is_no_permission_is_named(cast: Cast, permission: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        define(cast.staff("paul"), replace(DATA, permissions=(permission,)))
    assert set(refusal.value.fields) == {"permissions"}


def test_two_roles_of_one_name_are_refused_for_one_partner(cast: Cast) -> None:
    define(cast.staff("paul"))
    define(cast.staff("petra"))
    with pytest.raises(InvalidInput) as refusal:
        define(cast.staff("paul"))
    assert set(refusal.value.fields) == {"name"}
