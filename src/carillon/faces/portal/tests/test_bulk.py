"""Many rows at once, over HTTP as the web role: each its own change, what is refused told row by row."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.cast import Cast
from tests.support.clients import Script, browser, program, script

from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.queries import system_actor
from carillon.panels.bulk import MOST_CHOSEN

pytestmark = pytest.mark.django_db(transaction=True)


def users(paul: Script, cast: Cast, count: int) -> list[dict[str, Any]]:
    """So many new users of Acme's."""
    return [
        paul.make("users/", {"customer_id": cast.acme.pk, "name": f"User {number}", "extension": str(200 + number)})
        for number in range(count)
    ]


def test_each_row_is_a_change_of_its_own_with_its_own_history(web: Cast) -> None:
    paul = script(web, "paul")
    made = users(paul, web, 3)
    ids = [one["id"] for one in made]
    values = {"role": "reception", "is_enabled": False}
    status, answer = paul("post", "users/bulk/", {"action": "edit", "ids": ids, "values": values, "reason": "move"})
    assert (status, answer["done"], answer["refused"]) == (200, 3, 0)
    assert [one["name"] for one in answer["results"]] == ["User 0", "User 1", "User 2"]
    for one in made:
        now = paul("get", f"users/{one['id']}/")[1]
        assert (now["role"], now["is_enabled"], now["extension"]) == ("reception", False, one["extension"])
    with tenant(system_actor()):
        entries = list(AuditEntry.objects.filter(action="user.update", object_id__in=[str(key) for key in ids]))
    assert [(entry.reason, (entry.after or {})["role"]) for entry in entries] == [("move", "reception")] * 3


def test_what_is_refused_is_told_and_the_rest_is_done(web: Cast) -> None:
    paul = script(web, "paul")
    assert paul("post", f"customers/{web.acme.pk}/status/", {"status": "suspended", "reason": "x"})[0] == 200
    ids = [web.acme.pk, web.dan.pk, web.charlie.pk, 10**30, "x"]
    body = {"action": "status", "ids": ids, "values": {"status": "suspended", "reason": "late"}}
    status, answer = paul("post", "customers/bulk/", body)
    assert (status, answer["done"], answer["refused"]) == (200, 1, 4)
    told = {one["id"]: one["problem"] and one["problem"]["status"] for one in answer["results"]}
    assert told == {
        str(web.acme.pk): 409, str(web.dan.pk): None, str(web.charlie.pk): 404, str(10**30): 404, "x": 404,
    }  # fmt: skip
    assert paul("get", f"customers/{web.dan.pk}/")[1]["status"] == "suspended"
    assert script(web, "stranger")("get", f"customers/{web.charlie.pk}/")[1]["status"] == "active"


def test_wrong_input_is_told_once_and_nothing_is_done(web: Cast) -> None:
    paul = script(web, "paul")
    ids = [one["id"] for one in users(paul, web, 2)]

    def refused(**body: Any) -> list[str]:
        status, answer = paul("post", "users/bulk/", {"action": "edit", "ids": ids, **body})
        assert status == 400, answer
        return list(answer.get("fields", {}))

    assert refused(values={"role": "king"}) == ["role"]
    assert refused(values={"name": "All the same"}) == ["name"]
    assert refused(values={}) == []
    assert refused(ids=[], values={"role": "user"}) == ["ids"]
    assert refused(ids=list(range(1, MOST_CHOSEN + 2)), values={"role": "user"}) == ["ids"]
    assert refused(ids=[*range(-50, 0), *ids], values={"role": "king"}) == ["role"]
    assert refused(query="name=User", values={"role": "user"}, count=True) == ["count"]
    assert refused(query="role=user", values={"role": "user"}) == ["ids"]
    assert refused(ids=[True], values={"role": "user"}) == ["ids"]
    assert refused(values=[1]) == ["values"]
    assert refused(colour="red") == ["colour"]
    assert {paul("get", f"users/{key}/")[1]["role"] for key in ids} == {"user"}


def test_all_that_match_are_removed_within_bounds(web: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    paul = script(web, "paul")
    users(paul, web, 3)
    body = {"action": "remove", "query": "?name=User"}
    assert paul("post", "users/bulk/", {**body, "count": 2})[0] == 409
    status, answer = paul("post", "users/bulk/", {**body, "count": 3})
    assert (status, answer["done"]) == (200, 3)
    assert paul("get", "users/?name=User")[1]["results"] == []
    assert paul("post", "users/bulk/", {"action": "remove", "query": "nme=User"})[0] == 400
    monkeypatch.setattr("carillon.panels.bulk.MOST_CHOSEN", 1)
    assert paul("post", "users/bulk/", {"action": "remove", "query": ""})[0] == 400
    assert len(paul("get", "users/")[1]["results"]) > 1


def test_who_may_not_does_nothing(web: Cast) -> None:
    reader = Script(program(web.staff("paul"), "users.view"))
    body = {"ids": [web.alice.pk], "values": {"role": "user"}}
    assert reader("post", "users/bulk/", {"action": "edit", **body})[0] == 403
    assert reader("post", "users/bulk/", {"action": "remove", "ids": [web.alice.pk]})[0] == 403
    assert reader("post", "users/bulk/", {"action": "sign-in", **body})[0] == 404
    assert reader("post", "customers/bulk/", {"action": "edit", **body})[0] == 404
    petra = script(web, "petra")
    answer = petra("post", "users/bulk/", {"action": "edit", **body})[1]
    assert (answer["done"], answer["results"][0]["problem"]["status"]) == (0, 404)


def test_the_same_request_twice_is_done_once(web: Cast) -> None:
    client = program(web.staff("paul"))
    ids = [one["id"] for one in users(Script(client), web, 2)]
    answers = [
        client.post(
            "/api/v1/users/bulk/", {"action": "remove", "ids": ids}, content_type="application/json",
            headers={"idempotency-key": "twice"},
        ).json()
        for _time in range(2)
    ]  # fmt: skip
    assert answers[0] == answers[1]
    assert answers[0]["done"] == 2


def test_portal_asks_then_tells_what_came_of_each_row(web: Cast) -> None:
    paul = browser("paul")
    matching = "customer_id=" + str(web.acme.pk)
    assert paul.get(f"/panels/users/count/?{matching}").json() == {"count": 2}
    page = paul.get("/panels/users/bulk/edit/?count=2").content.decode()
    assert "Edit: 2 rows" in page
    assert 'name="_set" value="role"' in page
    assert 'name="customer_id"' not in page
    keys = f"{web.alice.pk},{web.bob.pk},99"
    form = {"_set": ["is_enabled"], "is_enabled": "", "role": "reception", "_rows": keys, "_reason": "away"}
    results = paul.post("/panels/users/bulk/edit/", form).json()["results"]
    assert [one["error"] for one in results] == [None, None, "There is no such object."]
    bob = script(web, "paul")("get", f"users/{web.bob.pk}/")[1]
    assert (bob["is_enabled"], bob["role"]) == (False, "user")
    again = paul.post("/panels/users/bulk/edit/", {"_set": ["no_answer_s"], "no_answer_s": "1", "_rows": keys})
    assert again.status_code == 422
    assert "must be at least" in again.content.decode()
    assert browser("petra").get("/panels/users/count/").json() == {"count": 1}


def test_all_that_match_are_those_that_somebody_has_seen_the_number_of(web: Cast) -> None:
    paul = browser("paul")
    address = f"/panels/users/bulk/edit/?_all=1&customer_id={web.acme.pk}&count=2"
    form = {"_set": ["role"], "role": "reception"}
    late = paul.post(address, {**form, "count": "1"})
    assert late.status_code == 422
    assert "another number of rows matches" in late.content.decode()
    assert "Edit: 2 rows" in late.content.decode()
    results = paul.post(address, {**form, "count": "1", "_not": str(web.alice.pk)}).json()["results"]
    assert [one["key"] for one in results] == [str(web.bob.pk)]


def test_too_many_that_match_are_not_chosen(web: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carillon.panels.bulk.MOST_CHOSEN", 1)
    answer = browser("paul").get("/panels/users/count/", headers={"accept": "application/json"})
    assert answer.status_code == 400
    assert "More than 1 rows match" in answer.json()["detail"]
