"""Ten million calls through the whole tariff model in columns, against DuckDB's ASOF join at a flat price.

Both read the same Parquet files and write Parquet, with as many threads. Some of the calls are priced by the rating of
live calls too and have to cost the same to the micro-unit. The columnar run is a process of its own, so that its
memory is its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.frame import Bench, Figures, ratio, say, step
from bench.lists import BEGIN_MS, DAYS, MOST_S, prefixes, price_lists, random_calls
from carillon.bulk.columns import Terms, number_text
from carillon.bulk.partitions import PLAIN, call_batch, price_all, write_book
from carillon.logic.callflow.feed import Tariff
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import rate_call

LISTS, PARTS = 10, 10
Lists = Sequence[tuple[Tariff, RateTable]]


@dataclass(frozen=True, slots=True)
class _Size:
    calls: int
    prefixes: int
    compared: int


SIZES = {"full": _Size(10_000_000, 200_000, 100_000), "small": _Size(20_000, 2_000, 500)}

# What a call costs at one price a minute, in whole seconds: the join is what is compared.
_FLAT = """
    copy (
        select c.id, (c.duration_ms + 999) // 1000 * r.price // 60 as amount_micro
        from '{folder}/calls/*.parquet' c
        asof left join '{folder}/flat.parquet' r on c.version = r.version and c.padded >= r.start
    ) to '{folder}/flat-priced.parquet'
"""


def measure(options: Namespace) -> Figures:
    """Price the calls in columns, by DuckDB, and some of them one by one."""
    size = SIZES[options.size]
    count = options.calls or size.calls
    folder = Path(tempfile.mkdtemp(prefix="carillon-rerate-"))
    try:
        with step(f"{count:,} calls, {LISTS} lists of {size.prefixes:,} rates"):
            lists = _write(folder, count, size)
        ours, peak_mb = _in_columns(folder, count)
        flat = _by_duckdb(folder, count)
        with step(f"{size.compared:,} calls one by one"):
            mismatches = _mismatches(folder, lists, size.compared)
    finally:
        shutil.rmtree(folder)
    return {
        "cdrs_per_s": round(ours),
        "duckdb_per_s": round(flat),
        "ratio": ratio(ours, flat),
        "peak_mb": peak_mb,
        "mismatches": mismatches,
    }


def _write(folder: Path, count: int, size: _Size) -> Lists:
    under = prefixes(size.prefixes)
    lists = price_lists(under, LISTS)
    write_book(folder, lists, [Terms()], BEGIN_MS, BEGIN_MS + DAYS * 86_400_000 + MOST_S * 1000)
    for part in range(PARTS):
        calls = random_calls(under, LISTS, count // PARTS, part)
        ids = np.arange(len(calls)) + part * len(calls)
        batch = call_batch(calls, ids, ids * 0)
        pq.write_table(pa.Table.from_batches([batch]), folder / "calls" / f"{part:02}.parquet", **PLAIN)
    starts = np.unique(np.asarray(lists[0][1].columns().starts)[:-1]).astype(np.int64)
    flat = {
        "version": np.repeat(np.arange(LISTS, dtype=np.int16), len(starts)),
        "start": np.tile(starts, LISTS),
        "price": np.random.default_rng(0).integers(1, 10**6, LISTS * len(starts)),
    }
    pq.write_table(pa.table(flat), folder / "flat.parquet")
    return lists


def _in_columns(folder: Path, count: int) -> tuple[float, int]:
    """Calls a second, reading the book included, and the most memory that the process had, in MB."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.rerate", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    seconds, peak_mb = done.stdout.split()
    say(f"in columns: {count / float(seconds):,.0f} a second")
    return count / float(seconds), int(peak_mb)


def _by_duckdb(folder: Path, count: int) -> float:
    connection = duckdb.connect()
    connection.execute(f"set threads = {_threads()}")
    began = time.monotonic()
    connection.execute(_FLAT.format(folder=folder))
    seconds = time.monotonic() - began
    connection.close()
    say(f"DuckDB: {count / seconds:,.0f} a second")
    return count / seconds


def _mismatches(folder: Path, lists: Lists, compared: int) -> int:
    """How many of that many calls, from every file, cost something else in columns than one by one."""
    wrong = 0
    for part in range(PARTS):
        called, priced = (pq.read_table(folder / place / f"{part:02}.parquet") for place in ("calls", "priced"))
        some = called.slice(0, compared // PARTS).to_pylist()
        amounts = priced["amount_micro"].slice(0, compared // PARTS).to_pylist()
        wrong += sum(_alone(row, lists) != amount for row, amount in zip(some, amounts, strict=True))
    return wrong


def _alone(row: dict[str, int], lists: Lists) -> int:
    """Micro-units that a call costs by the rating of live calls."""
    tariff, table = lists[row["version"]]
    rate = table.longest(number_text(row["padded"], row["digits"]))
    return rate_call(rate, tariff, row["duration_ms"], at_ms=row["answered_ms"]).amount_micro if rate else 0


def _threads() -> int:
    return len(os.sched_getaffinity(0))


def _main(folder: Path) -> None:
    """The columnar run: seconds and peak memory on standard output."""
    began = time.monotonic()
    for _ in price_all(folder, workers=_threads()):
        pass
    seconds = time.monotonic() - began
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak_kb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    sys.stdout.write(f"{seconds} {peak_kb // 1024}\n")


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, help="how many, instead of ten million")


BENCH = Bench(
    summary="price ten million calls in columns against DuckDB's join at a flat price",
    bars={
        "cdrs_per_s": "",
        "duckdb_per_s": "",
        "ratio": ">= 0.5, aim 1",
        "peak_mb": "<= 3000",
        "mismatches": "0",
    },
    measure=measure,
    add_options=_add_options,
)

if __name__ == "__main__":
    _main(Path(sys.argv[1]))
