from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from carillon.bulk.exact import LIMIT, is_small, quotient, scaled

ROUND: dict[str, Callable[[Fraction], int]] = {
    "up": ceil,
    "down": floor,
    "half_even": round,
    "half_up": lambda exact: floor(exact + Fraction(1, 2)),
}
modes = st.sampled_from(sorted(ROUND))


@given(st.integers(0, LIMIT - 1), st.integers(0, LIMIT - 1), st.integers(1, 2**61 - 1), modes)
def test_a_product_is_divided_exactly_or_said_not_to_fit(amount: int, times: int, by: int, mode: str) -> None:
    ratio = Fraction(times, by)
    assert is_small(ratio)
    found, fits = scaled(np.array([amount]), np.array([ratio.numerator]), np.array([ratio.denominator]), mode)
    expected = ROUND[mode](amount * ratio)
    assert not fits[0] or found[0] == expected
    assert fits[0] or expected > 2**49


@given(st.integers(0, LIMIT - 1), st.integers(1, 2**61 - 1) | st.integers(1, 9), modes)
def test_a_quotient_is_rounded_as_its_mode_says(amount: int, by: int, mode: str) -> None:
    assert quotient(np.array([amount]), by, mode)[0] == ROUND[mode](Fraction(amount, by))
