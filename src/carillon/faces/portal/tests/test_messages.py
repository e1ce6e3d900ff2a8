"""Messages, subscribers and sessions of web products: kept, answered and left, each partner's own."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMessage
from django.test import Client
from tests.support.cast import PASSWORD, Cast
from tests.support.clients import browser, script

from carillon.faces.portal.tasks import run_job

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_is_written_down_answered_by_mail_and_closed(web: Cast, mailoutbox: list[EmailMessage]) -> None:
    paul = script(web, "paul")
    asked = {
        "web_product_id": web.business.pk,
        "name": "Carla",
        "email": "Carla@acme.test",
        "subject": "Ten phones",
        "text": "What do ten phones cost?",
        "culture": "es",
    }
    made = paul.make("messages/", asked)
    assert (made["customer_id"], made["status"], made["source"]) == (web.acme.pk, "new", "phone")
    assert paul("post", "messages/", {**asked, "email": ""})[0] == 400
    assert paul("post", "messages/", {**asked, "web_product_id": web.elsewhere_voice.pk})[0] == 400
    mine = f"messages/{made['id']}/"
    assert paul("post", f"{mine}reply/", {"text": " "})[0] == 400
    assert paul("post", f"{mine}reply/", {"text": "Nothing until May."})[0] == 200
    (mail,) = mailoutbox
    assert (mail.subject, mail.to) == ("Re: Ten phones", ["Carla@acme.test"])
    assert "Northwind Business" in mail.from_email and "Nothing until May." in mail.body
    assert "Usted escribió" in mail.body and "What do ten phones cost?" in mail.body
    assert [one["text"] for one in paul("get", f"{mine}replies/")[1]] == ["Nothing until May."]
    page = browser("paul").get(f"/panels/messages/{made['id']}/").content.decode()
    assert "What do ten phones cost?" in page and "Nothing until May." in page
    for verb, status in (("close", 200), ("close", 409), ("reopen", 200), ("spam", 200)):
        assert paul("post", f"{mine}{verb}/")[0] == status
    assert paul("post", f"{mine}assign/", {"login_id": web.staff("petra").login_id})[0] == 400
    for other in ("petra", "stranger"):
        theirs = script(web, other)
        assert theirs("get", "messages/")[1]["results"] == []
        assert theirs("get", mine)[0] == theirs("post", f"{mine}reply/", {"text": "x"})[0] == 404
        assert theirs("get", f"{mine}replies/")[0] == 404
    assert paul("delete", mine)[0] == 204
    assert paul("get", "messages/")[1]["results"] == []


def test_nobody_subscribes_without_consent_and_who_has_left_stays_away(web: Cast) -> None:
    paul = script(web, "paul")
    data = {"web_product_id": web.business.pk, "email": "Carla@acme.test", "consent": "Signed at the fair"}
    made = paul.make("subscribers/", data)
    assert (made["state"], made["email"], made["customer_id"]) == ("confirmed", "carla@acme.test", web.acme.pk)
    assert made["consent_at"] and made["confirmed_at"]
    for wrong in (
        {},
        {"consent": "", "email": "a@b.test"},
        {"email": "a@b.test", "consent_at": "2199-01-01T00:00:00Z"},
    ):
        assert paul("post", "subscribers/", {**data, **wrong})[0] == 400, wrong
    mine = f"subscribers/{made['id']}/"
    assert paul("post", f"{mine}unsubscribe/", {"reason": "Too many"})[0] == 200
    assert paul("post", f"{mine}unsubscribe/", {"reason": ""})[0] == 409
    rows = "Web product,E-mail,How they agreed\n"
    rows += "".join(f"Northwind Business,{email},A list\n" for email in ("carla@acme.test", "n@x.test"))
    file = SimpleUploadedFile("list.csv", rows.encode(), content_type="text/csv")
    answer = paul.client.post("/api/v1/subscribers/import/", {"file": file, "is_all_or_nothing": "false"})
    assert answer.status_code == 202, answer.content
    run_job(answer.json()["id"])
    assert paul("get", f"{mine}")[1]["state"] == "unsubscribed"
    (new,) = paul("get", "subscribers/?email=n@x.test")[1]["results"]
    assert new["state"] == "confirmed"
    assert paul("post", f"{mine}subscribe/", {"consent": "Wrote to us"})[0] == 200
    for other in ("petra", "stranger"):
        assert script(web, other)("get", "subscribers/")[1]["results"] == []
        assert script(web, other)("patch", mine, {"name": "x"})[0] == 404


def test_who_is_signed_in_on_a_website_is_shown_with_customer_and_website(web: Cast) -> None:
    visitor = Client(headers={"host": "northwind.localhost"})
    assert visitor.post("/accounts/login/", {"login": "alice@acme.test", "password": PASSWORD}).status_code == 302
    visitor.get("/")
    (row,) = script(web, "paul")("get", "sessions/?tab=customers")[1]["results"]
    assert (row["email"], row["customer"], row["web_product"]) == ("alice@acme.test", "Acme Ltd", "Northwind Business")
    assert script(web, "stranger")("get", "sessions/?tab=customers")[1]["results"] == []
