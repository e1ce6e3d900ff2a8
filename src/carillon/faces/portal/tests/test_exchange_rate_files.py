"""Exchange rates from files as people have them: other separators, decimal commas, marks at the beginning, nonsense."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.support.cast import Cast
from tests.support.clients import Script, script
from tests.support.jobs import work

from carillon.base.tenancy import tenant
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.models import ExchangeRate

pytestmark = pytest.mark.django_db(transaction=True)

Known = dict[tuple[str, str, datetime], tuple[Decimal, Decimal]]


def imported(api: Script, content: bytes, **said: str) -> dict[str, Any]:
    """The job as it ended."""
    sent = {"file": SimpleUploadedFile("rates.csv", content), **said}
    answer = api.client.post("/api/v1/exchange-rates/import/", sent)
    job = json.loads(answer.content)
    assert answer.status_code == 202, job
    work()
    found: dict[str, Any] = api("get", f"jobs/{job['id']}/")[1]
    return found


def wrong(api: Script, job: dict[str, Any]) -> list[tuple[int, str]]:
    """Which lines were refused, and for which column."""
    return [(one["line"], one["column"]) for one in api("get", f"jobs/{job['id']}/errors/")[1]]


def known(cast: Cast) -> Known:
    """Northwind's rates: by pair and moment the rate and its loss."""
    with tenant(system_actor()):
        rows = ExchangeRate.objects.filter(partner=cast.northwind)
        return {(row.source, row.target, row.effective_from): (row.rate, row.loss_percent) for row in rows}


def test_files_as_spreadsheets_and_banks_write_them(web: Cast) -> None:
    paul = script(web, "paul")
    january, june = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 30, 22, tzinfo=UTC)
    spanish = (
        "One unit of;Is worth in;Rate;Loss %;Holds from\r\n"
        'USD;EUR;"0,9215";1,5;01.01.2026 01:00\r\n'
        " usd ; VND ;25.400,5;;01.07.2026\r\n"
        "JPY;EUR;0,0061234567;0;01.01.2026 01:00:00\r\n\r\n;;;;\r\n"
    )
    told = {"numbers": "comma", "dates": "dotted", "timezone": "Europe/Madrid"}
    job = imported(paul, b"\xef\xbb\xbf" + spanish.encode(), **told)
    assert (job["state"], job["created"], job["wrong"]) == ("done", 3, 0), wrong(paul, job)
    assert known(web) == {
        ("USD", "EUR", january): (Decimal("0.9215"), Decimal("1.5")),
        ("USD", "VND", june): (Decimal("25400.5"), Decimal(0)),  # midnight in Madrid
        ("JPY", "EUR", january): (Decimal("0.0061234567"), Decimal(0)),
    }
    plain = "target\tsource\trate\teffective_from\nEUR\tGBP\t1151.25\t2026-01-01T00:00:00Z\nEUR\tKWD\t3.1\t2026-01-01\n"
    job = imported(paul, plain.encode("utf-16"))
    assert (job["state"], job["created"]) == ("done", 2), wrong(paul, job)
    assert known(web)["GBP", "EUR", january] == (Decimal("1151.25"), Decimal(0))


def test_the_same_rate_twice_is_refused_by_its_line_and_nothing_is_left(web: Cast) -> None:
    paul = script(web, "paul")
    lines = ["source,target,rate,effective_from", "USD,EUR,0.9,2020-02-29", "EUR,USD,1.1,2020-02-29"]
    assert imported(paul, "\n".join(lines).encode())["created"] == 2  # long ago is right: calls of then may be re-rated
    before = known(web)
    again = imported(paul, "\n".join([*lines, "GBP,EUR,1.2,2020-02-29"]).encode())
    assert (again["state"], again["created"]) == ("failed", 0)
    assert wrong(paul, again) == [(2, "effective_from"), (3, "effective_from")]
    assert known(web) == before
    twice = imported(paul, b"source,target,rate,effective_from\nCHF,EUR,1,2021-01-01\nchf,eur,1.05,2021-01-01T00:00Z\n")
    assert (wrong(paul, twice), known(web)) == ([(3, "effective_from")], before)
    some = imported(paul, "\n".join([*lines, "GBP,EUR,1.2,2020-02-29"]).encode(), is_all_or_nothing="false")
    assert (some["state"], some["created"], some["wrong"], len(known(web))) == ("done", 1, 2, 3)


def test_nonsense_is_told_by_line_and_column(web: Cast) -> None:
    paul = script(web, "paul")
    lines = (
        ("USD,EUR,0,92,2026-01-01", ""),  # a decimal comma in a file that separates by commas
        ('USD,EUR,"0,92",2026-01-01', "rate"),  # and one in a file whose numbers have a point
        ('USD,EUR,"1,151.25",2026-01-01', "rate"),  # a comma may be either: it is not guessed
        ("USD,EUR,-0.9,2026-01-01", "rate"),
        ("USD,EUR,0,2026-01-01", "rate"),
        ("USD,EUR,NaN,2026-01-01", "rate"),
        ("USD,EUR,1e400000,2026-01-01", "rate"),
        ("USD,EUR,0.12345678901,2026-01-01", "rate"),
        ("USD,EUR,#N/A,2026-01-01", "rate"),
        ("USD,EUR,,2026-01-01", "rate"),
        ("USD,EUR,0.92,2026-02-30", "effective_from"),
        ("USD,EUR,0.92,01.02.2026", "effective_from"),
        ("USD,EUR,0.92,0001-01-01", "effective_from"),
        ("USD,usd,1,2026-01-01", "target"),
        ("XXX,EUR,1,2026-01-01", "source"),
        ("=1+1,EUR,1,2026-01-01", "source"),
        ("€,EUR,1,2026-01-01", "source"),
    )
    text = "\n".join(("source,target,rate,effective_from", *(line for line, _column in lines)))
    job = imported(paul, text.encode(), is_all_or_nothing="false")
    assert (job["created"], job["wrong"], known(web)) == (0, len(lines), {})
    assert wrong(paul, job) == [(place, column) for place, (_line, column) in enumerate(lines, 2)]
