"""Periods of months and what parts of them cost."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.feed import Tax
from carillon.logic.fees import Cycle, Fee, Line, Taxation, lines_back, lines_due, tax_in, total
from carillon.logic.proration import Days, anchored, begins_at, local_day, months_after, period_of, share, units

DAYS = st.dates(date(2000, 1, 1), date(2100, 12, 31))
ANCHORS = st.integers(1, 31)
MONTHS = st.sampled_from([1, 12])
AMOUNTS = st.integers(-(10**12), 10**12)


@given(DAYS, ANCHORS, MONTHS, st.integers(-800, 800))
def test_periods_cover_every_day_once(start: date, anchor_day: int, months: int, apart: int) -> None:
    anchor, day = anchored(start, anchor_day), start + timedelta(days=apart)
    found = period_of(day, anchor, anchor_day, months)
    assert found.since <= day < found.until
    assert period_of(found.since, anchor, anchor_day, months) == found
    assert period_of(found.until, anchor, anchor_day, months).since == found.until
    assert anchor <= start < months_after(anchor, 1, anchor_day)


@given(DAYS, ANCHORS, MONTHS, AMOUNTS, st.lists(st.integers(0, 366)))
def test_parts_cost_together_what_the_whole_costs(
    start: date, anchor_day: int, months: int, amount: int, cuts: list[int]
) -> None:
    whole = period_of(start, anchored(start, anchor_day), anchor_day, months)
    days = sorted({whole.since, whole.until, *(whole.since + timedelta(days=cut % whole.count) for cut in cuts)})
    parts = [Days(*pair) for pair in pairwise(days)]
    assert sum(share(amount, whole, part) for part in parts) == amount
    for part in parts:
        exact = amount * part.count / whole.count
        assert abs(share(amount, whole, part) - exact) <= 1 + abs(exact) * 1e-12
        assert share(-amount, whole, part) == pytest.approx(-share(amount, whole, part), abs=1)
    given_units = [units(abs(amount), whole, part) for part in parts]
    assert abs(amount) <= sum(given_units) < abs(amount) + len(parts)


def test_a_month_that_lacks_the_day_begins_on_its_last() -> None:
    anchor = date(2026, 1, 31)
    assert period_of(date(2026, 2, 27), anchor, 31, 1) == Days(date(2026, 1, 31), date(2026, 2, 28))
    assert period_of(date(2026, 2, 28), anchor, 31, 1) == Days(date(2026, 2, 28), date(2026, 3, 31))
    assert period_of(date(2028, 2, 29), date(2027, 2, 28), 29, 12) == Days(date(2028, 2, 29), date(2029, 2, 28))


def test_ten_pounds_for_the_last_ten_days_of_november() -> None:
    november = Days(date(2026, 11, 1), date(2026, 12, 1))
    assert share(10_000_000, november, Days(date(2026, 11, 21), date(2026, 12, 1))) == 3_333_333
    assert share(10_000_000, november, Days(date(2026, 11, 1), date(2026, 11, 21))) == 6_666_667
    assert units(60_000, november, Days(date(2026, 11, 21), date(2026, 12, 1))) == 20_000
    assert share(10_000_000, november, Days(date(2026, 12, 1), date(2026, 12, 9))) == 0


def test_days_are_those_of_the_customers_clock() -> None:
    assert local_day(datetime(2026, 6, 30, 23, 30, tzinfo=UTC), "Europe/London") == date(2026, 7, 1)
    assert begins_at(date(2026, 7, 1), "Europe/London") == datetime(2026, 6, 30, 23, tzinfo=UTC)
    assert begins_at(date(2024, 4, 26), "Africa/Cairo") == datetime(2024, 4, 25, 22, tzinfo=UTC)  # midnight is skipped


@given(
    st.integers(0, 10**11),
    st.lists(st.decimals(0, 100, places=3), max_size=2),
    st.booleans(),
    st.lists(st.integers(0, 31), max_size=3),
)
def test_taxed_parts_cost_together_what_the_whole_costs_and_come_back_as_they_were_charged(
    price: int, percents: list[Decimal], is_inclusive: bool, cuts: list[int]
) -> None:
    taxation = Taxation(tuple(Tax(f"Tax {n}", percent) for n, percent in enumerate(percents)), is_inclusive)
    net, tax = taxation.split(price)
    percent = sum(percents, Decimal(0))
    assert (net + tax == price) if is_inclusive else net == price
    assert abs(Decimal(tax) - net * percent / 100) <= (1 if is_inclusive else Decimal("0.5"))
    cycle, begin = Cycle(date(2026, 12, 1), 1, 1), date(2026, 12, 1)
    days = sorted({begin, *(begin + timedelta(days=cut) for cut in cuts)})
    fee = Fee(1, "Monthly", "account", "month", price)
    kept: list[Line] = []
    for since in days:  # at each day what is left comes back and is charged again
        back = lines_back(kept[-1:], since)
        due = lines_due([fee], {"account": 1}, cycle, since, paid_until={}, is_first=False, taxation=taxation)
        kept += [*back, *due]
        if since.month == 12:
            assert (total(kept), tax_in(kept)) == (net + tax, tax)
        assert all(abs(line.tax_micro) <= abs(line.amount_micro) for line in kept)
