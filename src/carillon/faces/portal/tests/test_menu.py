"""The menu's groups fold, and stay as each person left them; the page at hand is always to be seen."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from tests.support.cast import Cast
from tests.support.clients import browser

from carillon.faces.portal.catalogue import entries
from carillon.faces.portal.menu import GROUPS, menu_of

pytestmark = pytest.mark.django_db(transaction=True)


def opened(client: Client, path: str) -> set[str]:
    text = client.get(path).content.decode()
    return {
        name
        for is_open, name in re.findall(r'aria-expanded="(\w+)" aria-controls="[\w-]+" data-group="(\w+)"', text)
        if is_open == "true"
    }


def test_everything_has_its_place_and_the_page_at_hand_is_seen(web: Cast) -> None:
    placed = {slug for group in GROUPS for slug in group.slugs}
    assert [one.slug for one in entries() if one.section and one.slug not in placed] == []
    paul = browser("paul")
    text = paul.get("/panels/gateways/").content.decode()
    assert all(
        f'href="/panels/{one.slug}/"' in text or f'href="/pages/{one.slug}/"' in text
        for one in menu_of(web.staff("paul"))
    )
    assert opened(paul, "/panels/gateways/") == {"network", "customers", "calls", "desk"}


def test_each_person_finds_it_as_they_left_it(web: Cast) -> None:
    paul, petra = browser("paul"), browser("petra")
    assert paul.post("/menu/", {"open": ["offer", "nonsense", "calls"]}).status_code == 204
    assert opened(paul, "/panels/cdrs/") == {"offer", "calls"}
    assert opened(paul, "/panels/gateways/") == {"offer", "calls", "network"}
    assert opened(petra, "/panels/cdrs/") == {"customers", "calls", "desk"}
    assert paul.post("/menu/", {}).status_code == 204
    assert opened(paul, "/pages/quick-start/") == set()
