"""Every route that the URL resolver knows, at a portal and a web product's site, by those who have no business there.

A route that stands in none of the classes below fails: whoever adds one says who may use it. What staff reach row by
row is in tests/contracts/test_every_panel.py, what customers reach over REST in test_customers_audience.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.queries import system_actor
from carillon.faces.gate.middleware import CONTENT_SECURITY_POLICY, FRAMED
from carillon.faces.portal.catalogue import pages, panels
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.market import make_market

pytestmark = pytest.mark.django_db(transaction=True)

PORTAL, SITE = "portal.localhost", "northwind.localhost"
CONFIGURED = {PORTAL: "carillon.server.urls", SITE: "carillon.faces.gate.site_urls"}

FOR_VISITORS = {
    "account_login", "account_logout", "account_inactive", "account_reset_password", "account_reset_password_done",
    "account_reset_password_from_key", "account_reset_password_from_key_done", "mfa_authenticate", "front_page",
    "theme", "logo", "legal", "picture",
    "gate_back", "gate_hand_over", "gate_take_over", "gate_invitation",
}  # fmt: skip
FOR_WHO_SIGNED_IN = {
    "account_reauthenticate", "account_change_password", "account_set_password", "gate_places", "gate_sessions",
    "mfa_index",
    "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes", "mfa_download_recovery_codes", "mfa_list_webauthn", "mfa_add_webauthn",
    "mfa_reauthenticate_webauthn", "mfa_remove_webauthn", "mfa_edit_webauthn",
}  # fmt: skip
FOR_STAFF = {
    "home", "customer-filter", "page", "panel", "rows", "totals", "export", "count", "bulk", "lookup", "add",
    "detail", "edit", "remove", "notes", "history", "undo", "do", "go", "preferences", "search", "attachment",
    "import", "job-start", "job-progress", "job-errors", "report-file",
    "help", "chapter", "about", "wizard", "preview", "colours", "brand-form", "brand-preview", "menu",
    "notifications", "notifications-read", "shortcuts",
}  # fmt: skip
FRAMED_BY_US = {"preview", "brand-preview"}
OWN = {"notifications", "preferences", "search", "attachment"}  # in REST: of whoever calls
METHODS = ("get", "post", "put", "patch", "delete", "options")


def routes(found: URLResolver, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, pattern) of every address below `found`."""
    for one in found.url_patterns:
        pattern = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from routes(one, pattern)
        elif isinstance(one, URLPattern):
            yield one.name or "", pattern


def kind_of(name: str, pattern: str) -> str:
    """Who a route is for; "" when nobody has said so."""
    if name == "metrics":
        return "api"
    if pattern.startswith("api/v1/"):
        resources = [*(panel.rest_name for panel in panels() if panel.rest_name), *(page.slug for page in pages())]
        is_known = name in {"schema", "nothing", *OWN} or any(name.startswith(f"{one}-") for one in resources)
        return "api" if is_known else ""
    classes = {"visitors": FOR_VISITORS, "signed in": FOR_WHO_SIGNED_IN, "staff": FOR_STAFF}
    return next((kind for kind, names in classes.items() if name in names), "")


def address(pattern: str, cast: Cast) -> str:
    """An address of that pattern that means Acme; other objects have an id that nothing has."""
    filled = re.sub(r"\(\?P<uidb36>.*", "1-set-password/", pattern.replace("^", ""))
    values = {
        "slug": "customers",
        "key": cast.acme.pk,
        "name": "status",
        "target": "users",
        "id": 2**62,
        "entry": 1,
        "pk": 2**62,
        "ticket": "x",
        "digest": "x",
        "clear": "x",
    }
    if filled.startswith("api/v1/customers/"):
        values["id"] = cast.acme.pk
    if "<uuid:" in filled:
        values["id"] = values["key"] = "00000000-0000-0000-0000-000000000001"
    return "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(values[found[1]]), filled).replace("$", "")


@pytest.fixture
def web(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[Cast]:
    """The cast with a market, Django's own pooled connection signed in as the web role."""
    cache.clear()
    make_market(cast)
    with as_role("web"):
        yield cast


def answers(client: Client, host: str, cast: Cast) -> Iterator[tuple[str, str, str, Any]]:
    """Every route of the host by every method: (class, method, address, answer)."""
    for name, pattern in routes(get_resolver(CONFIGURED[host])):
        path = address(pattern, cast)
        for method in METHODS:
            answer = getattr(client, method)(path)
            assert answer.status_code < 500, (method, path)
            policy = answer["Content-Security-Policy"].split(", ")[0]  # what a view adds is obeyed beside it
            assert policy == CONTENT_SECURITY_POLICY or (name in FRAMED_BY_US and policy == FRAMED), path
            yield kind_of(name, pattern), method, path, answer


def history() -> int:
    with tenant(system_actor()):
        return AuditEntry.objects.count()


def test_every_route_is_classified() -> None:
    found = {host: list(routes(get_resolver(conf))) for host, conf in CONFIGURED.items()}
    kinds = {host: {pattern: kind_of(name, pattern) for name, pattern in found[host]} for host in CONFIGURED}
    assert [pattern for host in CONFIGURED for pattern, kind in kinds[host].items() if not kind] == []
    assert "staff" not in kinds[SITE].values()


@pytest.mark.parametrize("host", CONFIGURED)
def test_visitors_reach_the_sign_in_and_nothing_else(web: Cast, host: str) -> None:
    before = history()
    for kind, method, path, answer in answers(Client(headers={"host": host}), host, web):
        if kind in ("staff", "signed in"):
            assert answer.status_code in (302, 405), (method, path)
            assert answer.status_code == 405 or answer["Location"].startswith("/accounts/login/"), (method, path)
        elif kind == "api":
            assert answer.status_code == 401 or (path.endswith("/schema/") and host == PORTAL), (method, path)
        assert b"Acme" not in answer.content, (method, path)
    assert history() == before


def signed_in(host: str, email: str) -> Client:
    cache.clear()  # however often: limits are not what is tested here
    client = Client(headers={"host": host})
    assert client.post("/accounts/login/", {"login": email, "password": PASSWORD}).status_code == 302
    return client


def test_customers_people_have_no_way_into_the_portal(web: Cast) -> None:
    """Neither at their own site nor with their cookie at the portal."""
    alice = signed_in(SITE, "alice@acme.test")
    for name, pattern in routes(get_resolver(CONFIGURED[PORTAL])):
        if kind_of(name, pattern) != "staff" or name == "home":
            continue
        path = address(pattern, web)
        for method in METHODS:
            assert getattr(alice, method)(path).status_code == 404, (method, path)
            there = Client(headers={"host": PORTAL})
            there.cookies["sessionid"] = alice.cookies["sessionid"].value
            assert getattr(there, method)(path).status_code in (302, 405), (method, path)
            alice = alice if alice.get("/api/v1/users/").status_code == 200 else signed_in(SITE, "alice@acme.test")


def test_customers_people_change_nothing_by_trying_everything(web: Cast) -> None:
    before = history()
    for kind, method, path, answer in answers(signed_in(SITE, "alice@acme.test"), SITE, web):
        if kind == "api" and answer.status_code < 300:
            assert method in ("get", "options") or path.endswith("/schema/"), (method, path)
            assert b"Charlie" not in answer.content, (method, path)
            assert b"Bryggen" not in answer.content, (method, path)
    assert history() == before


@pytest.mark.parametrize("name", ["petra", "stranger"])
def test_neighbours_reach_nothing_of_acme(web: Cast, name: str) -> None:
    """Acme belongs to a partner above Petra and beside the stranger."""
    client = signed_in(PORTAL, EMAILS[name])
    before = history()
    for kind, method, path, answer in answers(client, PORTAL, web):
        if path.startswith("/accounts/logout/"):
            client.post("/accounts/login/", {"login": EMAILS[name], "password": PASSWORD})
        assert b"Acme" not in answer.content, (method, path)
        if kind == "staff" and f"/customers/{web.acme.pk}/" in path:
            assert answer.status_code in (404, 405), (method, path)
    assert history() == before
