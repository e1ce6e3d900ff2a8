"""Tickets behind both walls, and their files as downloads that no browser opens."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from carillon.base.tenancy import realm_scope, tenant
from carillon.business.support.models import Ticket
from tests.support.cast import Cast
from tests.support.clients import browser

pytestmark = pytest.mark.django_db(transaction=True)

EVIL = b"<script>alert(1)</script>"


def opened(client: Client) -> int:
    """A ticket with a file, opened in the dialog; its id."""
    file = SimpleUploadedFile("note.txt", EVIL, content_type="text/html")
    answer = client.post(
        "/panels/support/add/", {"subject": "Help", "text": "Please", "priority": "high", "files": file}
    )
    assert answer.status_code == 204, answer.content
    key: int = client.get("/panels/support/rows/?tab=from-us").json()["rows"][0]["_id"]
    return int(key)


def rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"select count(*) from {table}")  # noqa: S608 - names of our own tables
        found: int = cursor.fetchone()[0]
    return found


def test_internal_notes_are_no_rows_at_all_for_those_who_ask(web: Cast) -> None:
    key = opened(browser("paul"))
    olga = browser("olga")
    assert olga.post(f"/panels/support/{key}/do/note/", {"text": "They never pay"}).status_code == 204
    assert b"They never pay" in olga.get(f"/panels/support/{key}/").content
    with realm_scope(0):
        actors = {name: web.staff(name) for name in ("olga", "paul", "petra", "stranger")}
    counts = {}
    for name, actor in actors.items():
        with tenant(actor):
            counts[name] = tuple(rows(f"support_{one}") for one in ("ticket", "post", "internalnote", "attachment"))
    assert counts == {"olga": (1, 1, 1, 1), "paul": (1, 1, 0, 1), "petra": (0, 0, 0, 0), "stranger": (0, 0, 0, 0)}
    paul = browser("paul")
    assert b"They never pay" not in paul.get(f"/panels/support/{key}/").content
    assert "They never pay" not in json.dumps(paul.get(f"/api/v1/support/{key}/conversation/").json())


def test_files_are_downloads_for_both_sides_and_nobody_else(web: Cast) -> None:
    paul, olga = browser("paul"), browser("olga")
    key = opened(paul)
    file = paul.get(f"/api/v1/support/{key}/conversation/").json()[0]["files"][0]["id"]
    for client, address in ((paul, "attachments"), (olga, "attachments"), (paul, "api/v1/attachments")):
        answer = client.get(f"/{address}/{file}/")
        assert answer.content == EVIL
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Disposition"] == 'attachment; filename="note.txt"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
    for name in ("petra", "stranger"):
        client = browser(name)
        for address in (f"/attachments/{file}/", f"/api/v1/attachments/{file}/", f"/panels/support/{key}/"):
            assert client.get(address).status_code == 404, (name, address)
        assert client.post(f"/panels/support/{key}/do/reply/", {"text": "x"}).status_code == 404
    assert Client(headers={"host": "portal.localhost"}).get(f"/attachments/{file}/").status_code == 302


def test_a_post_cannot_hang_on_a_strangers_ticket(web: Cast) -> None:
    """Foreign key checks pass row-level security; composite keys hold the wall."""
    key = opened(browser("paul"))
    with realm_scope(0):
        stranger = web.staff("stranger")
    with pytest.raises(Exception, match="same_partner"), tenant(stranger), connection.cursor() as cursor:
        cursor.execute(
            "insert into support_post (partner_id, ticket_id, author_name, is_answer, text, at)"
            " values (%s, %s, 'x', true, 'x', now())",
            [web.elsewhere.pk, key],
        )


def test_rest_asks_replies_and_closes(web: Cast) -> None:
    paul = browser("paul")
    kind = "application/json"
    made = paul.post("/api/v1/support/", json.dumps({"subject": "Help", "text": "Please"}), kind)
    assert (made.status_code, made.json()["status"], made.json()["side"]) == (201, "open", "from-us")
    item = f"/api/v1/support/{made.json()['id']}/"
    file = SimpleUploadedFile("note.txt", b"more")
    assert paul.post(f"{item}reply/", {"text": "More", "files": file}).status_code == 200
    assert [one["text"] for one in paul.get(f"{item}conversation/").json()] == ["Please", "More"]
    assert paul.post(f"{item}note/", json.dumps({"text": "x"}), kind).status_code == 409
    assert paul.post(f"{item}close/", "{}", kind).json()["status"] == "closed"
    with tenant(web.staff("olga")):
        assert Ticket.objects.get().status == "closed"
