"""Every permission that a role can hold lets its holder do just that, in the portal and over REST; its lack stops it.

Permissions are enumerated from the panels: a panel, verb or row action that is added is tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client, override_settings

from carillon.base.tenancy import realm_scope, tenant
from carillon.business.partners.actions import StaffData, create_staff
from carillon.business.partners.models import Login, OwnRole
from carillon.business.partners.ownroles import OwnRoleData, create_role
from carillon.business.partners.queries import signed_in_actor
from carillon.business.partners.tokens import TokenData, create_token
from carillon.demo.cast.load import actor_of, load_cast
from carillon.demo.world import CAST, PASSWORD
from carillon.faces.portal.catalogue import panels, permission_choices
from carillon.panels.declaration import Panel
from tests.support.worlds import remembered

pytestmark = pytest.mark.django_db(transaction=True)

OPERATOR = CAST.sellers[0].name
EMAIL = "nia@level.example"
REFUSED = (403, 404, 405)


class Holder:
    """A member of the operator's staff whose own role changes: a browser, and a program with a token for everything."""

    def __init__(self) -> None:
        self.boss = actor_of(OPERATOR)
        with tenant(self.boss):
            self.role = create_role(self.boss, OwnRoleData(name="Nia's", permissions=("*",)))
            data = StaffData(email=EMAIL, name="Nia", own_role_id=self.role.pk, password=PASSWORD)
            create_staff(self.boss, data)
        with realm_scope(0):
            nia = signed_in_actor(Login.objects.get(key=f"0:{EMAIL}"))
        with tenant(nia):
            clear = create_token(nia, TokenData(name="script", scopes=("*",)))[1]
        headers = {"host": "portal.localhost", "hx-request": "true"}
        self.browser = Client(headers=headers)
        self.browser.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
        self.program = Client(headers={"host": "portal.localhost", "authorization": f"Bearer {clear}"})

    def holds(self, *permissions: str) -> None:
        """From now on the role has these and no other."""
        with tenant(self.boss):
            OwnRole.objects.filter(pk=self.role.pk).update(permissions=list(permissions))


@pytest.fixture
def holder(as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[Holder]:
    cache.clear()
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        remembered("demo", load_cast)
        with as_role("web"):
            yield Holder()


def doors(panel: Panel, key: Any) -> Iterator[tuple[str, str, str, str]]:
    """Yield (permission, face, method, address) of everything that a panel offers beside looking."""
    page, rest = f"/panels/{panel.slug}/", f"/api/v1/{panel.rest_name}/"
    if panel.create:
        yield panel.needs("add"), "portal", "get", f"{page}add/"
        yield panel.needs("add"), "rest", "post", rest
    if key is None:
        return
    if panel.update:
        yield panel.needs("change"), "portal", "get", f"{page}{key}/edit/"
        yield panel.needs("change"), "rest", "patch", f"{rest}{key}/"
    if panel.remove:
        yield panel.needs("delete"), "portal", "get", f"{page}{key}/remove/"
    for one in panel.actions:
        yield one.needs(), "portal", "get", f"{page}{key}/do/{one.name}/"
        if one.in_api and one.fields and one.data:  # empty input is refused later, when the permission is there
            yield one.needs(), "rest", "post", f"{rest}{key}/{one.name}/"


def knock(holder: Holder, face: str, method: str, path: str) -> int:
    if face == "portal":
        answer = holder.browser.get(path)
        return 403 if answer.status_code == 422 else answer.status_code  # a dialog's refusal
    return int(getattr(holder.program, method)(path, {"?": 1}, content_type="application/json").status_code)


def first_key(holder: Holder, panel: Panel) -> Any:
    with tenant(holder.boss):
        row = panel.rows(holder.boss).order_by("pk").first()
        return None if row is None else row.pk


def test_every_panel_is_seen_with_its_own_permission_only(holder: Holder) -> None:
    for panel in panels():
        faces = [(holder.browser, f"/panels/{panel.slug}/rows/")]
        faces += [(holder.program, f"/api/v1/{panel.rest_name}/")] if panel.rest_name else []
        others = sorted({one.prefix for one in panels()} - {panel.prefix})
        for held, expected in (
            ([f"{prefix}.view" for prefix in others], REFUSED),
            (["*.change"], REFUSED),
            ([f"{panel.prefix}.view"], (200,)),
            ([f"{panel.prefix}.*"], (200,)),
            (["*.view"], (200,)),
        ):
            holder.holds(*held)
            for client, path in faces:
                answer = client.get(path, headers={"accept": "application/json"})
                assert answer.status_code in (*expected, *((422,) if expected == REFUSED else ())), (path, held)


def test_every_change_needs_its_own_permission_and_no_other(holder: Holder) -> None:
    wrong: list[str] = []
    for panel in panels():
        key = first_key(holder, panel)
        looking = f"{panel.prefix}.view"
        for permission, face, method, path in doors(panel, key):
            if (face == "rest" and not panel.rest_name) or permission.endswith(".view"):
                continue  # a view's own permission is tested above
            holder.holds("*.view")
            if knock(holder, face, method, path) not in REFUSED:
                wrong.append(f"{method} {path} without {permission}")
            holder.holds(looking, permission)
            if knock(holder, face, method, path) in (403, 405):
                wrong.append(f"{method} {path} in spite of {permission}")
    assert wrong == []


def test_every_permission_that_a_panel_asks_for_can_be_ticked(holder: Holder) -> None:
    offered = {permission for permission, _label in permission_choices(holder.boss)}
    asked = {f"{panel.prefix}.view" for panel in panels()}
    asked |= {permission for panel in panels() for permission, *_door in doors(panel, 1)}
    assert asked <= offered
