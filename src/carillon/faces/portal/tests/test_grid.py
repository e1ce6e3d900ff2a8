"""What every grid can do, over HTTP as the web role: files, columns, views, totals, many rows at once."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from openpyxl import load_workbook
from tests.support.cast import PASSWORD, Cast
from tests.support.clients import Script, browser, program, script, signed_in

from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.actions import StaffData, create_staff
from carillon.business.partners.choices import Role
from carillon.business.partners.queries import system_actor

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
