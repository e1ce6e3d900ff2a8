"""Who asks over HTTP: browsers that have signed in and programs with a token, both in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from carillon.base.actor import Actor
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.partners.models import Login
from carillon.business.partners.tokens import TokenData, create_token
from carillon.faces.gate.middleware import SESSION_REALM
from tests.support.cast import EMAILS, Cast

PORTAL = "portal.localhost"


@pytest.fixture
def web(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[Cast]:
    """The cast, with Django's own pooled connection signed in as the web role."""
    cache.clear()
    with as_role("web"):
        yield cast


def bearer(clear: str, host: str = PORTAL) -> Client:
    """A program with this token."""
    return Client(headers={"host": host, "authorization": f"Bearer {clear}"})


def program(actor: Actor, *scopes: str, host: str = PORTAL) -> Client:
    """A program with a new token of the actor's; no scopes: all that the actor may."""
    with tenant(actor):
        return bearer(create_token(actor, TokenData(name="script", scopes=scopes or ("*",)))[1], host)


def browser(name: str) -> Client:
    """A browser in which olga, paul, petra or the stranger has signed in to the portal."""
    return signed_in(EMAILS[name])


def signed_in(email: str) -> Client:
    """A browser in which the member of staff with that address has signed in to the portal."""
    client = Client(headers={"host": PORTAL})
    with realm_scope(0):
        client.force_login(Login.objects.get(key=f"0:{email}"))
    session = client.session
    session[SESSION_REALM] = 0
    session.save()
    return client


class Script:
    """A program that speaks JSON: `paul("get", "customers/")` gives status and body."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def __call__(self, verb: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        given = {"data": body, "content_type": "application/json"} if body is not None else {}
        answer = getattr(self.client, verb)(f"/api/v1/{path}", **given)
        return answer.status_code, json.loads(answer.content) if answer.content else None

    def make(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create something that must be possible; what came of it."""
        status, made = self("post", path, body)
        assert status == 201, made
        return dict(made)

    def upload(self, path: str, content: bytes, **fields: str) -> tuple[int, Any]:
        """Send a rate file; status and body."""
        file = SimpleUploadedFile("rates.csv", content, content_type="text/csv")
        answer = self.client.post(f"/api/v1/{path}", {"file": file, **fields})
        return answer.status_code, json.loads(answer.content)


def script(cast: Cast, name: str, *scopes: str) -> Script:
    """A script of olga's, paul's, petra's or the stranger's."""
    return Script(program(cast.staff(name), *scopes))
