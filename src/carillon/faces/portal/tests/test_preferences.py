"""What a person chooses for their own eyes holds in grids, forms and pages, and never for programs."""

from __future__ import annotations

import json

import pytest
from tests.support.cast import EMAILS, Cast
from tests.support.clients import browser

from carillon.base.tenancy import tenant
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Login, Membership
from carillon.business.partners.queries import system_actor

pytestmark = pytest.mark.django_db(transaction=True)

MADRID = {
    "culture": "en",
    "timezone": "Europe/Madrid",
    "date_format": "day-first",
    "number_format": "comma",
    "colour_scheme": "dark",
}


def test_the_dialog_saves_and_shows_the_page_again(web: Cast) -> None:
    client = browser("paul")
    shown = client.get("/preferences/", headers={"hx-request": "true"}).content.decode()
    assert "31/01/2026" in shown and "Europe/Madrid" in shown and "1.234,56" in shown
    answer = client.post("/preferences/", MADRID, headers={"hx-request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (204, "true")
    page = client.get("/panels/customers/").content.decode()
    assert 'data-theme="dark"' in page and 'data-numbers="comma"' in page
    assert "Your preferences were saved." in page


def test_wrong_values_are_named_and_nothing_is_saved(web: Cast) -> None:
    client = browser("paul")
    answer = client.post("/preferences/", {**MADRID, "timezone": "Mars/Olympus"}, headers={"hx-request": "true"})
    assert answer.status_code == 422
    assert b'data-theme="system"' in client.get("/panels/customers/").content


def test_grid_form_and_file_speak_the_persons_manner_and_rest_does_not(web: Cast) -> None:
    with tenant(system_actor()):
        Customer.objects.filter(pk=web.acme.pk).update(max_daily_spend_micro=1_234_500_000)
    client = browser("paul")
    client.post("/preferences/", MADRID)
    form = client.get(f"/panels/customers/{web.acme.pk}/edit/").content.decode()
    assert 'value="1234,50"' in form
    rows = client.get("/panels/customers/rows/").json()["rows"]
    assert {row["available"][0] for row in rows} == {"0,00"}
    assert b"0,00" in client.get("/panels/customers/export/").content
    assert b"0.00" in client.get("/api/v1/customers/export/?format=csv").content
    sent = {"name": "Acme Ltd", "kind": web.acme.kind, "charging": "prepaid", "max_daily_spend_micro": "2.345,60"}
    answer = client.post(f"/panels/customers/{web.acme.pk}/edit/", {**sent, "timezone": "UTC", "country": "GB"})
    assert answer.status_code == 204, answer.content
    found = client.get(f"/api/v1/customers/{web.acme.pk}/").json()
    assert found["max_daily_spend_micro"] == 2_345_600_000
    assert found["created_at"].endswith("Z")


def test_rest_reads_and_changes_them_too(web: Cast) -> None:
    client = browser("paul")
    assert client.get("/api/v1/preferences/").json()["number_format"] == "point"
    token = {"x-csrftoken": "x"}
    answer = client.patch(
        "/api/v1/preferences/", json.dumps({"number_format": "space"}), "application/json", headers=token
    )
    assert (answer.status_code, answer.json()["number_format"]) == (200, "space")
    wrong = client.patch(
        "/api/v1/preferences/", json.dumps({"number_format": "x", "is_active": False}), "application/json"
    )
    assert (wrong.status_code, set(wrong.json()["fields"])) == (400, {"number_format", "is_active"})
    assert client.patch("/api/v1/preferences/", "[]", "application/json").status_code == 400


def test_one_changes_ones_own_although_hired_further_up_and_nobody_elses(web: Cast) -> None:
    """Olga's login is the operator's; at Fjord, where she helps out, the scope does not hold it."""
    with tenant(system_actor()):
        olga = Login.objects.get(email=EMAILS["olga"])
        Membership.objects.filter(login=olga).delete()
        Membership.objects.create(partner=web.fjord, login=olga, role="reader")
    client = browser("olga")
    assert client.post("/preferences/", MADRID).status_code == 204
    with tenant(system_actor()):
        changed = Login.objects.filter(colour_scheme="dark")
        assert list(changed.values_list("email", flat=True)) == [EMAILS["olga"]]
