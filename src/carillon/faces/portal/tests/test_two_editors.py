"""Two people change the same object: the second is told who changed what, and chooses; nothing is lost."""

from __future__ import annotations

import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from tests.support.cast import Cast
from tests.support.clients import browser, program, script

from carillon.base.tenancy import tenant
from carillon.business.customers.models import Customer, User
from carillon.business.partners.queries import system_actor

pytestmark = pytest.mark.django_db(transaction=True)

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
FIELDS = re.compile(r'<input (?![^>]*type="(?:hidden|checkbox)")[^>]*name="([^"]+)"[^>]*value="([^"]*)"')
CHECKED = re.compile(r'<input type="checkbox"[^>]*name="([^"]+)" value="([^"]*)" checked')
SELECTED = re.compile(r'<select[^>]*name="([^"]+)"[^>]*>.*?<option value="([^"]*)" selected', re.DOTALL)
AREAS = re.compile(r'<textarea[^>]*name="([^"]+)"[^>]*>([^<]*)</textarea>')


def filled(page: Any) -> dict[str, Any]:
    """What a browser would send when nothing is touched."""
    text = page.content.decode()
    found: dict[str, Any] = {}
    for pattern in (HIDDEN, FIELDS, CHECKED, SELECTED, AREAS):
        for name, value in pattern.findall(text):
            found[name] = html.unescape(value)
    return {name: value for name, value in found.items() if name != "csrfmiddlewaretoken"}


def address(row: Any) -> str:
    return f"/panels/{'customers' if isinstance(row, Customer) else 'users'}/{row.pk}/edit/"


def bob_as_saved(web: Cast) -> User:
    with tenant(system_actor()):
        return User.objects.get(pk=web.bob.pk)


def test_the_second_is_told_who_changed_what(web: Cast) -> None:
    paul, olga = browser("paul"), browser("olga")
    mine, theirs = filled(paul.get(address(web.bob))), filled(olga.get(address(web.bob)))
    saved = olga.post(address(web.bob), {**theirs, "name": "Robert", "_reason": "so it says on his passport"})
    assert saved.status_code == 204
    told = paul.post(address(web.bob), {**mine, "name": "Bobby", "email": "bob@acme.test"})
    text = told.content.decode()
    assert told.status_code == 422
    for wanted in ("olga@level.test", "so it says on his passport", "Robert", "Bobby", "bob@acme.test"):
        assert wanted in text
    assert bob_as_saved(web).name == "Robert"


def test_keeping_mine_keeps_what_the_other_changed_elsewhere(web: Cast) -> None:
    paul, olga = browser("paul"), browser("olga")
    mine, theirs = filled(paul.get(address(web.bob))), filled(olga.get(address(web.bob)))
    olga.post(address(web.bob), {**theirs, "name": "Robert", "extension": "109"})
    told = paul.post(address(web.bob), {**mine, "name": "Bobby"})
    assert paul.post(address(web.bob), {**filled(told), "_choice": "mine"}).status_code == 204
    bob = bob_as_saved(web)
    assert (bob.name, bob.extension) == ("Bobby", "109")


def test_taking_theirs_changes_nothing(web: Cast) -> None:
    paul, olga = browser("paul"), browser("olga")
    mine, theirs = filled(paul.get(address(web.bob))), filled(olga.get(address(web.bob)))
    olga.post(address(web.bob), {**theirs, "name": "Robert"})
    told = paul.post(address(web.bob), {**mine, "name": "Bobby"})
    assert paul.post(address(web.bob), {**filled(told), "_choice": "theirs"}).status_code == 204
    assert bob_as_saved(web).name == "Robert"


def test_going_back_keeps_what_was_typed_and_a_third_change_is_told_too(web: Cast) -> None:
    paul, olga = browser("paul"), browser("olga")
    mine, theirs = filled(paul.get(address(web.bob))), filled(olga.get(address(web.bob)))
    olga.post(address(web.bob), {**theirs, "name": "Robert"})
    told = paul.post(address(web.bob), {**mine, "name": "Bobby", "forwards_busy": "true", "forward_busy_to": "101"})
    back = filled(paul.post(address(web.bob), {**filled(told), "_choice": "back"}))
    assert (back["name"], back["forwards_busy"], back["forward_busy_to"]) == ("Bobby", "true", "101")
    olga.post(address(web.bob), {**filled(olga.get(address(web.bob))), "extension": "109"})
    again = paul.post(address(web.bob), back)
    assert again.status_code == 422
    assert "109" in again.content.decode()
    assert paul.post(address(web.bob), {**filled(again), "_choice": "mine"}).status_code == 204
    bob = bob_as_saved(web)
    assert (bob.name, bob.extension, bob.forward_busy_to) == ("Bobby", "109", "101")


def test_a_change_of_what_the_form_does_not_show_is_no_conflict(web: Cast) -> None:
    paul, olga = browser("paul"), script(web, "olga")
    mine = filled(paul.get(address(web.acme)))
    status, _ = olga("post", f"customers/{web.acme.pk}/status/", {"status": "suspended", "reason": "unpaid"})
    assert status == 200
    assert paul.post(address(web.acme), {**mine, "name": "Acme Limited"}).status_code == 204
    with tenant(system_actor()):
        acme = Customer.objects.get(pk=web.acme.pk)
    assert (acme.name, acme.status) == ("Acme Limited", "suspended")


def test_saving_twice_what_was_not_changed_is_no_conflict(web: Cast) -> None:
    paul = browser("paul")
    mine = filled(paul.get(address(web.bob)))
    assert paul.post(address(web.bob), {**mine, "name": "Bobby"}).status_code == 204
    assert paul.post(address(web.bob), filled(paul.get(address(web.bob)))).status_code == 204


@pytest.mark.parametrize("opened", ["", "[]", "{}", "[1]", '["x", "y", {}]', '["x", 1, {"a": 1}]', "[" * 100_000])
def test_a_forged_opening_breaks_nothing(web: Cast, opened: str) -> None:
    paul = browser("paul")
    mine = filled(paul.get(address(web.bob)))
    assert paul.post(address(web.bob), {**mine, "name": "Bobby", "_opened": opened}).status_code in (204, 422)


def test_of_many_at_the_same_moment_one_wins(web: Cast) -> None:
    """Each names the version it has seen: exactly one of them is still right about it."""
    paul = program(web.staff("paul"))
    item = f"/api/v1/users/{web.bob.pk}/"
    tag = paul.get(item)["ETag"]

    def change(number: int) -> int:
        try:
            body = json.dumps({"name": f"Bob {number}"})
            return paul.patch(item, body, content_type="application/json", headers={"if-match": tag}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(change, range(6))) == [200, *[412] * 5]


def test_programs_name_the_version_they_have_seen(web: Cast) -> None:
    paul = program(web.staff("paul"))
    item = f"/api/v1/users/{web.bob.pk}/"
    first = paul.get(item)["ETag"]
    second = patched(paul, item, {"name": "Robert"}, first)
    assert second.status_code == 200 and second["ETag"] != first
    refused = patched(paul, item, {"name": "Bobby"}, first)
    assert (refused.status_code, refused.json()["type"]) == (412, "urn:carillon:problem:changed-meanwhile")
    assert paul.delete(item, headers={"if-match": first}).status_code == 412
    assert patched(paul, item, {"name": "Bobby"}, f'"nothing", W/{second["ETag"]}').status_code == 200
    assert patched(paul, item, {"name": "Bob"}, "*").status_code == 200


def patched(client: Client, item: str, body: dict[str, Any], tag: str) -> Any:
    return client.patch(item, json.dumps(body), content_type="application/json", headers={"if-match": tag})
