from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.feed import Rate, Step, WindowPrice
from carillon.logic.pricetext import (
    PriceTextError,
    is_window_name,
    price_of,
    price_text,
    steps_of,
    steps_text,
    windows_of,
    windows_text,
)
from carillon.logic.ratetable import RateTable
from carillon.logic.tests.charges import amounts, rates

seconds = st.integers(0, 4_000_000)
steps = st.lists(
    st.builds(Step, seconds, amounts(), st.integers(1, 3600)), max_size=3, unique_by=lambda one: one.from_s
)
names = st.sampled_from(["Night", "Fin de semana", "Weekend 2", "Ñandú"])
windows = st.lists(
    st.builds(WindowPrice, names, amounts(), amounts(), st.integers(1, 60), st.integers(1, 60), steps.map(tuple)),
    max_size=3,
    unique_by=lambda one: one.window,
)


@given(rates, steps, windows, seconds, amounts(), st.none() | amounts())
def test_a_price_comes_back_from_its_text_and_from_a_table(
    rate: Rate,
    some_steps: list[Step],
    some_windows: list[WindowPrice],
    grace_s: int,
    minimum: Decimal,
    maximum: Decimal | None,
) -> None:
    ordered = tuple(sorted(some_steps, key=lambda one: one.from_s))
    by_name = tuple(
        replace(one, steps=tuple(sorted(one.steps, key=lambda step: step.from_s)))
        for one in sorted(some_windows, key=lambda one: one.window)
    )
    whole = replace(rate, steps=ordered, windows=by_name, grace_s=grace_s, minimum=minimum, maximum=maximum)
    assert Rate(rate.prefix, rate.name, *price_of(price_text(whole))) == whole
    table = RateTable([whole])
    assert table.longest("+447911123456") == whole
    assert RateTable.from_buffer(b"".join(table.parts())).longest("+447911123456") == whole


def test_the_text_is_what_people_read() -> None:
    later = (Step(1200, Decimal("0.0050"), 60), Step(600, Decimal("0.01"), 1))
    assert steps_text(later) == "600:0.01/1 1200:0.005/60"
    night = WindowPrice("Night", Decimal("0.10"), Decimal("0.5"), 60, 1, later)
    weekend = WindowPrice("Fin de semana", Decimal(0), Decimal(100), 1, 1)
    assert windows_text([night, weekend]) == "Fin de semana=0+100 1/1; Night=0.1+0.5 60/1 600:0.01/1 1200:0.005/60"
    assert windows_of(windows_text([night, weekend]))[0] == weekend
    assert (steps_text(()), windows_text(()), steps_of(""), windows_of("")) == ("", "", (), ())


def test_a_price_without_a_tail_stays_short() -> None:
    rate = Rate("44", "United Kingdom", Decimal("0.05"), Decimal("0.012"), 60, 1)
    assert price_text(rate) == "0.05\t0.012\t60\t1"
    assert price_text(replace(rate, grace_s=3)) == "0.05\t0.012\t60\t1\t3\t0\t\t\t"


@pytest.mark.parametrize(
    "text", ["", "1\t2\t3", "a\t1\t1\t1", "1\t1\t1\t1\t2", "1\t1\t1\t1\t0\t0\t\tx\t", "1\t1\t1\t1\t0\t0\t\t\tNight=1"]
)
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(PriceTextError):
        price_of(text)


def test_windows_are_called_by_words() -> None:
    assert all(is_window_name(name) for name in ("Night", "Fin de semana", "8-20", "N", "x" * 40))
    assert not any(is_window_name(name) for name in ("", " Night", "Night ", "a=b", "a;b", "a\\b", "a\tb", "x" * 41))
