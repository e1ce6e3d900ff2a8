"""Every dialog of every panel with what nobody should send: the form again with its errors, never a crash."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from django.core.cache import cache
from django.test import Client
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.market import make_market

from carillon.base.tenancy import tenant
from carillon.business.numbers.actions import NumberData, add_number
from carillon.business.partners.queries import system_actor
from carillon.faces.portal.catalogue import panels

pytestmark = pytest.mark.django_db(transaction=True)

NASTY = ("x\x00y", "\u202e<script>", "9" * 30, "NaN", "0000-00-00", "x" * 5000)
INPUT = re.compile(r'<(?:input|textarea|select)(?![^>]*type="checkbox")[^>]*name="([a-z_0-9]+)"')


@pytest.fixture
def web(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[Client]:
    """Paul's browser in a market with a number, as the web role."""
    cache.clear()
    make_market(cast)
    with tenant(system_actor()) as actor:
        add_number(actor, NumberData(e164="+442079460777", partner_id=cast.northwind.pk))
    with as_role("web"):
        client = Client(headers={"host": "portal.localhost"}, raise_request_exception=False)
        assert client.post("/accounts/login/", {"login": EMAILS["paul"], "password": PASSWORD}).status_code == 302
        yield client


def dialogs(client: Client) -> Iterator[str]:
    """Addresses of all dialogs with a form: adding, and changing the first row in every way there is."""
    for panel in panels():
        if panel.create:
            yield f"/panels/{panel.slug}/add/"
        rows = client.get(f"/panels/{panel.slug}/rows/?size=25").json()["rows"]
        if rows:
            item = f"/panels/{panel.slug}/{rows[0]['_id']}/"
            yield from ([f"{item}edit/"] if panel.update else [])
            yield from (f"{item}do/{action.name}/" for action in panel.actions if action.data)


def test_refused_values_come_back_in_the_form(web: Client) -> None:
    wrong, seen = [], 0
    for path in dialogs(web):
        page = web.get(path)
        names = set(INPUT.findall(page.content.decode())) - {"csrfmiddlewaretoken"}
        for value in NASTY if page.status_code == 200 and names else ():
            answer = web.post(path, dict.fromkeys(names, value))
            seen += 1
            is_text = "\x00" not in value  # a reason may read like that
            if answer.status_code != 422 and not (is_text and answer.status_code in (200, 204)):
                wrong.append((path, value[:20], answer.status_code))
    assert wrong == []
    assert seen > 100
