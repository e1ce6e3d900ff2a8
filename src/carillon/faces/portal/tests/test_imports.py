"""Rows from a file, through the portal and the API: mapped, tried, taken by the worker as the person who sent it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from openpyxl import Workbook
from tests.support.cast import Cast
from tests.support.clients import Script, browser, program, script
from tests.support.jobs import work

from carillon.base.jobs import Progress, claim_job
from carillon.base.models import AuditEntry, Job, JobPart
from carillon.base.tenancy import tenant
from carillon.business.customers.models import Customer, User
from carillon.business.partners.queries import system_actor
from carillon.faces.portal.tasks import resume_jobs

pytestmark = pytest.mark.django_db(transaction=True)

USERS = "Customer,Full name,Name,Ext.,E-mail,Role\nAcme Ltd,x,Erin,201,erin@acme.test,User\nAcme Ltd,y,Fred,202,,user\n"


def send(api: Script, resource: str, content: bytes | str, name: str = "people.csv", **fields: str) -> Any:
    data = content.encode() if isinstance(content, str) else content
    answer = api.client.post(f"/api/v1/{resource}/import/", {"file": SimpleUploadedFile(name, data), **fields})
    return answer.status_code, json.loads(answer.content)


def imported(
    api: Script, resource: str, content: bytes | str, name: str = "people.csv", **fields: str
) -> dict[str, Any]:
    """Send a file and have it taken; the job as it ended."""
    status, job = send(api, resource, content, name, **fields)
    assert status == 202, job
    work()
    found: dict[str, Any] = api("get", f"jobs/{job['id']}/")[1]
    return found


def counts(job: dict[str, Any]) -> tuple[int, int, int, int]:
    return job["created"], job["changed"], job["unchanged"], job["wrong"]


def users(web: Cast) -> dict[str, str]:
    with tenant(system_actor()):
        return dict(User.objects.filter(customer=web.acme).values_list("name", "extension"))


def test_a_file_becomes_rows_by_its_persons_own_actions(web: Cast) -> None:
    paul = script(web, "paul")
    job = imported(paul, "users", USERS)
    assert (job["state"], counts(job), job["done"], job["total"]) == ("done", (2, 0, 0, 0), 2, 2)
    assert {"Erin": "201", "Fred": "202"}.items() <= users(web).items()
    with tenant(system_actor()):
        entry = AuditEntry.objects.filter(action="user.create", object_name="Erin").get()
    assert entry.actor_name.startswith("paul@northwind.test")


def test_a_trial_changes_nothing_and_tells_everything(web: Cast) -> None:
    paul, before = script(web, "paul"), users(web)
    content = USERS + "Acme Ltd,z,Gus,201,,user\nNobody,z,Hal,204,,user\nAcme Ltd,z,,205,not-mail,boss\n"
    job = imported(paul, "users", content, is_rehearsal="true")
    assert (job["state"], counts(job)) == ("draft", (2, 0, 0, 3))
    assert users(web) == before
    wrong = paul("get", f"jobs/{job['id']}/errors/")[1]
    assert [(one["line"], one["column"]) for one in wrong] == [(4, "Ext."), (5, "Customer"), (6, "Name, Role, E-mail")]


def test_all_lines_or_none(web: Cast) -> None:
    paul, before = script(web, "paul"), users(web)
    content = USERS + "Acme Ltd,z,Gus,201,,user\n"
    job = imported(paul, "users", content)
    assert (job["state"], counts(job), users(web)) == ("failed", (0, 0, 0, 1), before)
    job = imported(paul, "users", content, is_all_or_nothing="false")
    assert (job["state"], counts(job)) == ("done", (2, 0, 0, 1))
    assert "Erin" in users(web) and "Gus" not in users(web)


def test_a_key_changes_rows_that_are_there(web: Cast) -> None:
    paul = script(web, "paul")
    imported(paul, "users", USERS)
    again = "E-mail,Name,Customer,Ext.\nerin@acme.test,Erin Ek,Acme Ltd,201\ngus@acme.test,Gus,Acme Ltd,203\n"
    job = imported(paul, "users", again, key="email")
    assert counts(job) == (1, 1, 0, 0)
    assert counts(imported(paul, "users", again + "\n", key="email")) == (0, 0, 2, 0)
    assert {"Erin Ek": "201", "Gus": "203"}.items() <= users(web).items()
    by_id = f"id,name\n{web.bob.pk},Robert\n{2**40},Nobody\n{web.stranger.pk},Stolen\n"
    job = imported(paul, "users", by_id, key="id", is_all_or_nothing="false")
    assert counts(job) == (0, 1, 0, 2)
    assert "Robert" in users(web)


def test_cells_are_read_as_people_write_them(web: Cast) -> None:
    paul = script(web, "paul")
    content = (
        f"Web product;Name;Type;Charging;Spends a day at most;Calls at a time;Allowed destinations\n"
        f"Northwind Business;Müller & Co;Company;postpaid;1,250.50;4;premium, satellite\n"
        f"{web.business.pk};'=Quay;Individual;Prepaid;;;\n"
    )
    job = imported(paul, "customers", content.encode("windows-1252"))
    assert counts(job) == (2, 0, 0, 0), paul("get", f"jobs/{job['id']}/errors/")
    with tenant(system_actor()):
        one = Customer.objects.get(name="Müller & Co")
        other = Customer.objects.get(name="=Quay")
    assert (one.charging, one.max_daily_spend_micro, one.max_channels) == ("postpaid", 1_250_500_000, 4)
    assert one.allowed_classes == ["premium", "satellite"]
    assert (other.kind, other.max_channels) == ("individual", None)


def test_spreadsheets_are_read(web: Cast) -> None:
    book = Workbook()
    book.active.append(["Customer", "Name", "Ext."])
    book.active.append(["Acme Ltd", "Erin", 201])
    file = io.BytesIO()
    book.save(file)
    job = imported(script(web, "paul"), "users", file.getvalue(), "people.xlsx")
    assert (counts(job), users(web)["Erin"]) == ((1, 0, 0, 0), "201")


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"%PDF-1.7",
        b"\x1f\x8b\x08",
        b"PK\x03\x04 broken",
        b"n\x00a\x00,e\x01\x00x\x00\x00,\n",
        b'name,extension\n"never closed',
        zipped(notes_xml=b"x"),
        zipped(xl__workbook_xml=b"<broken"),
        zipped(xl__workbook_xml=b"0" * 250 * 2**20),
        b"a," * 300 + b"\nx",
    ],
)
def test_files_that_are_no_tables_are_refused(web: Cast, content: bytes) -> None:
    status, problem = send(script(web, "paul"), "users", content)
    assert status == 400 and set(problem["fields"]) <= {"file", "encoding"}, problem
    assert jobs_left() == 0


def jobs_left() -> int:
    with tenant(system_actor()):
        return Job.objects.count() + JobPart.objects.count()


@pytest.mark.parametrize(
    "fields",
    [
        {"mapping": "["},
        {"mapping": '{"Name": "nothing"}'},
        {"mapping": '{"Name": "password"}'},
        {"mapping": '{"Name": "name", "Full name": "name"}'},
        {"key": "role"},
        {"key": "email", "mapping": '{"Name": "name"}'},
        {"encoding": "rot13"},
        {"is_rehearsal": "perhaps"},
        {"partner_id": "1"},
    ],
)
def test_what_cannot_be_meant_is_refused(web: Cast, fields: dict[str, str]) -> None:
    assert send(script(web, "paul"), "users", USERS, **fields)[0] == 400


def test_the_same_file_started_twice_runs_once(web: Cast) -> None:
    paul = script(web, "paul")
    assert send(paul, "users", USERS)[0] == 202
    assert send(paul, "users", USERS)[0] == 409
    work()
    assert list(users(web)).count("Erin") == 1
    answers = []
    for _again in range(2):
        file = SimpleUploadedFile("other.csv", b"Customer,Name\nAcme Ltd,Ida\n")
        answers.append(
            paul.client.post("/api/v1/users/import/", {"file": file}, headers={"idempotency-key": "k"}).json()
        )
    assert answers[0]["id"] == answers[1]["id"]


def test_nobody_imports_what_they_may_not_add(web: Cast) -> None:
    assert send(Script(program(web.staff("paul"), "users.view")), "users", USERS)[0] == 403
    assert send(Script(program(web.user(web.alice), host="northwind.localhost")), "users", USERS)[0] in (403, 404)
    job = imported(script(web, "stranger"), "users", USERS)
    assert (job["state"], job["wrong"]) == ("failed", 2)  # there is no Acme Ltd for the stranger
    paul = script(web, "paul")
    assert paul("get", f"jobs/{job['id']}/")[0] == 404
    assert script(web, "olga")("get", f"jobs/{job['id']}/")[0] == 404  # other people's jobs, of her own tree too
    status, mine = send(Script(program(web.staff("paul"), "users.*", "jobs.*")), "partners", "name\nx\n")
    assert (status, mine["type"]) == (404, "urn:carillon:problem:not-found")


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_when_it_looks(web: Cast) -> None:
    paul, before = script(web, "paul"), users(web)
    _status, job = send(paul, "users", USERS)
    assert paul("post", f"jobs/{job['id']}/cancel/", {})[1]["state"] == "cancelled"
    work()
    assert users(web) == before
    _status, job = send(paul, "users", USERS)
    with tenant(system_actor()):
        Job.objects.filter(pk=job["id"]).update(state="running")
    paul("post", f"jobs/{job['id']}/cancel/", {})
    work()
    assert (paul("get", f"jobs/{job['id']}/")[1]["state"], users(web)) == ("cancelled", before)
    assert paul("post", f"jobs/{job['id']}/cancel/", {})[0] == 409


def test_a_job_whose_worker_died_is_taken_up_where_it_was(web: Cast) -> None:
    paul = script(web, "paul")
    people = "".join(f"Acme Ltd,P{number},{300 + number}\n" for number in range(5))
    _status, job = send(paul, "users", "Customer,Name,Ext.\n" + people, is_all_or_nothing="false")
    with tenant(system_actor()):
        Job.objects.filter(pk=job["id"]).update(state="running", done=3, created=3)  # and then it was killed
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs")
    with tenant(system_actor()):
        held = claim_job(job["id"])
    assert held is not None
    with Progress(held):
        resume_jobs(0)
        work()
        assert paul("get", f"jobs/{job['id']}/")[1]["state"] == "running"  # its worker has it yet
    resume_jobs(0)
    work()
    now = paul("get", f"jobs/{job['id']}/")[1]
    assert (now["state"], now["created"], now["done"]) == ("done", 5, 5)
    assert {"P3", "P4"} <= set(users(web)) and "P2" not in users(web)


CHOSEN = re.compile(r'<select[^>]*name="(column-\d+)"[^>]*>.*?</select>', re.DOTALL)


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_portal_asks_what_columns_mean_and_remembers(web: Cast) -> None:
    paul = browser("paul")
    assert 'id="grid-import"' in page(paul, "/panels/users/")
    assert "Import: Users" in page(paul, "/panels/users/import/")
    file = SimpleUploadedFile("people.csv", b"Firm,Who,Durchwahl\nAcme Ltd,Erin,201\n")
    sent = paul.post("/panels/users/import/", {"file": file, "encoding": ""}, headers={"hx-request": "true"})
    address = sent["HX-Redirect"]
    assert "Durchwahl" in page(paul, address)
    told = {"column-0": "customer_id", "column-1": "name", "column-2": "extension", "is_all_or_nothing": "true"}
    assert paul.post(f"{address}start/", {**told, "column-2": "name", "choice": "check"}).status_code == 400
    assert paul.post(f"{address}start/", {**told, "choice": "check"})["Location"] == address
    assert "job-progress" in page(paul, address)
    work()
    assert "What would happen" in page(paul, address) and "Erin" not in users(web)
    for _twice in range(2):
        paul.post(f"{address}start/", {**told, "choice": "import"})
    work()
    assert "What happened" in page(paul, address) and list(users(web)).count("Erin") == 1
    again = SimpleUploadedFile("more.csv", b"Who,Firm,Durchwahl\nFred,Acme Ltd,202\n")
    sent = paul.post("/panels/users/import/", {"file": again, "encoding": ""}, headers={"hx-request": "true"})
    chosen = re.findall(r'<option value="([a-z_]*)" selected>', page(paul, sent["HX-Redirect"]))
    assert chosen[:3] == ["name", "customer_id", "extension"]


def test_the_error_file_can_be_mended_and_sent_again(web: Cast) -> None:
    paul, content = script(web, "paul"), "Customer,Name,Ext.\nAcme Ltd,=cmd(),201\nAcme Ltd,Erin,2o2\n"
    job = imported(paul, "users", content, is_all_or_nothing="false")
    assert counts(job) == (1, 0, 0, 1)
    text = browser("paul").get(f"/panels/jobs/{job['id']}/errors/").content.decode("utf-8-sig")
    assert text.splitlines()[0] == "Line,Column,What is wrong,Customer,Name,Ext."
    assert counts(imported(paul, "users", text.replace("2o2", "202"))) == (1, 0, 0, 0)
    assert browser("stranger").get(f"/panels/jobs/{job['id']}/errors/").status_code == 404
