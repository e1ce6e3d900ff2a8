"""Requests of several tenants one after the other on one connection of the web role."""

from __future__ import annotations

import logging

import pytest
from django.db import connection
from django.test import Client

from carillon.base.actor import nobody
from carillon.base.tenancy import current_actor, realm_scope, tenant
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Login
from carillon.faces.gate.middleware import CONTENT_SECURITY_POLICY
from tests.support.cast import EMAILS, PASSWORD, Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.tenancy.urls")]

SEES = {
    "olga": "Acme Ltd,Bryggen AS,Charlie,Dan",
    "paul": "Acme Ltd,Bryggen AS,Dan",
    "petra": "Bryggen AS",
    "stranger": "Charlie",
}


def signed_in(name: str) -> Client:
    client = Client(headers={"host": "portal.localhost"}, raise_request_exception=False)
    answer = client.post("/accounts/login/", {"login": EMAILS[name], "password": PASSWORD})
    assert answer.status_code == 302
    return client


def body(client: Client, path: str) -> str:
    return b"".join(client.get(path)).decode().strip(",")  # iterating reads streams too


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        found: int = cursor.fetchone()[0]
    return found


@pytest.mark.parametrize("path", ["/names", "/rendered", "/streamed"])
def test_each_sees_its_own_and_the_next_nothing_of_it(web: Cast, path: str) -> None:
    clients = {name: signed_in(name) for name in SEES}
    backends = set()
    for _ in range(2):
        for name, client in clients.items():
            assert body(client, path) == SEES[name]
            assert body(Client(headers={"host": "portal.localhost"}), path) == ""
            assert current_actor() == nobody()
            backends.add(backend())
    assert len(backends) == 1


def test_two_streams_read_in_turns_keep_their_scopes(web: Cast) -> None:
    paul, stranger = signed_in("paul"), signed_in("stranger")
    first, second = paul.get("/streamed"), stranger.get("/streamed")
    assert b"".join(second).decode() == "Charlie,"
    assert b"".join(first).decode() == "Acme Ltd,Bryggen AS,Dan,"


def test_a_failing_view_leaves_nothing_behind(web: Cast, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="django.request")
    client = signed_in("paul")
    assert client.get("/broken").status_code == 500
    assert body(client, "/names") == SEES["paul"]


def test_a_refusal_keeps_what_the_view_has_done(web: Cast) -> None:
    client = signed_in("stranger")
    assert client.get("/refused").status_code == 409
    with realm_scope(0):
        olga = web.staff("olga")
    with tenant(olga):
        assert sorted(Customer.objects.exclude(email="").values_list("email", flat=True)) == [
            "carla@acme.test",
            "done@carillon.test",
        ]


def test_a_view_goes_on_after_an_error_it_has_caught(web: Cast) -> None:
    assert body(signed_in("petra"), "/caught") == SEES["petra"]


def test_everybody_is_spoken_to_in_their_own_manner(web: Cast) -> None:
    with realm_scope(0):
        Login.objects.filter(email=EMAILS["petra"]).update(timezone="Europe/Oslo", culture="es-ES")
        Login.objects.filter(email=EMAILS["paul"]).update(culture="nb")
    assert body(signed_in("petra"), "/manner") == "Europe/Oslo es"
    assert body(signed_in("paul"), "/manner") == "UTC en"
    visitor = Client(headers={"host": "portal.localhost", "accept-language": "es"})
    assert body(visitor, "/manner") == "UTC es"


def test_a_session_in_another_realm_sees_nothing(web: Cast) -> None:
    client = signed_in("paul")
    stolen = Client(headers={"host": "northwind.localhost"})
    stolen.cookies = client.cookies
    assert "Sign in" in body(stolen, "/")
    assert body(client, "/names") == ""


def test_no_view_loosens_the_content_security_policy(web: Cast) -> None:
    """Browsers obey each of several policies: what a view adds can only forbid more."""
    first, _comma, added = (
        Client(headers={"host": "portal.localhost"}).get("/loosened")["Content-Security-Policy"].partition(", ")
    )
    assert (first, added) == (CONTENT_SECURITY_POLICY, "default-src * 'unsafe-inline'")
