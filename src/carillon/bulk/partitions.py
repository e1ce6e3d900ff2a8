"""Calls in Parquet files, priced file by file: by threads of this process or by Dask's workers, with one function.

A folder holds all that pricing takes, so that whoever can read it can do a part of the work:

    book.json            versions and terms, by index, and the time that all calls are in
    rates/N.rates        the rates of version N (`RateTable.parts`)
    calls/NAME.parquet   calls: `CALLS`
    priced/NAME.parquet  what they cost, row by row in the same order: `PRICED`
"""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from carillon.bulk.columns import Calls, Charges, Terms
from carillon.bulk.exact import Ints
from carillon.bulk.pricing import Book
from carillon.logic.callflow.feed import Tariff
from carillon.logic.documents import from_document, to_document
from carillon.logic.ratetable import RateTable

BATCH = 500_000  # rows in memory at once, in each worker
CALLS = pa.schema(
    [
        ("id", pa.int64()),
        ("padded", pa.int64()),
        ("digits", pa.int8()),
        ("answered_ms", pa.int64()),
        ("duration_ms", pa.int64()),
        ("skip_s", pa.int32()),
        ("owes_fee", pa.int8()),
        ("version", pa.int16()),
        ("terms", pa.int32()),
        ("now_micro", pa.int64()),
    ]
)
"""`now_micro`: what the call has cost; the other columns as in `Calls`."""
PRICED = pa.schema(
    [
        ("amount_micro", pa.int64()),
        ("tax_micro", pa.int64()),
        ("billed_s", pa.int32()),
        ("rate", pa.int32()),
    ]
)
JOINED = pa.schema(
    [
        ("id", pa.int64()),
        ("version_id", pa.int64()),
        ("prefix", pa.string()),
        ("billed_s", pa.int32()),
        ("now_micro", pa.int64()),
        ("amount_micro", pa.int64()),
        ("tax_micro", pa.int64()),
    ]
)
"""What people read: `id` of the CDR, `prefix` null where the number has no rate."""
PLAIN: dict[str, Any] = {"use_dictionary": False, "compression": "LZ4"}  # quick to write and to read


@dataclass(frozen=True, slots=True)
class Sums:
    """What the calls of one version on the same terms have cost and would cost, in micro-units.

    `changed`: calls that would cost something else; `unpriced`: calls to numbers that have no rate.
    """

    version: int
    terms: int
    calls: int
    changed: int
    unpriced: int
    now_micro: int
    then_micro: int


# ---------------------------------------------------------------- the book


def write_book(
    folder: Path, versions: Sequence[tuple[Tariff, RateTable]], terms: Sequence[Terms], first_ms: int, last_ms: int
) -> None:
    """Write what `price_partition` prices by; times as for `Book`. Raises OSError."""
    for place in ("rates", "calls", "priced"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    for number, (_, table) in enumerate(versions):
        with _rates_file(folder, number).open("wb") as file:
            file.writelines(table.parts())
    document = {
        "first_ms": first_ms,
        "last_ms": last_ms,
        "versions": [to_document(tariff) for tariff, _ in versions],
        "terms": [to_document(each) for each in terms],
    }
    (folder / "book.json").write_text(json.dumps(document), encoding="utf-8")


@lru_cache(maxsize=1)
def read_book(folder: Path) -> Book:
    """The book of a folder; each process reads it once. Raises OSError."""
    document = _document(folder)
    tariffs = [from_document(Tariff, each) for each in document["versions"]]
    tables = [_table(folder, number) for number in range(len(tariffs))]
    terms = [from_document(Terms, each) for each in document["terms"]]
    gc.disable()  # nothing here is a cycle, and many prices are a lot to look through
    try:
        return Book(list(zip(tariffs, tables, strict=True)), terms, document["first_ms"], document["last_ms"])
    finally:
        gc.enable()


def _document(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "book.json").read_text(encoding="utf-8"))
    return document


def _table(folder: Path, number: int) -> RateTable:
    return RateTable.from_buffer(_rates_file(folder, number).read_bytes())


def _rates_file(folder: Path, number: int) -> Path:
    return folder / "rates" / f"{number}.rates"


# ---------------------------------------------------------------- one partition


def price_partition(folder: str, name: str) -> list[Sums]:
    """Price the calls of one file of the folder and write what they cost beside it. Raises OSError, ValueError."""
    book, tally = read_book(Path(folder)), Tally()
    source, target = (Path(folder, place, f"{name}.parquet") for place in ("calls", "priced"))
    with (
        pq.ParquetFile(source) as file,
        pq.ParquetWriter(target, PRICED, **(PLAIN | {"compression": "NONE"})) as writer,
    ):
        for batch in file.iter_batches(BATCH):
            column = {name: batch.column(name).to_numpy() for name in CALLS.names}
            calls = Calls(*(column[field.name] for field in fields(Calls)))
            charges = book.price(calls)
            tally.add(calls, charges, column["now_micro"])
            priced = {field.name: getattr(charges, field.name) for field in fields(Charges)}
            writer.write_batch(_batch(priced, PRICED))
    return tally.sums()


def call_batch(calls: Calls, ids: Ints, now_micro: Ints) -> pa.RecordBatch:
    """Calls as they lie in a file: with the ids of their CDRs, and what each has cost."""
    columns = {field.name: getattr(calls, field.name) for field in fields(Calls)}
    return _batch(columns | {"id": ids, "now_micro": now_micro}, CALLS)


def _batch(column: Mapping[str, Ints], schema: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([pa.array(column[field.name]).cast(field.type) for field in schema], schema=schema)


class Tally:
    """Sums by version and terms. Whole numbers throughout: floats would lose micro-units."""

    def __init__(self) -> None:
        self._of: dict[tuple[int, int], Ints] = {}

    def add(self, calls: Calls, charges: Charges, now_micro: Ints) -> None:
        """Count calls, what they have cost and what they cost."""
        if not len(calls):
            return
        terms = int(calls.terms.max()) + 1
        key = calls.version.astype(np.int64) * terms + calls.terms
        order = np.argsort(key.astype(np.min_scalar_type(int(key.max()))), kind="stable")
        key = key[order]
        begins = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        is_changed, is_unpriced = charges.amount_micro != now_micro, charges.rate < 0
        measures = (is_changed.astype(np.int64), is_unpriced.astype(np.int64), now_micro, charges.amount_micro)
        sums = [np.diff(np.append(begins, len(key))), *(np.add.reduceat(each[order], begins) for each in measures)]
        for place, number in enumerate(key[begins].tolist()):
            self._put(divmod(number, terms), np.array([each[place] for each in sums]))

    def merge(self, sums: Iterable[Sums]) -> None:
        """Count what another partition has counted."""
        for one in sums:
            numbers = (one.calls, one.changed, one.unpriced, one.now_micro, one.then_micro)
            self._put((one.version, one.terms), np.array(numbers))

    def sums(self) -> list[Sums]:
        """All, by version and terms."""
        return [Sums(*key, *numbers.tolist()) for key, numbers in sorted(self._of.items())]

    def _put(self, key: tuple[int, int], numbers: Ints) -> None:
        self._of[key] = self._of[key] + numbers if key in self._of else numbers


# ---------------------------------------------------------------- all partitions


Done = Iterator[tuple[str, list[Sums]]]


def price_all(folder: Path, *, workers: int, engine: str = "local", scheduler: str = "") -> Done:
    """Price every file of the folder; name and sums of each as it is done, in any order.

    `local`: `workers` threads of this process. `dask`: Dask's workers, which must see the same folder: those of the
    cluster at the address `scheduler`, or as many processes of this machine. Raises OSError, ValueError.
    """
    names = sorted(path.stem for path in (folder / "calls").glob("*.parquet"))
    return _by_dask(folder, names, workers, scheduler) if engine == "dask" else _by_threads(folder, names, workers)


def _by_threads(folder: Path, names: Sequence[str], workers: int) -> Done:
    read_book(folder)  # once, before all threads ask for it
    with ThreadPoolExecutor(workers) as pool:
        doing = {pool.submit(price_partition, str(folder), name): name for name in names}
        for done in as_completed(doing):
            yield doing[done], done.result()


def _by_dask(folder: Path, names: Sequence[str], workers: int, scheduler: str) -> Done:
    import distributed  # half a second, and only for those who want it

    logging.getLogger("distributed").setLevel(logging.WARNING)
    here = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None, "local_directory": str(folder)}
    where: dict[str, Any] = {"address": scheduler} if scheduler else here
    with distributed.Client(**where) as client:  # type: ignore[no-untyped-call]
        doing = {client.submit(price_partition, str(folder), name, pure=False): name for name in names}
        for done in distributed.as_completed(list(doing)):  # type: ignore[no-untyped-call]
            yield doing[done], done.result()


def join_files(folder: Path, target: Path) -> None:
    """Write all calls and what they cost into one file, a row for each: `JOINED`. Raises OSError."""
    tariffs = [from_document(Tariff, each) for each in _document(folder)["versions"]]
    tables = [_table(folder, number) for number in range(len(tariffs))]
    identity = np.array([tariff.version_id for tariff in tariffs], np.int64)
    with pq.ParquetWriter(target, JOINED, compression="zstd") as writer:
        for source in sorted((folder / "calls").glob("*.parquet")):
            calls, priced = pq.ParquetFile(source), pq.ParquetFile(folder / "priced" / source.name)
            for called, charged in zip(calls.iter_batches(BATCH), priced.iter_batches(BATCH), strict=True):
                version, rate = called.column("version").to_numpy(), charged.column("rate").to_numpy()
                column = {name: called.column(name) for name in ("id", "now_micro")}
                column |= {name: charged.column(name) for name in ("amount_micro", "tax_micro", "billed_s")}
                column |= {"version_id": pa.array(identity[version]), "prefix": _prefixes(tables, version, rate)}
                writer.write_batch(pa.record_batch([column[name] for name in JOINED.names], schema=JOINED))


def _prefixes(tables: Sequence[RateTable], version: Ints, rate: Ints) -> pa.Array:
    pairs, which = np.unique(np.stack([version, rate]), axis=1, return_inverse=True)
    found = [tables[place].rate_at(index).prefix if index >= 0 else None for place, index in pairs.T.tolist()]
    return pa.array(found, pa.string()).take(pa.array(which))
