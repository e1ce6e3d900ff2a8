"""The two walls as the web process meets them: role carillon_web, one connection for one tenant after the other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import psycopg
import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.db.utils import ProgrammingError

from carillon.base.actor import Actor, nobody
from carillon.base.models import AuditEntry, Note
from carillon.base.tenancy import after_commit, current_actor, enter, realm_scope, tenant
from carillon.business.customers.actions import UserData, create_user
from carillon.business.customers.models import Customer, User
from carillon.business.partners.actions import PartnerData, create_partner
from carillon.business.partners.models import Login, Partner
from carillon.business.partners.queries import system_actor
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

AsRole = Callable[[str], AbstractContextManager[None]]


def names(table: str = "customers_customer") -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"select name from {table}")  # noqa: S608 - names of our own tables
        return {row[0] for row in cursor.fetchall()}


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        found: int = cursor.fetchone()[0]
    return found


def test_the_connection_is_the_web_roles(web: Cast) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select current_user, rolbypassrls, rolsuper from pg_roles where rolname = current_user")
        assert cursor.fetchone() == ("carillon_web", False, False)


def test_without_a_scope_there_are_no_rows_in_any_tenants_table(web: Cast) -> None:
    seen = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if hasattr(model, "tenancy"):
                cursor.execute(f'select count(*) from "{model._meta.db_table}"')  # noqa: S608
                seen[model._meta.label] = cursor.fetchone()[0]
    assert {label: count for label, count in seen.items() if count} == {}


def test_raw_sql_sees_the_scope_only_on_one_connection_for_all_tenants(web: Cast) -> None:
    expected = {
        "olga": {"Acme Ltd", "Dan", "Bryggen AS", "Charlie"},
        "paul": {"Acme Ltd", "Dan", "Bryggen AS"},
        "petra": {"Bryggen AS"},
        "stranger": {"Charlie"},
    }
    actors = {name: actor_at(web, name) for name in expected}
    backends = set()
    for _ in range(2):
        for name, actor in actors.items():
            with tenant(actor):
                assert names() == expected[name]
                backends.add(backend())
            assert names() == set()
    assert len(backends) == 1


def actor_at(cast: Cast, name: str) -> Actor:
    """The actor as the web process finds it: the login is read within its realm."""
    with realm_scope(0):
        return cast.staff(name)


def test_querysets_and_raw_sql_agree(web: Cast) -> None:
    for name in ("olga", "paul", "petra", "stranger"):
        actor = actor_at(web, name)
        with tenant(actor):
            for model in apps.get_models():
                tenancy = getattr(model, "tenancy", None)
                if tenancy is None or tenancy.through:
                    continue
                rows = model._default_manager
                assert rows.visible_to(actor).count() == rows.count(), model._meta.label  # type: ignore[attr-defined]


def test_customers_user_sees_that_customer_only(web: Cast) -> None:
    with realm_scope(web.northwind.pk):
        alice = web.user(web.alice)
    with tenant(alice):
        assert names() == {"Acme Ltd"}
        assert names("customers_user") == {"Alice", "Bob"}
        assert names("partners_partner") == names("brands_webproduct") == names("partners_login") == set()


def test_customers_user_changes_within_that_customer_only(web: Cast) -> None:
    with realm_scope(web.northwind.pk):
        alice = web.user(web.alice)
    with tenant(alice):
        create_user(alice, UserData(customer_id=web.acme.pk, name="Erin", extension="103"))
        assert set(AuditEntry.objects.values_list("action", flat=True)) == {"user.create"}
        with connection.cursor() as cursor:
            cursor.execute("update customers_user set name = 'x' where customer_id = %s", [web.charlie.pk])
            assert cursor.rowcount == 0


def test_rows_cannot_be_given_to_or_taken_from_a_stranger(web: Cast) -> None:
    paul = actor_at(web, "paul")
    with tenant(paul):
        for statement in (
            "update customers_customer set name = 'stolen' where id = %s",
            "delete from customers_customer where id = %s",
        ):
            with connection.cursor() as cursor:
                cursor.execute(statement, [web.charlie.pk])
                assert cursor.rowcount == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Note.objects.create(partner_id=web.elsewhere.pk, object_type="x", object_id="1", text="x")
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Customer.objects.filter(pk=web.dan.pk).update(partner_id=web.elsewhere.pk)


def test_a_row_cannot_point_into_another_tenant(web: Cast) -> None:
    """Foreign key checks pass row-level security; composite keys hold the wall."""
    olga = actor_at(web, "olga")
    with pytest.raises(IntegrityError, match="same_partner"), tenant(olga):
        User.objects.create(partner=web.northwind, customer=web.charlie, name="x")


def test_append_only_tables_refuse_changes(web: Cast) -> None:
    olga = actor_at(web, "olga")
    for model in apps.get_models():
        for verb in getattr(model, "revoked", ()):
            table = model._meta.db_table
            statement = {
                "insert": f"insert into {table} default values",
                "update": f"update {table} set id = id",  # noqa: S608
                "delete": f"delete from {table}",  # noqa: S608
            }[verb]
            refused = pytest.raises(ProgrammingError, match="permission denied")
            with refused, tenant(olga), connection.cursor() as cursor:
                cursor.execute(statement)


def test_inner_scope_ends_with_its_block_even_after_an_error(web: Cast) -> None:
    paul, petra = actor_at(web, "paul"), actor_at(web, "petra")
    with tenant(paul):
        with tenant(petra):
            assert names() == {"Bryggen AS"}
        assert "Acme Ltd" in names() and current_actor() == paul
        with pytest.raises(DatabaseError), tenant(petra), connection.cursor() as cursor:
            cursor.execute("select 1/0")
        assert "Acme Ltd" in names() and current_actor() == paul
    assert current_actor() == nobody()


def test_new_partner_joins_the_scope_and_leaves_it_when_rolled_back(web: Cast) -> None:
    paul = actor_at(web, "paul")
    data = PartnerData(name="Harbour", country="GB", currency="EUR")
    with tenant(paul):
        create_partner(paul, data)
        assert "Harbour" in names("partners_partner")
    with tenant(actor_at(web, "paul")) as later:
        assert "Harbour" in names("partners_partner")
        with pytest.raises(ValueError, match="no"), transaction.atomic():
            create_partner(later, replace(data, name="Quay"))
            raise ValueError("no")
        assert "Quay" not in names("partners_partner")
    assert names("partners_partner") == set()


def test_work_after_the_commit_has_the_scope_of_before(web: Cast) -> None:
    seen: list[set[str]] = []
    with tenant(actor_at(web, "petra")):
        after_commit(lambda: seen.append(names()))
        transaction.on_commit(lambda: seen.append(names()))
    assert seen == [{"Bryggen AS"}, set()]


def test_realm_finds_its_own_logins_and_nothing_else(web: Cast) -> None:
    with realm_scope(0):
        assert set(Login.objects.values_list("realm", flat=True)) == {0}
        assert names() == names("partners_partner") == set()
    with realm_scope(web.northwind.pk):
        assert list(Login.objects.values_list("email", flat=True)) == ["alice@acme.test"]
        Login.objects.update(name="changed")
    with tenant(actor_at(web, "olga")):
        assert set(Login.objects.filter(name="changed").values_list("email", flat=True)) == {"alice@acme.test"}


def test_entering_a_scope_closes_the_realm(web: Cast) -> None:
    petra = actor_at(web, "petra")
    with realm_scope(0):
        enter(petra)
        assert set(Login.objects.values_list("email", flat=True)) == {"petra@fjord.test"}
        enter(petra, realm=0)
        assert Login.objects.filter(email="paul@northwind.test").exists()
    assert current_actor() == nobody()


def test_the_systems_scope_is_everything(web: Cast) -> None:
    with tenant(system_actor()):
        assert Partner.objects.count() == 4


def test_settings_typed_by_hand_do_not_outlive_their_transaction(web: Cast) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('carillon.scope', %s, true)", [str(web.northwind.pk)])
        assert names()
    assert names() == set()


def test_helpers_past_the_wall_are_closed_to_other_roles(
    cast: Cast, role_connection: Callable[[str], psycopg.Connection]
) -> None:
    for role in ("control", "edge"):
        for call in ("carillon_subtree(1)", "carillon_token('x')", "carillon_memberships(1)", "carillon_host('x')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                role_connection(role).execute(f"select public.{call}")


@pytest.mark.parametrize("table", [model._meta.db_table for model in apps.get_models() if hasattr(model, "tenancy")])
def test_call_path_roles_reach_no_tenants_table(
    cluster: object, role_connection: Callable[[str], psycopg.Connection], table: str
) -> None:
    for role in ("control", "edge"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            role_connection(role).execute(f'select 1 from public."{table}"')  # noqa: S608


def test_every_tenant_model_is_walked() -> None:
    assert sum(issubclass(model, models.Model) and hasattr(model, "tenancy") for model in apps.get_models()) >= 25
