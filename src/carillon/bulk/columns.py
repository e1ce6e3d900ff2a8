"""Calls and charges in columns, and what a price list's version and an account say about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from carillon.bulk.exact import Ints
from carillon.logic.callflow.feed import Tax
from carillon.logic.ratetable import MAX_PREFIX


@dataclass(frozen=True, slots=True)
class Calls:
    """Answered calls, one in each row of equally long columns of whole numbers, moments and prefixes in 64 bits.

    `padded`: the digits that are rated, as a number of 17 digits filled up with zeros; `digits`: how many it has
    (0: it is no number and has no rate). `version` and `terms` are indexes into those that price them. `skip_s` and
    `owes_fee` (1 or 0) are what `rate_call` takes: seconds that something else has paid, and whether a fee is due.
    """

    padded: Ints
    digits: Ints
    answered_ms: Ints
    duration_ms: Ints
    version: Ints
    terms: Ints
    skip_s: Ints
    owes_fee: Ints

    def __len__(self) -> int:
        return len(self.padded)

    def rows(self, which: Ints) -> Calls:
        """Some of the calls."""
        return Calls(*(getattr(self, field.name).take(which) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account's currency and its owner's taxes add to the price of a list, as `rate_call` takes them."""

    exchange_rate: Decimal | None = None
    taxes: tuple[Tax, ...] = ()
    account_currency: str = ""


@dataclass(frozen=True, slots=True)
class Charges:
    """What calls cost, row by row: micro-units with taxes, the taxes in them, seconds charged.

    `rate` is the index of the rate in its version's table, -1 when the number has none and the call is not charged.
    """

    amount_micro: Ints
    tax_micro: Ints
    billed_s: Ints
    rate: Ints


def number_columns(numbers: Sequence[str]) -> tuple[Ints, Ints]:
    """`padded` and `digits` of numbers with or without plus, as `RateTable.longest` reads them."""
    plain = [number[1:] if number[:1] == "+" else number for number in numbers]
    digits = [text if text.isascii() and text.isdigit() else "" for text in plain]
    padded: Iterable[int] = (int(text[:MAX_PREFIX].ljust(MAX_PREFIX, "0")) for text in digits)
    return _column(padded, len(digits)), _column(map(len, digits), len(digits))


def number_text(padded: int, digits: int) -> str:
    """The number of a row again, as far as it decides about its rate."""
    return f"{padded:0{MAX_PREFIX}d}"[:digits]


def _column(values: Iterable[int], count: int) -> NDArray[np.int64]:
    return np.fromiter(values, np.int64, count)
