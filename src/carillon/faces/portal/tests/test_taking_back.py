"""Additions, removals and whole jobs taken back, by the panels' own actions; what is not taken back is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.support.cast import Cast
from tests.support.clients import Script, browser, program, script
from tests.support.jobs import work

from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.customers.models import User
from carillon.business.partners.queries import system_actor

pytestmark = pytest.mark.django_db(transaction=True)


def erin(api: Script, cast: Cast) -> dict[str, Any]:
    body = {"customer_id": cast.acme.pk, "name": "Erin", "extension": "201", "email": "erin@acme.test"}
    return api.make("users/", {**body, "forwards_busy": True, "forward_busy_to": "102", "no_answer_s": 33})


def newest(action: str) -> int:
    with tenant(system_actor()):
        return int(AuditEntry.objects.filter(action=action).latest("id").pk)


def test_what_was_added_goes_again_unless_it_has_changed(web: Cast) -> None:
    paul = script(web, "paul")
    row = f"users/{erin(paul, web)['id']}/"
    added = paul("get", f"{row}history/")[1]["results"][-1]
    assert (added["action"], added["is_undoable"]) == ("create", True)
    undo = f"{row}history/{added['id']}/undo/"
    assert script(web, "stranger")("post", undo)[0] == 404
    assert Script(program(web.staff("paul"), "users.view", "users.change"))("post", undo)[0] == 403
    paul("patch", row, {"name": "Erin Ek"})
    status, problem = paul("post", undo)
    assert (status, "changed since it was added" in problem["detail"]) == (409, True)
    paul("patch", row, {"name": "Erin"})
    question = browser("paul").get(f"/panels/{row}undo/{added['id']}/").content.decode()
    assert "What was added is removed again." in question
    assert paul("post", f"{undo}?reason=twice")[0] == 204
    assert paul("get", row)[0] == 404
    with tenant(system_actor()):
        entry = AuditEntry.objects.get(action="user.remove")
    assert (entry.undoes, entry.reason) == (added["id"], "twice")


def test_what_was_removed_comes_back_as_it_was(web: Cast) -> None:
    paul = script(web, "paul")
    was = erin(paul, web)
    assert paul("delete", f"users/{was['id']}/")[0] == 204
    back = f"audit/{newest('user.remove')}/take-back/"
    assert script(web, "stranger")("post", back, {})[0] == 404
    assert Script(program(web.staff("paul"), "users.view", "audit.view"))("post", back, {})[0] == 403
    page = browser("paul").get(f"/panels/{back.removesuffix('take-back/')}").content.decode()
    assert "Erin" in page and "erin@acme.test" in page and "take-back" in page
    assert paul("post", back, {"reason": "wrong Erin"})[0] == 200
    (now,) = paul("get", "users/?name=Erin")[1]["results"]
    assert {**was, "id": 0, "created_at": ""} == {**now, "id": 0, "created_at": ""}
    assert paul("post", back, {})[0] == 409
    entry = paul("get", f"audit/{newest('user.create')}/")[1]
    assert (entry["reason"], f"audit/{entry['undoes']}/take-back/") == ("wrong Erin", back)


def test_what_history_does_not_keep_is_not_brought_back(web: Cast) -> None:
    paul = script(web, "paul")
    hook = paul.make("webhooks/", {"url": "https://hooks.example.com/a", "events": ["customer.created"]})
    paul("delete", f"webhooks/{hook['id']}/")
    status, problem = paul("post", f"audit/{newest('webhook.remove')}/take-back/", {})
    assert (status, "does not keep" in problem["detail"]) == (409, True)
    paul.make("top-ups/", {"customer_id": web.acme.pk, "amount_micro": 5_000_000})
    money = paul("get", "audit/?object_type=billing.transfer")[1]["results"]
    assert [paul("post", f"audit/{one['id']}/take-back/", {})[0] for one in money] == [409] * len(money)
    assert paul("get", "transactions/")[1]["results"][0]["amount_micro"] == 5_000_000


def test_all_that_a_job_did_is_taken_back_but_for_what_changed_since(web: Cast) -> None:
    paul = script(web, "paul")
    lines = "".join(f"Acme Ltd,P{number},{300 + number}\n" for number in range(22))
    file = SimpleUploadedFile("people.csv", f"Customer,Name,Ext.\n{lines}".encode())
    imported = paul.client.post("/api/v1/users/import/", {"file": file}).json()["id"]
    work()
    with tenant(system_actor()):
        ids = list(User.objects.filter(name__startswith="P").order_by("pk").values_list("pk", flat=True))
    asked = {"action": "edit", "values": {"role": "reception"}, "ids": ids}
    changed = paul("post", "users/bulk/", asked)[1]["id"]
    work()
    paul("patch", f"users/{ids[0]}/", {"role": "administrator"})
    assert taken_back(paul, changed) == ("done", 22, 21, 1)
    with tenant(system_actor()):
        roles = list(User.objects.filter(pk__in=ids).order_by("pk").values_list("role", flat=True))
    assert roles == ["administrator", *["user"] * 21]
    paul("patch", f"users/{ids[0]}/", {"role": "user"})
    paul("patch", f"users/{ids[1]}/", {"name": "Kept"})
    assert taken_back(paul, imported) == ("done", 22, 21, 1)
    with tenant(system_actor()):
        assert list(User.objects.filter(pk__in=ids).values_list("name", flat=True)) == ["Kept"]
    assert paul("post", f"jobs/{imported}/take-back/", {})[0] == 200  # what is left, once more
    assert script(web, "stranger")("post", f"jobs/{imported}/take-back/", {})[0] == 404


def taken_back(api: Script, key: str) -> tuple[str, int, int, int]:
    """Take back all that a job did: state, done, taken back and refused of the job that does so."""
    status, answer = api("post", f"jobs/{key}/take-back/", {"reason": "by mistake"})
    assert status == 200, answer
    page = browser("paul").get(f"/panels/jobs/{answer['job']}/").content.decode()
    assert "Take back: " in page
    work()
    job = api("get", f"jobs/{answer['job']}/")[1]
    return job["state"], job["done"], job["changed"], job["wrong"]
