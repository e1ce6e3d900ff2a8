"""`./carillon manage rerate`: what it finds of calls in the database is what re-rating charges them again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from tests.support.cast import Cast
from tests.support.market import LONDON, decided, finished_call, invite, make_market

from carillon.base.tenancy import tenant
from carillon.business.calls.models import Cdr
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import RateData, VersionData, add_rate, create_version
from carillon.business.pricing.exchange import ExchangeRateData, add_exchange_rate
from carillon.business.pricing.markup import RuleData, add_rule
from carillon.business.pricing.models import ExchangeRate, PriceList, PriceListVersion, Rate
from carillon.logic.money import format_amount
from carillon.usecases.past_prices import PastPrices
from carillon.usecases.rerate_calls import charged_of
from carillon.usecases.settle_calls import settle_call

pytestmark = pytest.mark.django_db

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
TIME = ("--from", f"{TODAY - timedelta(days=1):%Y-%m-%d}", "--to", f"{TODAY + timedelta(days=1):%Y-%m-%d}")


def told(*options: str) -> list[str]:
    output = StringIO()
    call_command("rerate", *TIME, *options, stdout=output, stderr=StringIO())
    return output.getvalue().splitlines()


def one_by_one() -> dict[int, tuple[int, int]]:
    """What re-rating finds of all charged calls: amount and seconds by CDR; without those that it has no price for."""
    found = {}
    with tenant(system_actor()) as actor:
        prices = PastPrices(actor, None)
        cdrs = [cdr for cdr in Cdr.objects.filter(outcome="answered") if charged_of(cdr).list_id is not None]
        prices.look_at([(cdr, True) for cdr in cdrs])
        for cdr in cdrs:
            price = prices.price(cdr, charged_of(cdr), True)
            if price is not None:
                found[cdr.pk] = (price.amount_micro, price.billed_s)
    return found


def in_columns(out: Path) -> tuple[dict[int, tuple[int, int]], list[str]]:
    """What is found of them in columns, and what is told of it."""
    lines = told("--out", str(out))
    return {row["id"]: (row["amount_micro"], row["billed_s"]) for row in pq.read_table(out).to_pylist()}, lines


def called(*, minutes_ago: int, talked_s: float, user: str = "alice", domain: str = "northwind.test") -> list[Cdr]:
    started = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    call_id = finished_call(decided(invite(user, domain, LONDON)), talked_s=talked_s, started=started)
    with tenant(system_actor()) as actor:
        return settle_call(actor, call_id)


def a_draft(price_list: PriceList, per_minute: str) -> PriceListVersion:
    with tenant(system_actor()) as actor:
        draft = create_version(actor, VersionData(price_list_id=price_list.pk))
        add_rate(actor, RateData(version_id=draft.pk, prefix="44", name="UK", per_minute=Decimal(per_minute)))
        return draft


def test_calls_are_priced_as_re_rating_prices_them(cast: Cast, tmp_path: Path) -> None:
    make_market(cast)
    PriceListVersion.objects.update(effective_from=TODAY - timedelta(days=30))  # the calls began minutes ago
    bundled, covered, sold = (called(minutes_ago=5, talked_s=talked_s)[0] for talked_s in (1.2, 61, 3_601))
    as_if = {**bundled.explanation, "bundles": [{"seconds": 20}, {"seconds": 11}], "fee": "0"}
    own_fee = {**bundled.explanation, "bundles": [{"seconds": 31, "covers_fee": False}], "fee": "0"}
    for cdr, explanation in ((bundled, as_if), (covered, own_fee)):
        shorter = {"duration_ms": 100_000, "billed_s": 30, "amount_micro": 1}
        Cdr.objects.filter(pk=cdr.pk).update(explanation=explanation, **shorter)
    wanted = one_by_one()
    assert len(wanted) == 9
    rows, lines = in_columns(tmp_path / "calls.parquet")
    assert rows == wanted
    assert [line.count(" 0 would change, 0 have no rate") for line in lines].count(0) == 1  # the one with bundles

    price_list = PriceList.objects.get(pk=sold.explanation["list_id"])
    draft = a_draft(price_list, "0.6")
    (line,) = told("--version", str(draft.pk), "--customer", str(sold.customer_id))
    of_list = [cdr for cdr in Cdr.objects.filter(pk__in=wanted) if cdr.explanation["list_id"] == price_list.pk]
    now, then = sum(cdr.amount_micro for cdr in of_list), 10_000 * sum(cdr.billed_s for cdr in of_list)
    assert line.startswith(f"{draft}: {len(of_list)} calls, {len(of_list)} would change, 0 have no rate")
    assert line.endswith(f"difference {format_amount(then - now, sold.currency)}")
    assert told("--customer", "999999") == ["There are no charged calls in that time."]


def test_other_currencies_and_mark_ups_are_found_as_re_rating_finds_them(cast: Cast, tmp_path: Path) -> None:
    make_market(cast)
    PriceListVersion.objects.update(effective_from=TODAY - timedelta(days=30))
    with tenant(system_actor()) as actor:
        for partner, percent in ((cast.northwind, 50), (cast.fjord, 10)):
            add_rule(actor, RuleData(percent=Decimal(percent), partner_id=partner.pk, increment_s=60))
        add_exchange_rate(
            actor, ExchangeRateData(source="USD", target="EUR", rate=Decimal(2), partner_id=cast.northwind.pk)
        )
    Rate.objects.filter(version__price_list__name__in=("To Fjord", "Fjord retail")).update(prefix="33")
    early, *_above = called(minutes_ago=20, talked_s=61)
    late, *_above = called(minutes_ago=10, talked_s=61)
    resold = called(minutes_ago=5, talked_s=30, user="bryggen", domain="fjord.test")
    assert [cdr.explanation["list_id"] for cdr in resold][:2] == [0, 0]
    now = datetime.now(UTC)
    ExchangeRate.objects.filter(partner=cast.operator).update(effective_from=now - timedelta(minutes=30))
    ExchangeRate.objects.filter(partner=cast.northwind).update(effective_from=now - timedelta(minutes=15))
    PriceList.objects.filter(name="Northwind retail").update(currency="USD")
    Rate.objects.filter(version__price_list__name="To Northwind").update(per_minute=Decimal("0.03"))
    found = one_by_one()
    assert in_columns(tmp_path / "calls.parquet")[0] == found
    assert [found[cdr.pk] for cdr in (early, late)] == [(56_212, 61), (122_000, 61)]  # by the operator's, by its own
    assert [found[cdr.pk][0] for cdr in resold[:3]] == [50_325, 45_750, 15_000]
    ExchangeRate.objects.all().delete()
    assert (
        in_columns(tmp_path / "calls.parquet")[0]
        == one_by_one()
        == {number: price for number, price in found.items() if number not in (early.pk, late.pk)}
    )


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
