"""One call at a time through the rating of live calls, against bare look-ups of the longest prefix in a dict.

Ten lists with windows and steps. A call is looked up, priced and explained as its CDR keeps it. The look-ups of the
baseline are those of the same numbers under the same prefixes, nothing else.
"""

from __future__ import annotations

import gc
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.frame import Bench, Figures, ratio, say, step
from bench.lists import prefixes, price_lists, random_calls
from carillon.bulk.columns import number_text
from carillon.logic.callflow.explanation import price_part
from carillon.logic.callflow.feed import Tariff
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import rate_call

LISTS, TURNS = 10, 3
_Call = tuple[int, str, int, int]
"""The place of its list, number, when it was answered and how long it lasted, both in ms."""


@dataclass(frozen=True, slots=True)
class _Size:
    prefixes: int
    calls: int


SIZES = {"full": _Size(200_000, 100_000), "small": _Size(2_000, 2_000)}


def measure(options: Namespace) -> Figures:
    """The best of three turns of each."""
    size = SIZES[options.size]
    with step(f"{LISTS} lists of {size.prefixes:,} rates"):
        under = prefixes(size.prefixes)
        lists = price_lists(under, LISTS)
        calls = _calls(under, size.calls)
        by_prefix = [dict.fromkeys(under, place) for place in range(LISTS)]
    gc.collect()
    gc.freeze()
    ours, bare = 0.0, 0.0
    for _ in range(TURNS):
        ours = max(ours, _per_s(lambda: _rate(lists, calls), len(calls)))
        bare = max(bare, _per_s(lambda: _probe(by_prefix, calls), len(calls)))
        say(f"{ours:,.0f} calls a second, {bare:,.0f} bare look-ups")
    return {"calls_per_s": round(ours), "bare_per_s": round(bare), "ratio": ratio(ours, bare)}


def _calls(under: Sequence[str], count: int) -> list[_Call]:
    made = random_calls(under, LISTS, count, seed=0)
    numbers = map(number_text, made.padded.tolist(), made.digits.tolist())
    return list(zip(made.version.tolist(), numbers, made.answered_ms.tolist(), made.duration_ms.tolist(), strict=True))


def _per_s(work: Callable[[], None], count: int) -> float:
    """A second of this process's own time: what else the machine does is not in it."""
    began = time.process_time()
    work()
    return count / (time.process_time() - began)


def _rate(lists: Sequence[tuple[Tariff, RateTable]], calls: Sequence[_Call]) -> None:
    for place, number, answered_ms, duration_ms in calls:
        tariff, table = lists[place]
        rate = table.longest(number)
        if rate is not None:
            charge = rate_call(rate, tariff, duration_ms, at_ms=answered_ms)
            price_part(rate, tariff, charge, tariff.currency, None)


def _probe(by_prefix: Sequence[dict[str, int]], calls: Sequence[_Call]) -> None:
    lengths = sorted({len(prefix) for prefix in by_prefix[0]}, reverse=True)
    for place, number, _, _ in calls:
        prices = by_prefix[place]
        for length in lengths:
            if number[:length] in prices:
                break


BENCH = Bench(
    summary="rate one call after the other, explanation included, against look-ups of the longest prefix",
    bars={"calls_per_s": "", "bare_per_s": "", "ratio": ">= 0.15, aim 0.3"},
    measure=measure,
)
