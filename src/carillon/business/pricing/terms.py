"""A version as the call path knows it: its tariff and rates as the types of `carillon.logic.callflow.feed`.

Drafts have the rules of their list and their own windows; with the approval these become the version's `terms`, and
never change again: callfeed publishes them, and what was charged can be explained years later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carillon.business.pricing.models import Holiday, PriceListVersion, PriceWindow, Rate
from carillon.logic.callflow.feed import Tariff, Unit, Window
from carillon.logic.documents import from_document, to_document
from carillon.logic.hours import Hours
from carillon.logic.ratetable import RateRow

READ_AT_ONCE = 20_000  # rates
IDENTITY = ("price_list_id", "price_list", "version_id", "version", "currency")
PRICE = (
    *("connection_fee", "per_minute", "initial_s", "increment_s"),
    *("grace_s", "minimum", "maximum", "steps", "windows"),
)
"""A rate's columns in the order of its price's text (`carillon.logic.pricetext`)."""


def tariff_of(version: PriceListVersion) -> Tariff:
    """Return a version's tariff: of an approved one as it was approved, of others as it would be; none or two queries.

    Args:
        version: with its `price_list`.
    """
    held = version.price_list
    identity = held.pk, held.name, version.pk, version.number, held.currency
    if version.terms:
        return from_document(Tariff, {**dict(zip(IDENTITY, identity, strict=True)), **version.terms})
    return Tariff(
        *identity,
        decimals=held.decimals,
        rounding=held.rounding,
        is_tax_inclusive=held.is_tax_inclusive,
        windows=windows_of(version),
        unit=Unit(held.unit),
        is_split=held.is_split,
        is_fee_deductible=held.is_fee_deductible,
        ends_at_maximum=held.ends_at_maximum,
        rounds_increments=held.rounds_increments,
    )


def frozen_terms(version: PriceListVersion) -> dict[str, Any]:
    """Return what an approved version keeps of its list's rules and of its windows; two queries."""
    return {name: value for name, value in to_document(tariff_of(version)).items() if name not in IDENTITY}


def windows_of(version: PriceListVersion) -> tuple[Window, ...]:
    """Return the windows of a version in order, days of calendars written out; two queries."""
    rows = list(PriceWindow.objects.filter(version=version).order_by("position", "pk"))
    wanted = {one for row in rows for one in (*row.calendar_ids, *row.except_calendar_ids)}
    days: dict[int, list[str]] = {}
    for calendar_id, date in Holiday.objects.filter(calendar_id__in=wanted).values_list("calendar_id", "date"):
        days.setdefault(calendar_id, []).append(date)
    return tuple(_window(row, version.price_list.timezone, days) for row in rows)


def _window(row: PriceWindow, timezone: str, days: dict[int, list[str]]) -> Window:
    def written_out(dates: list[str], calendar_ids: list[int]) -> tuple[str, ...]:
        return tuple(sorted({*dates, *(day for one in calendar_ids for day in days.get(one, ()))}))

    return Window(
        row.name,
        Hours(tuple(row.weekdays), row.begins, row.ends, timezone),
        tuple(row.month_days),
        written_out(row.dates, row.calendar_ids),
        written_out(row.except_dates, row.except_calendar_ids),
    )


def rate_rows(version: PriceListVersion) -> Iterator[RateRow]:
    """Yield the rates of a version by prefix, as `RateTable` takes them; one query."""
    rows: Any = Rate.objects.filter(version=version).order_by("prefix").values_list("prefix", "name", *PRICE)
    for prefix, name, *price in rows.iterator(chunk_size=READ_AT_ONCE):
        yield prefix, name, "\t".join("" if value is None else str(value) for value in price)
