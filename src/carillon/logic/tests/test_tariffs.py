"""The rating of live calls against one that counts seconds, over any tariff and any call."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.feed import Rate, Tariff, Window
from carillon.logic.rating import price_of, rate_call
from carillon.logic.tests.charges import rates
from carillon.logic.tests.slowly import SlowCall, slow_exact, slow_holds, slow_micro
from carillon.logic.tests.tariffs import any_calls, any_tariffs, near_moments, window_lists
from carillon.logic.windows import calendar_of


@given(rates, any_tariffs, any_calls)
def test_a_call_costs_what_its_seconds_cost(rate: Rate, tariff: Tariff, call: SlowCall) -> None:
    charge = rate_call(
        rate,
        tariff,
        call.duration_ms,
        at_ms=call.answered_ms,
        skip_s=call.skip_s,
        owes_fee=call.owes_fee,
        exchange_rate=call.exchange_rate,
        taxes=call.taxes,
    )
    assert Fraction(charge.price.amount, charge.price.whole) == slow_exact(rate, tariff, call)
    assert charge.amount_micro == slow_micro(rate, tariff, call)


@given(window_lists.filter(bool), near_moments)
def test_windows_hold_by_the_clock_on_the_wall(windows: tuple[Window, ...], at_ms: int) -> None:
    holding = calendar_of(windows).spans(at_ms, 0)[0][1]
    assert [holding >> place & 1 for place in range(len(windows))] == [slow_holds(window, at_ms) for window in windows]


@given(rates, any_tariffs, near_moments, st.integers(1, 600), st.integers(0, 600))
def test_parts_of_a_call_cost_what_all_of_it_costs(
    rate: Rate, tariff: Tariff, at_ms: int, first_s: int, more_s: int
) -> None:
    """Cut where an increment ends, as a bundle that is used up cuts it; the fee belongs to the first part."""
    unbound = replace(rate, minimum=Decimal(0), maximum=None)
    plain = replace(tariff, is_fee_deductible=False)
    first = price_of(unbound, plain, first_s, at_ms=at_ms)
    length_s = first.billed_s + more_s
    rest = price_of(unbound, plain, length_s, at_ms=at_ms, skip_s=first.billed_s, owes_fee=False)
    whole = price_of(unbound, plain, length_s, at_ms=at_ms)
    assert (first.amount + rest.amount, first.billed_s + rest.billed_s) == (whole.amount, whole.billed_s)


@given(rates, any_tariffs, any_calls, st.integers(0, 300_000))
def test_a_longer_call_never_costs_less(rate: Rate, tariff: Tariff, call: SlowCall, longer_ms: int) -> None:
    shorter, longer = (
        rate_call(rate, tariff, duration_ms, at_ms=call.answered_ms, skip_s=call.skip_s, owes_fee=call.owes_fee)
        for duration_ms in (call.duration_ms, call.duration_ms + longer_ms)
    )
    assert shorter.amount_micro <= longer.amount_micro
