"""What a customer's own people reach over REST, as the web role: their customer's rows and nothing above or beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from carillon.faces.portal.catalogue import panels
from carillon.panels.declaration import Panel
from tests.support.cast import PASSWORD, Cast
from tests.support.clients import program
from tests.support.market import make_market

pytestmark = pytest.mark.django_db(transaction=True)

RESOURCES = [panel for panel in panels() if panel.rest_name]
# Names of everybody and everything that Alice of Acme must never read anywhere.
UNHEARD_OF = ("Charlie", "Bryggen", "Fjord", "Elsewhere", "Level Platform", "Carrier", "Dan", "To Northwind")


@pytest.fixture
def web(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[Cast]:
    """The cast with a market, Django's own pooled connection signed in as the web role."""
    cache.clear()
    make_market(cast)
    with as_role("web"):
        yield cast


def listed(client: Client, panel: Panel) -> list[dict[str, Any]] | None:
    """Return the rows of a resource; None when it is not for this caller."""
    answer = client.get(f"/api/v1/{panel.rest_name}/?limit=200")
    assert answer.status_code in (200, 403, 404), (panel.slug, answer.content[:300])
    if answer.status_code != 200:
        return None
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def test_resources_for_customers_hold_their_rows_only(web: Cast) -> None:
    alice = program(web.user(web.alice), host="northwind.localhost")
    charlie = program(web.user(web.stranger), host="elsewhere.localhost")
    opened = set()
    for panel in RESOURCES:
        mine, theirs = listed(alice, panel), listed(charlie, panel)
        assert (mine is None) == (theirs is None)
        if mine is None or theirs is None:
            assert "customer" not in panel.audiences or not panel.may(web.user(web.alice), "view"), panel.slug
            continue
        opened.add(panel.slug)
        for more in ("totals/", "export/"):
            assert alice.get(f"/api/v1/{panel.rest_name}/{more}").status_code == 200, (panel.slug, more)
        assert not {row["id"] for row in mine} & {row["id"] for row in theirs}, panel.slug
        assert not [name for name in UNHEARD_OF if name in str(mine)], (panel.slug, mine)
    assert {"customers", "users"} <= opened


def test_ids_of_others_are_not_found(web: Cast) -> None:
    alice = program(web.user(web.alice), host="northwind.localhost")
    charlie = program(web.user(web.stranger), host="elsewhere.localhost")
    for panel in RESOURCES:
        for row in listed(charlie, panel) or ():
            path = f"/api/v1/{panel.rest_name}/{row['id']}/"
            answers = [alice.get(path), alice.patch(path, {}, content_type="application/json"), alice.delete(path)]
            assert {answer.status_code for answer in answers} <= {404, 405}, path


def test_session_on_the_brands_website_reads_the_same(web: Cast) -> None:
    alice = Client(headers={"host": "northwind.localhost"})
    answer = alice.post("/accounts/login/", {"login": "alice@acme.test", "password": PASSWORD})
    assert answer.status_code == 302
    token = program(web.user(web.alice), host="northwind.localhost")
    for panel in RESOURCES:
        assert listed(alice, panel) == listed(token, panel), panel.slug


def test_the_portal_is_closed_to_customers(web: Cast) -> None:
    alice = Client(headers={"host": "northwind.localhost"})
    alice.post("/accounts/login/", {"login": "alice@acme.test", "password": PASSWORD})
    for panel in panels():
        assert alice.get(f"/panels/{panel.slug}/").status_code == 404
