"""Raw SQL as each database role, over everything PostgreSQL has: what a leak of our own code could reach at most."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.test import Client

from carillon.base.actor import Actor
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.endpoints.actions import EndpointData, create_endpoint
from carillon.business.partners.models import Login
from carillon.business.partners.queries import system_actor
from tests.support.cast import PASSWORD, Cast
from tests.support.market import make_market

pytestmark = pytest.mark.django_db(transaction=True)

AsRole = Callable[[str], AbstractContextManager[None]]
RoleConnection = Callable[[str], psycopg.Connection]

# Tables of the web role without row-level security: none has an owner.
UNOWNED = {
    "account_emailconfirmation", "auth_group", "auth_group_permissions", "auth_permission", "base_cache",
    "django_content_type", "django_migrations", "django_session", "procrastinate_events", "procrastinate_jobs",
    "procrastinate_periodic_defers", "procrastinate_workers",
}  # fmt: skip
DOCUMENTS = ("domain_doc", "endpoint_doc", "customer_doc", "user_doc", "extension_doc", "number_doc", "partner_doc",
             "gateway_doc", "route_doc", "blacklist_doc", "group_doc", "exchange_doc", "markup_doc")  # fmt: skip
VIEWS = {
    "public.endpoints_location", "public.pricing_wholesalelist", "public.pricing_wholesalerate",
    "public.reports_callshare", "public.notices_mailtext",  # which ask in the reader's name
}  # fmt: skip
# What each role may read of the other schemas.
READS = {
    "web": VIEWS,
    "worker": VIEWS,
    "control": {f"callfeed.{name}" for name in ("rate", "tariff", "trunk", "abroad", "gateway_health", *DOCUMENTS)},
    "edge": {f"callfeed.{name}" for name in ("uacreg", "dialog", "dialog_vars")}
    | {f"edge.{name}" for name in ("location", "location_attrs", "kept_dialog", "version")},
}  # fmt: skip
CALLS = {  # functions past row-level security
    "web": {"billing_check_balanced", "carillon_has_feature", "carillon_has_room", "carillon_host",
            "carillon_blocked", "carillon_exchange_rates", "carillon_hostname_taken",
            "carillon_inherited_words", "carillon_logo",
            "carillon_memberships", "carillon_operator",
            "carillon_own_legs", "carillon_portal_face", "carillon_portal_picture", "carillon_search",
            "carillon_sip_domain", "carillon_source_taken",
            "carillon_subtree", "carillon_tell_registrations", "carillon_tell_webhooks", "carillon_theme",
            "carillon_token", "carillon_users"},
    "control": {"abandon_call", "document", "documents", "extend_bundle", "extend_hold", "forget_dialog",
                "forward_bundled", "forward_call", "free_channels", "grant_credit", "keep_bans", "keep_health",
                "open_bundled", "open_call", "open_calls", "open_together", "record_all", "record_traces",
                "refuse_call", "rehearse", "release_hold", "renew_lease", "return_credit", "seconds_left", "spendable",
                "standing_bans", "stray_dialogs", "take_lease", "tiers"},
    "edge": {"device", "record_events"},
}  # fmt: skip
CALLS["worker"] = CALLS["web"] | {"record_event", "has_dialog", "sweep_credit"}
RELATIONS = """
select n.nspname, c.relname, c.relrowsecurity and c.relforcerowsecurity
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'callfeed', 'edge') and has_schema_privilege(n.oid, 'usage')
  and c.relkind in ('r', 'v', 'm', 'p', 'f') and has_any_column_privilege(c.oid, 'select')
"""
PRIVILEGED = """
select p.proname, coalesce(array_to_string(p.proconfig, ';'), '')
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('public', 'callfeed', 'edge') and has_schema_privilege(n.oid, 'usage')
  and p.prosecdef and has_function_privilege(p.oid, 'execute')
"""


@pytest.fixture
def web(cast: Cast, as_role: AsRole) -> Iterator[Cast]:
    """The cast with a market, Django's own pooled connection signed in as the web role."""
    cache.clear()
    make_market(cast)
    with as_role("web"):
        yield cast


def rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def actor_at(cast: Cast, name: str) -> Actor:
    with realm_scope(0):
        return cast.staff(name)


@pytest.mark.parametrize("role", sorted(READS))
def test_each_role_reads_what_is_its_own(cluster: object, role_connection: RoleConnection, role: str) -> None:
    found = role_connection(role).execute(RELATIONS)
    open_to_all = {f"{schema}.{name}" for schema, name, is_walled in found if not is_walled}
    unowned = {f"public.{name}" for name in UNOWNED} if role in ("web", "worker") else set()
    assert open_to_all == READS[role] | unowned


@pytest.mark.parametrize("role", sorted(CALLS))
def test_each_role_calls_what_is_its_own(cluster: object, role_connection: RoleConnection, role: str) -> None:
    found = role_connection(role).execute(PRIVILEGED)
    named: dict[str, str] = dict(found.fetchall())
    assert set(named) == CALLS[role]
    loose = [name for name, pinned in named.items() if not re.search(r"search_path=.*pg_temp(;|$)", pinned)]
    assert loose == []  # else a caller's own objects could come first


@pytest.mark.parametrize("role", sorted(READS))
def test_no_role_brings_objects_of_its_own(cluster: object, role_connection: RoleConnection, role: str) -> None:
    for statement in (
        "create temp table carillon_trap (id int)", "create table public.trap (id int)", "create schema trap",
        "create function public.carillon_scope() returns bigint[] language sql as 'select null'",
        "set role carillon_owner", "alter table public.customers_customer disable row level security",
        "select pg_read_file('/etc/passwd')", "create extension dblink",
    ):  # fmt: skip
        with pytest.raises(psycopg.Error):
            role_connection(role).execute(statement)


def test_foreign_rows_cannot_be_copied_changed_or_removed_in_any_table(web: Cast) -> None:
    """Every table with row-level security, by raw SQL that names no column: a stranger's rows stay as they are."""
    tables = [
        name
        for (name,) in rows(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public'"
            " and c.relrowsecurity and c.relkind in ('r', 'p') order by 1"
        )
    ]
    assert len(tables) > 25
    olga, stranger = actor_at(web, "olga"), actor_at(web, "stranger")
    tried = 0
    for table in tables:
        with tenant(olga):
            everybody = {row[0] for row in rows(f'select to_jsonb(t)::text from "{table}" t')}  # noqa: S608
        with tenant(stranger):
            own = {row[0] for row in rows(f'select to_jsonb(t)::text from "{table}" t')}  # noqa: S608
        assert own <= everybody, table
        for foreign in sorted(everybody - own)[:1]:
            tried += 1
            add = f'insert into "{table}" select * from jsonb_populate_record(null::"{table}", %s)'  # noqa: S608
            with pytest.raises(DatabaseError) as refused, tenant(stranger), connection.cursor() as cursor:
                cursor.execute(add, [foreign])
            assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege), (table, refused.value)
        with tenant(stranger):
            for statement in (f'delete from "{table}"', f'update "{table}" set id = id'):  # noqa: S608
                with connection.cursor() as cursor:
                    try:
                        with transaction.atomic():
                            cursor.execute(statement)
                            assert cursor.rowcount <= len(own), (table, statement)
                            transaction.set_rollback(True)
                    except DatabaseError:
                        pass  # append-only, or something hangs on it: refused is right too
        with tenant(olga):
            assert {row[0] for row in rows(f'select to_jsonb(t)::text from "{table}" t')} == everybody  # noqa: S608
    assert tried > 12


def test_sign_in_tables_are_seen_with_their_login(web: Cast) -> None:
    client = Client(headers={"host": "northwind.localhost"})
    assert client.post("/accounts/login/", {"login": "alice@acme.test", "password": PASSWORD}).status_code == 302
    with realm_scope(web.northwind.pk):
        alice = Login.objects.get(email="alice@acme.test")
        EmailAddress.objects.get_or_create(user=alice, email=alice.email)
        Authenticator.objects.create(user=alice, type="totp", data={})
    for model in (EmailAddress, Authenticator):
        assert model.objects.count() == 0
        with realm_scope(0):
            assert model.objects.count() == 0
        with tenant(actor_at(web, "stranger")):
            assert model.objects.count() == 0
            with pytest.raises(DatabaseError), transaction.atomic():
                model.objects.create(user_id=alice.pk)
        with tenant(actor_at(web, "paul")):
            assert model.objects.count() == 1


def test_settings_that_are_no_numbers_show_nothing(web: Cast) -> None:
    for scope in ("*", "1,x", "{1}", "1 or true", "''", "99999999999999999999"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select set_config('carillon.scope', %s, true)", [scope])
            cursor.execute("select * from customers_customer")
    assert rows("select * from customers_customer") == []


def test_registrations_are_seen_by_who_may_see_the_endpoint(cast: Cast, as_role: AsRole) -> None:
    make_market(cast)
    with tenant(system_actor()) as actor:
        for customer in (cast.acme, cast.dan, cast.charlie):
            create_endpoint(actor, EndpointData(customer_id=customer.pk, username=f"phone{customer.pk}"))
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into edge.location"
                " (ruid, username, domain, contact, callid, user_agent, expires, last_modified)"
                " select e.id::text, e.username, d.name, 'sip:x@192.0.2.1', 'c', 'u', now() + interval '1 hour', now()"
                " from endpoints_endpoint e join callfeed.sip_domain d on d.web_product_id = e.web_product_id"
                " where e.username like 'phone%'"
            )

    def seen() -> set[int]:
        return {row[0] for row in rows("select customer_id from endpoints_location")}

    with as_role("web"):
        assert seen() == set()
        for name, customers in (
            ("olga", (cast.acme, cast.dan, cast.charlie)),
            ("paul", (cast.acme, cast.dan)),
            ("petra", ()),
        ):
            with tenant(actor_at(cast, name)):
                assert seen() == {customer.pk for customer in customers}
        with realm_scope(cast.northwind.pk):
            alice = cast.user(cast.alice)
        with tenant(alice):
            assert seen() == {cast.acme.pk}
