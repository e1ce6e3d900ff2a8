"""Files of calls priced by threads and by Dask's workers."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from carillon.bulk.partitions import PLAIN, Sums, Tally, call_batch, join_files, price_all, write_book
from carillon.bulk.tests.calls import Called, Lists, columns, paid_alone, table
from carillon.logic.callflow.feed import Rate, Tariff, Tax
from carillon.logic.tests.slowly import SlowCall

AT_MS = 1_792_880_000_000  # London's clocks are set back three hours later
VAT = (Tax("VAT", Decimal(20)),)
LISTS: Lists = [
    (Tariff(1, "Retail", 11, 1, "EUR"), table([Rate("44", "UK", Decimal("0.05"), Decimal("0.01"), 60, 1)])),
    (Tariff(2, "Cost", 21, 1, "USD", 4), table([Rate("447", "UK mobile", Decimal(0), Decimal("0.1"), 1, 1)])),
]
CALLED: list[Called] = [
    (SlowCall(AT_MS + 1_000 * n, 7_001 * n, exchange_rate=Decimal("0.9") if n % 2 else None, taxes=VAT), n % 2, number)
    for n, number in enumerate(["+447700900123", "+442079460000", "+33123456789", "447700900999"] * 5)
]


def a_folder(folder: Path) -> Path:
    """Two files with the calls; each was charged what it costs, and every fifth a micro-unit less."""
    calls, terms = columns(CALLED)
    now_micro = np.array([paid_alone(LISTS, called)[0] - (n % 5 == 0) for n, called in enumerate(CALLED)])
    write_book(folder, LISTS, terms, AT_MS, AT_MS + 1_000_000)
    for name, rows in (("2026-10-24", np.arange(8)), ("2026-10-25", np.arange(8, len(CALLED)))):
        batch = call_batch(calls.rows(rows), rows + 100, now_micro[rows])
        pq.write_table(pa.Table.from_batches([batch]), folder / "calls" / f"{name}.parquet", **PLAIN)
    return folder


def priced(folder: Path, **how: object) -> list[Sums]:
    tally = Tally()
    for _, sums in price_all(folder, workers=2, **how):  # type: ignore[arg-type]
        tally.merge(sums)
    return tally.sums()


def test_sums_say_what_would_change(tmp_path: Path) -> None:
    sums = priced(a_folder(tmp_path))
    assert sum(each.calls for each in sums) == len(CALLED)
    assert sum(each.changed for each in sums) == len(CALLED[::5])
    assert sum(each.then_micro - each.now_micro for each in sums) == len(CALLED[::5])
    assert sum(each.unpriced for each in sums) == sum(paid_alone(LISTS, called)[3] == "-" for called in CALLED)
    join_files(tmp_path, tmp_path / "all.parquet")
    rows = pq.read_table(tmp_path / "all.parquet").to_pylist()
    found = [(row["amount_micro"], row["tax_micro"], row["billed_s"], row["prefix"] or "-") for row in rows]
    assert found == [paid_alone(LISTS, called) for called in CALLED]
    assert [row["id"] for row in rows] == list(range(100, 120))
    assert {row["version_id"] for row in rows} == {11, 21}


@pytest.mark.engines
def test_dasks_workers_find_what_threads_find(tmp_path: Path) -> None:
    """Two processes with one thread each."""
    here, there = a_folder(tmp_path / "here"), a_folder(tmp_path / "there")
    assert priced(here) == priced(there, engine="dask")
    for name in ("2026-10-24", "2026-10-25"):
        files = [pq.read_table(folder / "priced" / f"{name}.parquet") for folder in (here, there)]
        assert files[0].equals(files[1])


def test_a_book_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"book\.json"):
        list(price_all(tmp_path, workers=1))
