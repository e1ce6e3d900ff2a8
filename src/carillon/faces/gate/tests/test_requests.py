from __future__ import annotations

import uuid

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client, override_settings
from tests.support.cast import EMAILS, PASSWORD, Cast

from carillon.faces.gate.hosts import HostBook


def test_health_needs_no_hostname(db: None) -> None:
    answer = Client(headers={"host": "whatever.invalid"}).get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_unknown_hostname_is_a_page_that_says_so(db: None) -> None:
    answer = Client(headers={"host": "nobody.localhost"}).get("/")
    assert answer.status_code == 404
    assert b"No website here" in answer.content


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "testserver"])
def test_plain_localhost_is_no_portal(db: None, name: str) -> None:
    assert Client(headers={"host": name}).get("/accounts/login/").status_code == 404


def test_every_answer_has_its_security_headers(db: None) -> None:
    for path in ("/accounts/login/", "/nothing-here", "/health"):
        answer = Client(headers={"host": "portal.localhost"}).get(path)
        assert "default-src 'self'" in answer["Content-Security-Policy"]
        assert "unsafe-inline" not in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert len(answer["X-Request-ID"]) == 32


def test_web_products_hostname_shows_its_name_and_no_portal(cast: Cast) -> None:
    client = Client(headers={"host": "Northwind.localhost:8080"})
    assert b"Northwind Business" in client.get("/").content
    assert client.get("/panels/customers/").status_code == 404
    assert client.get("/api/v1/customers/").status_code == 401


def test_partner_may_put_the_portal_on_its_own_hostname(cast: Cast) -> None:
    cast.fjord.portal_hostname = "voice.fjord.test"
    cast.fjord.save(update_fields=["portal_hostname"])
    answer = Client(headers={"host": "voice.fjord.test"}).get("/accounts/login/")
    assert b"Fjord Voice" in answer.content


def test_silent_database_is_said_so(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(self: HostBook, name: str) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(HostBook, "find", silent)
    answer = Client(headers={"host": "portal.localhost"}).get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert b"try again" in answer.content


@pytest.mark.parametrize("name", ["a b", "", "portal.localhost:x", "portal.localhost@evil.example", "[::1"])
def test_malformed_host_header_is_refused(db: None, name: str) -> None:
    client = Client(headers={"host": name})
    assert client.get("/").status_code == 400
    assert client.get("/api/v1/customers/")["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/accounts/login/", "/nothing", "/panels/customers/add/", "/api/v1/customers/"])
def test_forms_in_other_encodings_are_refused(db: None, path: str) -> None:
    client = Client(headers={"host": "portal.localhost"}, enforce_csrf_checks=True)
    kind = "application/x-www-form-urlencoded; charset=utf-16"
    assert client.post(path, b"login=%C3", content_type=kind).status_code == 400
    assert client.post(path, b"login=%C3", content_type=kind.replace("16", "8")).status_code in (401, 403, 404)


@pytest.mark.parametrize("path", ["/accounts/login/", "/nothing", "/api/v1/customers/", "/panels/customers/add/"])
def test_bodies_of_any_size_are_not_read(db: None, path: str) -> None:
    client = Client(headers={"host": "portal.localhost"})
    answer = client.generic(
        "POST", path, b"", content_type="multipart/form-data; boundary=b", CONTENT_LENGTH=str(10**10)
    )
    assert answer.status_code == 413


def test_large_files_are_taken_of_who_has_signed_in_and_where_they_are_imported(cast: Cast) -> None:
    stranger, paul = (Client(headers={"host": "portal.localhost"}) for _one in range(2))
    assert paul.post("/accounts/login/", {"login": EMAILS["paul"], "password": PASSWORD}).status_code == 302
    stranger.cookies["sessionid"] = "x" * 32
    size = str(100 * 2**20)
    place, form = "/panels/price-list-versions/1/do/import/", "multipart/form-data; boundary=b"
    for client, path, status in (
        (stranger, place, 413),
        (paul, "/panels/customers/add/", 413),
        (paul, place, 404),
        (Client(headers={"host": "portal.localhost"}), "/api/v1/price-list-versions/1/import/", 401),
    ):
        assert client.generic("POST", path, b"", content_type=form, CONTENT_LENGTH=size).status_code == status, path


def test_nothing_private_stays_in_a_cache(cast: Cast) -> None:
    client = Client(headers={"host": "portal.localhost"})
    assert client.post("/accounts/login/", {"login": EMAILS["paul"], "password": PASSWORD}).status_code == 302
    for path in ("", "rows/", "export/", "lookup/", f"{cast.acme.pk}/edit/", f"{cast.acme.pk}/history/"):
        answer = client.get(f"/panels/customers/{path}")
        assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-store")
    for path in ("/api/v1/customers/", "/accounts/password/change/", "/accounts/login/", "/nothing"):
        assert "no-store" in client.get(path)["Cache-Control"], path


@pytest.mark.parametrize("proxies", [0, 1])
def test_sign_in_limits_go_by_the_address_that_proxies_vouch_for(cast: Cast, proxies: int) -> None:
    """What a client itself writes into X-Forwarded-For counts for nothing."""

    def tries(address: str) -> bytes:
        client = Client(headers={"host": "portal.localhost", "x-forwarded-for": address})
        form = {"login": f"{uuid.uuid4().hex}@nobody.test", "password": "wrong wrong wrong"}
        return client.post("/accounts/login/", form).content

    cache.clear()
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=proxies):
        for forged in range(10):
            tries(f"203.0.113.{forged}, 192.0.2.1")
        assert b"Too many failed" in tries("203.0.113.99, 192.0.2.1")
        assert (b"Too many failed" in tries("192.0.2.1, 192.0.2.2")) == (proxies == 0)


def test_cookies_given_over_tls_stay_there(cast: Cast) -> None:
    for is_secure in (False, True):
        client = Client(headers={"host": "portal.localhost"})
        form = {"login": EMAILS["paul"], "password": PASSWORD}
        given = {**client.get("/accounts/login/", secure=is_secure).cookies}
        given |= client.post("/accounts/login/", form, secure=is_secure).cookies
        assert {"sessionid", "csrftoken"} <= set(given)
        assert {bool(cookie["secure"]) for cookie in given.values()} == {is_secure}
        assert given["sessionid"]["httponly"]
        assert {cookie["samesite"] for name, cookie in given.items() if name != "messages"} == {"Lax"}
        assert {cookie["domain"] for cookie in given.values()} == {""}


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "\\evil.example", "x", "portal:home", "٣"])
def test_the_customer_filter_leads_back_to_our_own_pages_only(cast: Cast, back: str) -> None:
    client = Client(headers={"host": "portal.localhost"})
    client.post("/accounts/login/", {"login": EMAILS["paul"], "password": PASSWORD})
    assert client.post("/customer-filter/", {"back": back})["Location"] == "/"
    assert client.post("/customer-filter/", {"back": "/panels/users/?x=1"})["Location"] == "/panels/users/?x=1"


def test_anonymous_request_sees_no_tenant(cast: Cast) -> None:
    Client(headers={"host": "portal.localhost"}).get("/")
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('carillon.scope', true)")
        assert cursor.fetchone()[0] in (None, "")
