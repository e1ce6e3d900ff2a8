"""`./carillon manage rerate`: what it finds of calls in the database is what re-rating charges them again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from tests.support.cast import Cast
from tests.support.market import LONDON, decided, finished_call, invite, make_market

from carillon.base.tenancy import tenant
from carillon.business.calls.models import Cdr
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import RateData, VersionData, add_rate, create_version
from carillon.business.pricing.books import PastBooks
from carillon.business.pricing.models import PriceList, PriceListVersion
from carillon.logic.money import format_amount
from carillon.logic.rerating import Charged, Price, price_again
from carillon.usecases.settle_calls import settle_call

pytestmark = pytest.mark.django_db

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
TIME = ("--from", f"{TODAY - timedelta(days=1):%Y-%m-%d}", "--to", f"{TODAY + timedelta(days=1):%Y-%m-%d}")


def told(*options: str) -> list[str]:
    output = StringIO()
    call_command("rerate", *TIME, *options, stdout=output, stderr=StringIO())
    return output.getvalue().splitlines()


def charged_again(cdr: Cdr) -> Price:
    """What re-rating one by one finds."""
    assert cdr.answered_at is not None
    now = Price(cdr.amount_micro, cdr.billed_s, cdr.destination, {})
    answered_ms = round(cdr.answered_at.timestamp() * 1000)
    charged = Charged(
        *(cdr.chain, cdr.is_carrier_cost, cdr.caller, cdr.callee, answered_ms, cdr.duration_ms),
        *(cdr.currency, now, cdr.explanation),
    )
    book = PastBooks(system_actor()).at(charged.list_id or 0, cdr.started_at)
    assert book is not None
    rate = book.rates.longest(charged.number)
    assert rate is not None
    return price_again(charged, rate, book.tariff)


def a_draft(price_list: PriceList, per_minute: str) -> PriceListVersion:
    with tenant(system_actor()) as actor:
        draft = create_version(actor, VersionData(price_list_id=price_list.pk))
        add_rate(actor, RateData(version_id=draft.pk, prefix="44", name="UK", per_minute=Decimal(per_minute)))
        return draft


def test_calls_are_priced_as_re_rating_prices_them(cast: Cast, tmp_path: Path) -> None:
    make_market(cast)
    PriceListVersion.objects.update(effective_from=TODAY - timedelta(days=30))  # the calls began minutes ago
    for talked_s in (1.2, 61, 3_601):
        call_id = finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=talked_s)
        with tenant(system_actor()) as actor:
            settle_call(actor, call_id)
    bundled = Cdr.objects.filter(tier=0, is_carrier_cost=False).order_by("pk").first()
    assert bundled is not None
    as_if = {**bundled.explanation, "bundles": [{"seconds": 20}, {"seconds": 11}], "fee": "0"}
    Cdr.objects.filter(pk=bundled.pk).update(explanation=as_if, duration_ms=100_000, billed_s=30, amount_micro=1)
    wanted: dict[int, Any] = {}
    with tenant(system_actor()):
        for cdr in Cdr.objects.filter(outcome="answered", explanation__list_id__isnull=False):
            if cdr.explanation["list_id"] is not None:
                wanted[cdr.pk] = charged_again(cdr)
        sold = Cdr.objects.filter(tier=0, is_carrier_cost=False).order_by("pk").last()
    assert len(wanted) >= 6
    out = tmp_path / "calls.parquet"
    lines = told("--out", str(out))
    rows = {row["id"]: row for row in pq.read_table(out).to_pylist()}
    assert {number: (row["amount_micro"], row["billed_s"]) for number, row in rows.items()} == {
        number: (price.amount_micro, price.billed_s) for number, price in wanted.items()
    }
    assert [line.count(" 0 would change, 0 have no rate") for line in lines].count(0) == 1  # the one with bundles

    assert sold is not None
    price_list = PriceList.objects.get(pk=sold.explanation["list_id"])
    draft = a_draft(price_list, "0.6")
    (line,) = told("--version", str(draft.pk), "--customer", str(sold.customer_id))
    of_list = [cdr for cdr in Cdr.objects.filter(pk__in=wanted) if cdr.explanation["list_id"] == price_list.pk]
    now, then = sum(cdr.amount_micro for cdr in of_list), 10_000 * sum(cdr.billed_s for cdr in of_list)
    assert line.startswith(f"{draft}: {len(of_list)} calls, {len(of_list)} would change, 0 have no rate")
    assert line.endswith(f"difference {format_amount(then - now, sold.currency)}")
    assert told("--customer", "999999") == ["There are no charged calls in that time."]


def test_what_cannot_be_done_is_said_before_the_work() -> None:
    for told_why, *options in (
        ("--to must be later than --from", "--to", "2020-01-01"),
        ("--workers must be 1 to 256", "--workers", "0"),
        ("There is no version 987654321", "--version", "987654321"),
        ("--scheduler needs --engine dask", "--scheduler", "tcp://127.0.0.1:1"),
        ("--out cannot be written", "--out", "/nowhere/at/all.parquet"),
        ("There is no place to work in", "--folder", "/nowhere/at/all"),
        ("invalid moment value: 'monday'", "--from", "monday"),
    ):
        with pytest.raises(CommandError, match=told_why):
            told(*options)
