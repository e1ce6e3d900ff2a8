"""Price lists with windows and steps, and calls that they charge, for benches: the same at each run."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from carillon.bulk.columns import Calls
from carillon.logic.callflow.feed import Rate, Step, Tariff, Window, WindowPrice
from carillon.logic.hours import Hours
from carillon.logic.ratetable import MAX_PREFIX, RateTable

PRICES = 2_000  # distinct ones in a list: carriers have fewer
DIGITS = 12  # of the numbers that are called
BEGIN_MS = 1_790_812_800_000  # 1 October 2026, 00:00 UTC
DAYS = 31  # clocks in Europe are set back on the 25th
MOST_S = 1_800
WINDOWS = (
    Window("holidays", Hours(timezone="Europe/London"), dates=("10-09", "10-12", "12-25/12-26")),
    Window("weekend", Hours(("sat", "sun"), timezone="Europe/London")),
    Window("night", Hours((), "20:00", "07:00", "Europe/London")),
)
_INTERVALS = ((60, 60), (1, 1), (30, 6), (60, 1))
_LENGTHS = (1, 2, 8, 12, 20, 22, 18, 10, 5, 2)  # how many prefixes of a hundred have 1, 2, ... digits


def prefixes(count: int) -> list[str]:
    """Distinct prefixes of 1 to 10 digits, in order."""
    dice, made = random.Random(1), set[str]()
    while len(made) < count:
        (length,) = dice.choices(range(1, 11), _LENGTHS)
        made.add(str(dice.randrange(10 ** (length - 1), 10**length)))
    return sorted(made)


def price_lists(under: Sequence[str], count: int) -> list[tuple[Tariff, RateTable]]:
    """So many lists with a rate for each prefix."""
    return [_price_list(number, under) for number in range(count)]


def _price_list(number: int, under: Sequence[str]) -> tuple[Tariff, RateTable]:
    dice = random.Random(number)
    prices = [_price(dice) for _ in range(min(PRICES, len(under)))]
    modes = ("half_up", "half_even", "up", "down")
    tariff = Tariff(
        *(number, f"List {number}", number, 1, "EUR", 4 + number % 3, modes[number % 4]),
        windows=WINDOWS,
        is_split=number % 4 == 1,
        is_fee_deductible=number % 5 == 2,
    )
    return tariff, RateTable(replace(dice.choice(prices), prefix=prefix) for prefix in under)


def _price(dice: random.Random) -> Rate:
    """A third with steps, half with windows, some with a fee or a maximum."""
    initial_s, increment_s = dice.choice(_INTERVALS)
    steps = (Step(300, _amount(dice), increment_s), Step(900, _amount(dice), 60)) if dice.random() < 0.33 else ()
    priced = WINDOWS if dice.random() < 0.5 else ()
    return Rate(
        *("", "Somewhere", Decimal(dice.choice((0, 0, 0, 5))).scaleb(-2), _amount(dice), initial_s, increment_s),
        steps=steps,
        windows=tuple(
            WindowPrice(window.name, Decimal(0), _amount(dice), initial_s, increment_s, steps) for window in priced
        ),
        maximum=Decimal(5) if dice.random() < 0.1 else None,
    )


def _amount(dice: random.Random) -> Decimal:
    return Decimal(dice.randrange(10**5, 10**8)).scaleb(-8)


def random_calls(under: Sequence[str], lists: int, count: int, seed: int) -> Calls:
    """Calls to numbers under the prefixes, by any of the lists, at any time of the month."""
    dice = np.random.default_rng(seed)
    lengths = np.array([len(prefix) for prefix in under])
    padded = np.array([int(prefix.ljust(MAX_PREFIX, "0")) for prefix in under])
    chosen = dice.integers(0, len(under), count)
    tail = dice.integers(0, 10 ** (DIGITS - lengths[chosen])) * 10 ** (MAX_PREFIX - DIGITS)
    zero: NDArray[np.int64] = np.zeros(count, np.int64)
    return Calls(
        padded=padded[chosen] + tail,
        digits=zero + DIGITS,
        answered_ms=BEGIN_MS + dice.integers(0, DAYS * 86_400_000, count),
        duration_ms=dice.integers(1, MOST_S * 1000, count),
        version=dice.integers(0, lists, count),
        terms=zero,
        skip_s=zero,
        owes_fee=zero + 1,
    )
