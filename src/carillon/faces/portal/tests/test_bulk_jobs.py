"""More rows than somebody waits for: done by the worker as the person who asked, refusals written down row by row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.support.cast import EMAILS, Cast
from tests.support.clients import Script, browser, script
from tests.support.jobs import work

from carillon.base.jobs import Progress, forget_jobs
from carillon.base.models import AuditEntry, Job
from carillon.base.tenancy import tenant
from carillon.business.customers.models import User
from carillon.business.partners.models import Membership
from carillon.business.partners.queries import system_actor
from carillon.faces.portal.tasks import resume_jobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(web: Cast) -> list[int]:
    """45 users of Acme's: three batches."""
    with tenant(system_actor()):
        made = User.objects.bulk_create(
            User(partner_id=web.acme.partner_id, customer=web.acme, name=f"P{number}", extension=str(300 + number))
            for number in range(45)
        )
    return [one.pk for one in made]


def begun(api: Script, ids: list[Any], **body: Any) -> str:
    asked = {"action": "edit", "values": {"role": "reception"}, "reason": "move", "ids": ids, **body}
    status, job = api("post", "users/bulk/", asked)
    assert (status, job["state"], job["total"]) == (202, "waiting", len(ids)), job
    return str(job["id"])


def ended(api: Script, key: str) -> tuple[str, int, int, int]:
    job = api("get", f"jobs/{key}/")[1]
    return job["state"], job["done"], job["changed"], job["wrong"]


def roles(ids: list[int]) -> list[str]:
    with tenant(system_actor()):
        return list(User.objects.filter(pk__in=ids).order_by("pk").values_list("role", flat=True))


def at_beat(monkeypatch: pytest.MonkeyPatch, number: int, do: Callable[[], object]) -> None:
    """Let something happen before the batch of that number."""
    beat, count = Progress.beat, iter(range(100))

    def watched(self: Progress, *args: Any, **kwargs: Any) -> None:
        if next(count) == number:
            with tenant(system_actor()):
                do()
        beat(self, *args, **kwargs)

    monkeypatch.setattr(Progress, "beat", watched)


def test_each_row_is_done_as_its_person_and_each_refusal_is_kept(web: Cast, people: list[int]) -> None:
    paul = script(web, "paul")
    key = begun(paul, [*people, web.stranger.pk, "x"])
    with tenant(system_actor()):
        Job.objects.filter(pk=key).update(impersonators=["boss@level.example"])
    again = {
        "action": "edit",
        "values": {"role": "reception"},
        "reason": "move",
        "ids": [*people, web.stranger.pk, "x"],
    }
    assert paul("post", "users/bulk/", again)[0] == 409  # the same, while it waits
    assert roles(people) == ["user"] * 45
    work()
    assert ended(paul, key) == ("done", 47, 45, 2)
    assert roles(people) == ["reception"] * 45
    with tenant(system_actor()):
        entries = list(AuditEntry.objects.filter(request_id=f"job:{key}").order_by("object_id"))
    assert {(one.reason, tuple(one.impersonators), one.actor_login_id) for one in entries} == {
        ("move", ("boss@level.example",), web.staff("paul").login_id)
    }
    assert sorted(int(one.object_id) for one in entries) == sorted(people)
    told = paul("get", f"jobs/{key}/errors/")[1]
    assert [(one["id"], one["slug"]) for one in told] == [(str(web.stranger.pk), "not-found"), ("x", "not-found")]
    page = browser("paul")
    (note,) = page.get("/notifications/").json()["results"]
    assert (note["text"], note["is_read"]) == ("Edit: 47 rows: 45 done, 2 refused", False)
    page.post("/notifications/read/", {"key": note["key"]})
    assert page.get("/notifications/").json()["results"][0]["is_read"]
    assert "There is no such object." in page.get(f"/panels/jobs/{key}/").content.decode()
    lines = page.get(f"/panels/jobs/{key}/errors/").content.decode("utf-8-sig").splitlines()
    assert lines[0] == "Number (id),Kind,Why it was refused,Row"
    assert len(lines) == 3
    with tenant(system_actor()):
        Job.objects.filter(pk=key).update(created_at=timezone.now() - timedelta(days=30))
        forget_jobs()
    assert len(paul("get", f"jobs/{key}/errors/")[1]) == 2
    assert browser("stranger").get(f"/panels/jobs/{key}/").status_code == 404


def test_a_right_that_is_taken_away_holds_from_the_next_rows_on(
    web: Cast, people: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    paul = script(web, "paul")
    key = begun(paul, people)
    place = Membership.objects.filter(login__email=EMAILS["paul"])
    at_beat(monkeypatch, 1, lambda: place.update(role="reader"))
    work()
    with tenant(system_actor()):
        place.update(role="administrator")
    assert ended(paul, key) == ("done", 45, 20, 25)
    assert {one["slug"] for one in paul("get", f"jobs/{key}/errors/")[1]} == {"not-permitted"}
    assert roles(people).count("reception") == 20


def test_a_job_is_stopped_between_rows_and_taken_up_when_its_worker_died(
    web: Cast, people: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    paul = script(web, "paul")
    key = begun(paul, people)
    with monkeypatch.context() as patch:
        at_beat(patch, 1, lambda: Job.objects.filter(pk=key).update(is_cancel_wanted=True))
        work()
    assert ended(paul, key) == ("cancelled", 20, 20, 0)
    with tenant(system_actor()):
        Job.objects.filter(pk=key).update(state="running", is_cancel_wanted=False)  # as if it had died there
    resume_jobs(0)
    work()
    assert ended(paul, key) == ("done", 45, 45, 0)
    assert roles(people) == ["reception"] * 45


def test_the_portal_begins_a_job_for_all_that_match(web: Cast, people: list[int]) -> None:
    paul = browser("paul")
    address = f"/panels/users/bulk/remove/?_all=1&customer_id={web.acme.pk}&name=P"
    assert "in the background" in paul.get(f"{address}&count=45").content.decode()
    job = paul.post(address, {"count": "45", "_rows": "", "_not": ""}).json()["job"]
    assert "Remove: 45 rows" in paul.get(job).content.decode()
    assert f"/panels/users/?customer_id={web.acme.pk}&amp;name=P" in paul.get(job).content.decode()
    work()
    assert "What happened" in paul.get(job).content.decode()
    assert roles(people) == []
