"""Calls in columns for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carillon.bulk.columns import Calls, Terms, number_columns
from carillon.bulk.pricing import Book
from carillon.logic.callflow.feed import Rate, Tariff
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import rate_call
from carillon.logic.tests.slowly import SlowCall

Lists = Sequence[tuple[Tariff, RateTable]]
Called = tuple[SlowCall, int, str]
"""A call, the place of the list that charges it, and its number."""
Paid = tuple[int, int, int, str]
"""Micro-units, taxes in them, seconds charged, prefix ("-": no rate)."""


def columns(called: Sequence[Called]) -> tuple[Calls, list[Terms]]:
    """The calls in columns, each on terms of its own."""
    calls = [call for call, _, _ in called]
    padded, digits = number_columns([number for _, _, number in called])
    answered_ms = np.array([call.answered_ms for call in calls], np.int64)
    return Calls(
        *(padded, digits, answered_ms),
        duration_ms=np.array([call.duration_ms for call in calls], np.int64),
        version=np.array([place for _, place, _ in called], np.int64),
        terms=np.arange(len(calls)),
        skip_s=np.array([call.skip_s for call in calls], np.int64),
        owes_fee=np.array([call.owes_fee for call in calls], np.int64),
    ), [Terms(call.exchange_rate, call.taxes, "GBP") for call in calls]


def paid_in_columns(lists: Lists, called: Sequence[Called]) -> list[Paid]:
    """What each call costs, priced together."""
    calls, terms = columns(called)
    ends_ms = calls.answered_ms + calls.duration_ms
    book = Book(lists, terms, int(calls.answered_ms.min()), int(ends_ms.max()))
    charges = book.price(calls)
    rows = zip(
        *(charges.amount_micro.tolist(), charges.tax_micro.tolist(), charges.billed_s.tolist()),
        *(charges.rate.tolist(), calls.version.tolist()),
        strict=True,
    )
    return [
        (micro, tax, billed_s, lists[place][1].rate_at(rate).prefix if rate >= 0 else "-")
        for micro, tax, billed_s, rate, place in rows
    ]


def paid_alone(lists: Lists, called: Called) -> Paid:
    """What a call costs by the rating of live calls."""
    call, place, number = called
    tariff, table = lists[place]
    rate = table.longest(number)
    if rate is None:
        return 0, 0, 0, "-"
    charge = rate_call(
        *(rate, tariff, call.duration_ms),
        at_ms=call.answered_ms,
        skip_s=call.skip_s,
        owes_fee=call.owes_fee,
        exchange_rate=call.exchange_rate,
        taxes=call.taxes,
        account_currency="GBP",
    )
    return charge.amount_micro, charge.tax_micro, charge.billed_s, rate.prefix


def table(rates: Sequence[Rate]) -> RateTable:
    """A table of rates; of several with the same prefix the last counts."""
    return RateTable({rate.prefix: rate for rate in rates}.values())
