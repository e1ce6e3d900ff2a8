"""What every grid can do, over HTTP as the web role: files, columns, views, totals, many rows at once."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import pytest
from openpyxl import load_workbook
from tests.support.cast import Cast
from tests.support.clients import browser, program, script

pytestmark = pytest.mark.django_db(transaction=True)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def sheet_of(answer: Any) -> list[tuple[Any, ...]]:
    assert answer.status_code == 200, answer.content[:300]
    assert answer["Content-Type"] == XLSX
    return [tuple(line) for line in load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True)]


def lines_of(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.content[:300]
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


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
