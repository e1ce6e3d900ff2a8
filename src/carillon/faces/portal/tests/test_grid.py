"""What every grid can do, over HTTP as the web role: files, columns, views, totals, many rows at once."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.expressions import RawSQL
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook
from tests.support.cast import PASSWORD, Cast
from tests.support.clients import Script, browser, program, script, signed_in

from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.calls.models import Cdr
from carillon.business.customers.models import Customer
from carillon.business.partners.actions import StaffData, create_staff
from carillon.business.partners.choices import Role
from carillon.business.partners.queries import system_actor
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.panels.totals import totals_of

pytestmark = pytest.mark.django_db(transaction=True)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def sheet_of(answer: Any) -> list[tuple[Any, ...]]:
    assert answer.status_code == 200, answer.content[:300]
    assert answer["Content-Type"] == XLSX
    return [tuple(line) for line in load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True)]


def lines_of(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.content[:300]
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def hire(cast: Cast, role: str) -> Script:
    """A new colleague of Paul's, signed in."""
    email = f"{role}@northwind.test"
    with tenant(cast.staff("paul")):
        create_staff(cast.staff("paul"), StaffData(email=email, name=role.title(), role=Role(role), password=PASSWORD))
    return Script(signed_in(email))


# ---------------------------------------------------------------- files


def test_rows_leave_as_a_sheet_that_counts(web: Cast) -> None:
    script(web, "paul").make("transactions/", {"customer_id": web.acme.pk, "amount_micro": 1_234_500_000})
    titles, *lines = sheet_of(browser("paul").get("/panels/transactions/export/?format=xlsx"))
    found = dict(zip(titles, lines[0], strict=True))
    assert (found["For"], found["Amount"], found["Currency"]) == ("Acme Ltd", 1234.5, "EUR")
    assert isinstance(found["Time"], datetime)


def test_formula_as_a_name_stays_a_name_in_both_files(web: Cast) -> None:
    name = '=HYPERLINK("http://evil.test","Acme")'
    script(web, "paul")("patch", f"customers/{web.acme.pk}/", {"name": name})
    for client, base in ((browser("paul"), "/panels"), (program(web.staff("paul")), "/api/v1")):
        assert [f"'{name}"] in [line[:1] for line in lines_of(client.get(f"{base}/customers/export/?format=csv"))]
        book = load_workbook(io.BytesIO(client.get(f"{base}/customers/export/?format=xlsx").content))
        cells = [line[0] for line in book.active.iter_rows()]
        assert name in [cell.value for cell in cells]
        assert {cell.data_type for cell in cells} == {"s"}


def test_file_has_the_columns_asked_for_in_that_order(web: Cast) -> None:
    client = program(web.staff("paul"))
    lines = lines_of(client.get("/api/v1/customers/export/?columns=country,name,timezone&order=name"))
    assert lines[0] == ["Country", "Name", "Time zone"]
    assert [line[1] for line in lines[1:]] == ["Acme Ltd", "Bryggen AS", "Dan"]
    for wrong in ("columns=nothing", "columns=name,name", "format=pdf", "cursor=x", "order=tax_number", "status=odd"):
        assert client.get(f"/api/v1/customers/export/?{wrong}").status_code == 400, wrong
        if "cursor" not in wrong:
            answer = browser("paul").get(f"/panels/customers/export/?{wrong}", headers={"accept": "application/json"})
            assert answer.status_code == 400, wrong


def test_file_holds_no_row_of_others(web: Cast) -> None:
    lines = lines_of(program(web.staff("paul")).get("/api/v1/customers/export/"))
    assert "Charlie" not in [line[0] for line in lines]
    assert program(web.staff("paul"), "users.view").get("/api/v1/customers/export/").status_code == 404


def test_customers_files_have_no_column_of_the_grid_alone(web: Cast) -> None:
    client = program(web.user(web.alice), host="northwind.localhost")
    titles = lines_of(client.get("/api/v1/live-calls/export/"))[0]
    assert "State" in titles
    assert "Gateway" not in titles
    assert client.get("/api/v1/live-calls/export/?columns=gateway").status_code == 400


# ---------------------------------------------------------------- columns and views


def config_of(client: Client, address: str) -> dict[str, Any]:
    """What the page tells its grid."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    found: dict[str, Any] = answer.context["config"]
    return found


def test_grid_has_the_columns_asked_for(web: Cast) -> None:
    client = browser("paul")
    config = config_of(client, "/panels/customers/?columns=country,name")
    assert [column["name"] for column in config["columns"]] == ["country", "name"]
    assert {"name", "timezone", "max_daily_spend"} <= {one["name"] for one in config["offered"]}
    rows = client.get("/panels/customers/rows/?columns=country,name").json()["rows"]
    assert set(rows[0]) == {"_id", "_name", "_without", "country", "name"}
    assert config_of(client, "/panels/customers/?columns=of,old")["columns"][0]["name"] == "name"


def test_view_of_ones_own_opens_the_panel(web: Cast) -> None:
    paul = script(web, "paul")
    made = paul.make(
        "saved-views/",
        {"panel": "customers", "name": "Active", "query": "?status=active&columns=name,country&order=-name&size=100"},
    )
    assert made["query"] == "status=active&columns=name%2Ccountry&order=-name&size=100"
    assert (made["is_mine"], made["is_shared"], made["is_default"]) == (True, False, False)
    assert browser("paul").get("/panels/customers/").status_code == 200
    assert paul("patch", f"saved-views/{made['id']}/", {"is_default": True})[0] == 200
    other = paul.make("saved-views/", {"panel": "customers", "name": "All", "is_default": True})
    assert [one["is_default"] for one in paul("get", "saved-views/")[1]["results"]] == [False, True]
    assert browser("paul").get("/panels/customers/")["Location"] == f"/panels/customers/?view={other['id']}&"
    assert paul("patch", f"saved-views/{made['id']}/", {"is_default": True})[0] == 200
    opened = browser("paul").get("/panels/customers/", follow=True)
    assert opened.redirect_chain == [(f"/panels/customers/?view={made['id']}&{made['query']}", 302)]
    assert opened.context["view"].name == "Active"
    assert browser("olga").get("/panels/customers/").status_code == 200


def test_views_are_shared_with_colleagues_only(web: Cast) -> None:
    paul, colleague = script(web, "paul"), hire(web, "support")
    private = paul.make("saved-views/", {"panel": "customers", "name": "Mine"})
    shared = paul.make("saved-views/", {"panel": "customers", "name": "Ours", "is_shared": True})
    assert [one["name"] for one in colleague("get", "saved-views/")[1]["results"]] == ["Ours"]
    for stranger in (script(web, "petra"), script(web, "olga"), script(web, "stranger")):
        for view in (private, shared):
            assert stranger("get", f"saved-views/{view['id']}/")[0] == 404
            assert stranger("delete", f"saved-views/{view['id']}/")[0] == 404
    assert colleague("patch", f"saved-views/{private['id']}/", {"name": "x"})[0] == 404
    assert colleague("patch", f"saved-views/{shared['id']}/", {"is_default": True})[0] == 403
    assert colleague("patch", f"saved-views/{shared['id']}/", {"is_shared": False})[0] == 200
    assert paul("get", f"saved-views/{shared['id']}/")[1]["is_shared"] is False
    with tenant(system_actor()):
        entries = list(AuditEntry.objects.filter(object_type="panels.savedview").order_by("id"))
    assert [entry.action for entry in entries] == ["savedview.create", "savedview.create", "savedview.update"]


def test_who_may_only_read_keeps_views_but_shares_none(web: Cast) -> None:
    reader = hire(web, "reader")
    mine = reader.make("saved-views/", {"panel": "customers", "name": "Mine"})
    assert reader("post", "saved-views/", {"panel": "customers", "name": "Ours", "is_shared": True})[0] == 403
    assert reader("patch", f"saved-views/{mine['id']}/", {"is_shared": True})[0] == 403
    shared = script(web, "paul").make("saved-views/", {"panel": "customers", "name": "Ours", "is_shared": True})
    assert reader("patch", f"saved-views/{shared['id']}/", {"name": "x"})[0] == 403
    assert reader("delete", f"saved-views/{shared['id']}/")[0] == 403
    assert reader("delete", f"saved-views/{mine['id']}/")[0] == 204


@pytest.mark.parametrize(
    "query",
    ["nothing=1", "status=odd", "order=email", "columns=x", "size=7", "cursor=x", "tab=x", "&".join(["a=1"] * 99)],
)
def test_view_that_no_grid_would_show_is_refused(web: Cast, query: str) -> None:
    body = {"panel": "customers", "name": "Odd", "query": query}
    status, answer = script(web, "paul")("post", "saved-views/", body)
    assert (status, list(answer["fields"])) == (400, ["query"])


def test_view_belongs_to_a_panel_that_one_sees_and_has_a_name_of_its_own(web: Cast) -> None:
    paul = script(web, "paul")
    assert list(paul("post", "saved-views/", {"panel": "bridges", "name": "x"})[1]["fields"]) == ["panel"]
    seller = hire(web, "sales")
    assert list(seller("post", "saved-views/", {"panel": "gateways", "name": "x"})[1]["fields"]) == ["panel"]
    paul.make("saved-views/", {"panel": "users", "name": "x"})
    assert paul("post", "saved-views/", {"panel": "users", "name": "x"})[0] == 409
    paul.make("saved-views/", {"panel": "customers", "name": "x"})


# ---------------------------------------------------------------- totals


def test_foot_adds_up_what_the_filters_leave(web: Cast) -> None:
    paul = script(web, "paul")
    for customer, amount in ((web.acme, 1_500_000), (web.acme, 2_000_000), (web.dan, 5_000_000)):
        paul.make("transactions/", {"customer_id": customer.pk, "amount_micro": amount})
    status, found = paul("get", f"transactions/totals/?customer_id={web.acme.pk}")
    currency = web.acme.currency
    assert (status, found) == (200, {"count": 2, "is_complete": True, "sums": {"amount_micro": {currency: 3_500_000}}})
    answer = browser("paul").get(f"/panels/transactions/totals/?customer_id={web.acme.pk}").json()
    assert answer == {"text": "2 rows", "cells": {"amount": [["3.50", currency]]}}
    assert script(web, "petra")("get", "transactions/totals/")[1]["count"] == 0
    assert paul("get", "transactions/totals/?order=-id")[0] == 400
    assert paul("get", "transactions/totals/?kind=odd")[0] == 400


def test_each_currency_has_its_own_sum(web: Cast) -> None:
    with tenant(system_actor()):
        call = {
            "partner_id": web.northwind.pk,
            "chain": "originating",
            "tier": 0,
            "tab": "dialled",
            "outcome": "answered",
        }
        now = timezone.now()
        for currency, amount, seconds in (("GBP", 100, 60), ("GBP", 50, 30), ("USD", 7, 1)):
            Cdr.objects.create(
                **call, call_id=uuid4(), started_on=now.date(), started_at=now, ended_at=now, currency=currency,
                direction="outbound", caller="+442079460001", callee="+33199000001", amount_micro=amount,
                billed_s=seconds, duration_ms=seconds * 1000,
                explanation={"margin": {"cost_micro": 1, "margin_micro": amount - 1}},
            )  # fmt: skip
    status, found = script(web, "paul")("get", "cdrs/totals/?tab=dialled")
    assert status == 200
    assert found["sums"] == {
        "duration_ms": 91_000,
        "amount_micro": {"GBP": 150, "USD": 7},
        "cost_micro": {"GBP": 2, "USD": 1},
        "margin_micro": {"GBP": 148, "USD": 6},
        "billed_s": 91,
    }


def test_too_many_rows_are_not_half_added_up(web: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    paul = script(web, "paul")
    for _number in range(3):
        paul.make("transactions/", {"customer_id": web.acme.pk, "amount_micro": 1_000_000})
    monkeypatch.setattr("carillon.panels.totals.MOST_ROWS", 2)
    assert paul("get", "transactions/totals/")[1] == {"count": None, "is_complete": False, "sums": None}
    assert browser("paul").get("/panels/transactions/totals/").json()["cells"] == {}
    assert paul("get", "transactions/totals/?kind=reversal")[1]["count"] == 0


def test_totals_that_take_too_long_are_given_up_and_the_request_goes_on(web: Cast) -> None:
    with tenant(web.staff("paul")), connection.cursor() as cursor:
        slow = Customer.objects.annotate(nap=RawSQL("(select 1 from pg_sleep(3))", [])).filter(nap=1)
        panel = find_panel("customers")
        assert panel is not None
        found = totals_of(panel, slow)
        assert found.is_complete is False
        cursor.execute("show statement_timeout")
        assert cursor.fetchone()[0] != "2s"


# ---------------------------------------------------------------- order


def test_rows_that_never_change_are_sorted_by_time_as_by_id(web: Cast) -> None:
    client = browser("paul")
    orders = {one["name"]: one["order"] for one in config_of(client, "/panels/transactions/")["columns"]}
    assert (orders["at"], orders["amount"]) == ("id", "")
    chosen = config_of(client, "/panels/customers/?columns=name,created_at,email")["columns"]
    assert [one["order"] for one in chosen] == ["name", "id", ""]
