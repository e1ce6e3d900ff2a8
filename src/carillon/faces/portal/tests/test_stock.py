"""Many numbers at once through the portal: checked first, then added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from django.core.cache import cache
from django.test import Client
from tests.support.cast import EMAILS, PASSWORD, Cast

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "/panels/numbers/add/"
FRAGMENT = {"hx-request": "true"}


@pytest.fixture
def paul(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[Client]:
    cache.clear()
    with as_role("web"):
        client = Client(headers={"host": "portal.localhost"})
        assert client.post("/accounts/login/", {"login": EMAILS["paul"], "password": PASSWORD}).status_code == 302
        yield client


def stock(client: Client) -> int:
    return len(client.get("/panels/numbers/rows/", headers={"accept": "application/json"}).json()["rows"])


def test_a_list_with_ranges_is_checked_and_then_added(paul: Client) -> None:
    values = {"numbers": "+44 20 7946 0900 - 0909\n+34 910 009 000", "count": "1"}
    checked = paul.post(ADD, values | {"is_dry_run": "true"}, headers=FRAGMENT)
    assert "11 numbers could be added" in checked.content.decode() and stock(paul) == 0
    assert paul.post(ADD, values, headers=FRAGMENT).status_code == 204
    assert stock(paul) == 11
    again = paul.post(ADD, values | {"is_dry_run": "true"}, headers=FRAGMENT)
    assert "in stock already" in again.content.decode()


def test_what_is_no_list_is_said_beside_it(paul: Client) -> None:
    answer = paul.post(ADD, {"numbers": "+44 20 7946 0900 - 0100", "count": "1"}, headers=FRAGMENT)
    assert "runs backwards" in answer.content.decode() and stock(paul) == 0
