"""Text search past row-level security stays inside the scope, finds any part, and takes wildcards for letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg
import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.test import Client

from carillon.base.tenancy import realm_scope, tenant
from carillon.business.customers.models import Customer
from carillon.business.partners.queries import system_actor
from carillon.panels.search import COLUMNS, MOST, narrowed
from tests.support.cast import EMAILS, PASSWORD, Cast

pytestmark = pytest.mark.django_db(transaction=True)

AsRole = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def web(cast: Cast, as_role: AsRole) -> Iterator[Cast]:
    """The cast, with Django's own pooled connection signed in as the web role."""
    cache.clear()
    with as_role("web"):
        yield cast


def found(kind: str, text: str, most: int = 200) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("select id from public.carillon_search(%s, %s, %s)", [kind, text, most])
        return {row[0] for row in cursor.fetchall()}


def test_finds_what_the_scope_holds_and_nothing_else(web: Cast) -> None:
    assert found("customers", "a") == set()  # nobody has signed in
    everybody = {web.acme.pk, web.dan.pk, web.fjord_customer.pk, web.charlie.pk}
    sees = {"olga": everybody, "paul": everybody - {web.charlie.pk}, "petra": {web.fjord_customer.pk}}
    for name, ids in sees.items():
        with realm_scope(0):
            actor = web.staff(name)
        with tenant(actor):
            assert found("customers", "a") == ids
            assert (web.stranger.pk in found("users", "charlie")) == (name == "olga")


def test_customers_people_find_their_own_only(web: Cast) -> None:
    with realm_scope(web.northwind.pk):
        alice = web.user(web.alice)
    with tenant(alice):
        assert found("customers", "a") == {web.acme.pk}
        assert found("users", "o") == {web.bob.pk}
        assert found("customers", "dan") == set()


def test_wildcards_are_letters_and_no_more_than_the_most_come_back(web: Cast) -> None:
    with tenant(system_actor()):
        for text in ("%", "_", "\\", "a%", "", "x" * 1000, "'; --", "A\tc"):
            assert found("customers", text) == set(), text
        Customer.objects.filter(pk=web.dan.pk).update(name="50%_off\\")
        for text in ("50%", "%_", "off\\", "0%_OFF"):
            assert found("customers", text) == {web.dan.pk}, text
        assert len(found("customers", "a", 2)) == 2
        assert found("customers", "a", 0) == found("customers", "a", -5) == set()
        with pytest.raises(DatabaseError), tenant(system_actor()):
            found("logins", "a")


def test_every_kind_is_searched_by_its_columns(web: Cast) -> None:
    with tenant(system_actor()):
        assert found("customers", "CARLA@") == {web.acme.pk}
        assert found("users", "lic") == {web.alice.pk}
        for kind in COLUMNS:
            assert found(kind, "no such thing") == set()


def test_texts_of_very_many_rows_narrow_nothing(web: Cast) -> None:
    with tenant(system_actor()) as actor:
        row = Customer.objects.get(pk=web.acme.pk)
        for count in range(MOST + 5):
            row.pk, row.name, row.email = None, f"Branch {count}", ""
            row.save(force_insert=True)
        rows = Customer.objects.visible_to(actor)
        assert narrowed(rows, "customers", "Branch").count() == rows.count()
        assert narrowed(rows, "customers", "Branch 20").count() == 6


def test_other_roles_cannot_search(cast: Cast, role_connection: Callable[[str], psycopg.Connection]) -> None:
    for role in ("control", "edge"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            role_connection(role).execute("select public.carillon_search('customers', 'a', 9)")


def test_look_ups_find_any_part_and_filters_the_beginning(web: Cast) -> None:
    paul = Client(headers={"host": "portal.localhost"})
    assert paul.post("/accounts/login/", {"login": EMAILS["paul"], "password": PASSWORD}).status_code == 302

    def names(path: str) -> list[str]:
        return [row.get("name", row.get("_name")) for row in paul.get(f"/panels/{path}").json()["rows"]]

    assert names("customers/lookup/?q=ltd") == ["Acme Ltd"]
    assert names("customers/lookup/?q=carla@") == ["Acme Ltd"]
    assert names("customers/lookup/?q=d") == ["Dan"]
    assert names("customers/lookup/?q=charl") == []
    assert names("users/lookup/?q=lic") == ["Alice"]
    assert names("customers/rows/?name=acm") == ["Acme Ltd"]
    assert names("customers/rows/?name=ltd") == names("customers/rows/?name=%25") == []
    assert names("customers/rows/?email=carla") == ["Acme Ltd"]
