"""Whole numbers in columns: products and quotients that are exact where 64 bits are enough; it is said where not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LIMIT = 2**62  # amounts beyond are not computed in columns
_MOST_QUOTIENT = 2.0**50  # a float names its neighbourhood within a few units
_MOST_DIVISOR = 2**61  # so that twice what is left fits 64 bits


def is_small(ratio: Fraction) -> bool:
    """Whether `scaled` may multiply by this ratio."""
    return ratio.numerator < LIMIT and ratio.denominator < _MOST_DIVISOR


def scaled(amounts: Ints, times: Ints, by: Ints, mode: str) -> tuple[Ints, Flags]:
    """`amounts * times / by` in whole numbers, rounded by `mode`, and where that is exact.

    Nothing is negative; each ratio `is_small`. The product may be far beyond 64 bits: a quotient that floats
    estimate is off by a few units only, so what it leaves of the product is small, and is computed exactly modulo
    2 to the 64.
    """
    estimate = amounts * (times / by)
    fits = estimate < _MOST_QUOTIENT
    quotient = np.where(fits, estimate, 0.0).astype(np.int64)
    with np.errstate(over="ignore"):
        rest = amounts * times - quotient * by
    off = rest // by
    quotient += off
    rest -= off * by
    return rounded(quotient, rest, by, mode), fits


def rounded(whole: Ints, rest: Ints, by: Ints | int, mode: str) -> Ints:
    """A quotient, rounded by what is left of the division: half_up, half_even, up or down. Nothing is negative."""
    if mode == "down":
        return whole
    goes_up: Flags = rest > 0
    if mode == "half_up":
        goes_up = 2 * rest >= by
    elif mode == "half_even":
        goes_up = (2 * rest > by) | ((2 * rest == by) & (whole % 2 == 1))
    return whole + goes_up


def quotient(amounts: Ints, by: int, mode: str) -> Ints:
    """`amounts / by` in whole numbers, rounded by `mode`; `by` is below 2 to the 61."""
    whole = amounts // by
    return rounded(whole, amounts - whole * by, by, mode)
