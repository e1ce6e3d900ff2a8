"""Text search past row-level security stays inside the scope, finds any part, and takes wildcards for letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from uuid import uuid4

import psycopg
import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from carillon.base.tenancy import realm_scope, tenant
from carillon.business.calls.models import Call, Cdr
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Membership
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


def test_calls_are_found_by_their_ids_and_the_end_of_their_numbers(web: Cast) -> None:
    with tenant(system_actor()):
        mine = call_with_cdr(web.northwind.pk, web.acme.pk, "abc%1@10.0.0.9", "+442079460001", "+33199000001")
        theirs = call_with_cdr(web.elsewhere.pk, web.charlie.pk, "xyz@10.0.0.9", "+442079460002", "+33199000001")
    texts = [str(mine.call_id), "abc%1@10.0.0.9", "0033 199 000 001", "+33199000001", "9000001", "020 7946 0001"]
    with realm_scope(0):
        paul, stranger = web.staff("paul"), web.staff("stranger")
    with tenant(paul):
        assert {text: found("calls", text) for text in texts} == {text: {mine.pk} for text in texts}
        for text in ("0001", "abc%", "%", str(theirs.call_id), "xyz@10.0.0.9", "33199", "00000", "(((((", "1" * 60):
            assert found("calls", text) == set(), text
    with tenant(stranger):
        assert found("calls", "99000001") == {theirs.pk}
    with realm_scope(web.northwind.pk):
        alice = web.user(web.alice)
    with tenant(alice):
        assert found("calls", "99000001") == {mine.pk}
    assert found("calls", "99000001") == set()


def call_with_cdr(partner_id: int, customer_id: int, sip_call_id: str, caller: str, callee: str) -> Cdr:
    now, common = timezone.now(), {"direction": "outbound", "caller": caller, "callee": callee}
    call = Call.objects.create(
        id=uuid4(), partner_id=partner_id, customer_id=customer_id, edge="e", sip_call_id=sip_call_id, state="rated",
        due_at=now, started_at=now, decision={}, **common,
    )  # fmt: skip
    return Cdr.objects.create(
        partner_id=partner_id, customer_id=customer_id, call_id=call.pk, chain="originating", tier=0, tab="dialled",
        started_on=now.date(), started_at=now, ended_at=now, duration_ms=0, billed_s=0, outcome="busy", currency="GBP",
        amount_micro=0, explanation={}, **common,
    )  # fmt: skip


def test_the_search_on_top_finds_what_the_role_may_see_and_leads_there(web: Cast) -> None:
    with tenant(system_actor()):
        cdr = call_with_cdr(web.northwind.pk, web.acme.pk, "abc@1", "+442079460001", "+33199000001")
    paul = Client(headers={"host": "portal.localhost"})
    assert paul.post("/accounts/login/", {"login": EMAILS["paul"], "password": PASSWORD}).status_code == 302

    def hits(text: str) -> dict[str, list[str]]:
        return {
            one["kind"]: [row["name"] for row in one["rows"]]
            for one in paul.get("/search/", {"q": text}).json()["kinds"]
        }

    assert hits("a") == hits("") == {}
    assert hits("acme")["customers"] == ["Acme Ltd"]
    assert hits("lic")["users"] == ["Alice"]
    assert hits("charlie") == {}
    assert hits("gatew")["pages"] == ["Gateways"]
    call = paul.get("/search/", {"q": "99000001"}).json()["kinds"][0]
    assert (call["kind"], call["rows"][0]["address"]) == ("cdrs", f"/panels/cdrs/{cdr.pk}/")
    paul.post("/customer-filter/", {"customer": web.dan.pk})
    assert hits("alice") == hits("acme") == {}
    assert "Dan" in paul.get("/search/", {"q": "zz"}).json()["hint"]
    assert paul.get("/api/v1/search/?q=acme").json()["results"][0]["rows"][0]["id"] == str(web.acme.pk)
    assert paul.get("/api/v1/search/?q=a").status_code == 400
    with tenant(system_actor()):
        Membership.objects.filter(login__email=EMAILS["paul"]).update(role="sales")
    assert "gateways" not in str(hits("gatew"))


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
