"""Reference data held whole: read from PostgreSQL, checked, swapped in one assignment, last good copy on disk."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from carillon.callfeed.documents import decode
from carillon.callfeed.snapshot import Snapshot
from carillon.callpath.control.store import SLOW_QUERY_S, milliseconds
from carillon.logic.callflow.feed import (
    BlacklistEntry,
    Gateway,
    Rate,
    Tariff,
)
from carillon.logic.documents import DocumentError, from_document, to_document
from carillon.logic.rating import RateRow, RateTable, Version

log = logging.getLogger(__name__)

KINDS = ("partner", "gateway", "route", "blacklist")
RATE_COLUMNS = "prefix, name, connection_fee, per_minute, initial_s, increment_s"
RATES_PER_TURN = 5_000  # a big list is read in portions, so that calls are answered in between
_TARIFF_COLUMNS = "price_list_id, price_list, version_id, version, currency, decimals, rounding, is_tax_inclusive"

Docs = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Reference:
    """A snapshot with what it was made of."""

    snapshot: Snapshot
    docs: Docs
    gateways: tuple[Gateway, ...]
    versions: tuple[Version, ...]
    blacklist: tuple[BlacklistEntry, ...] = ()


def assemble(docs: Docs, versions: Iterable[Version], previous: Reference | None = None) -> Reference:
    """A checked reference. Raises ImplausibleSnapshot or DocumentError; slow for a million rates."""
    kept = tuple(versions)
    values = {kind: [decode(kind, doc) for doc in docs.get(kind, ())] for kind in KINDS}
    snapshot = Snapshot(values["partner"], values["gateway"], values["route"], kept, values["blacklist"])
    snapshot.check(previous.snapshot if previous else None)
    return Reference(snapshot, docs, tuple(values["gateway"]), kept, tuple(values["blacklist"]))


async def read_reference(pool: asyncpg.Pool[asyncpg.Record], previous: Reference | None) -> Reference:
    """Read everything in one consistent view; rates only of versions not held yet (an approved version never changes).

    Raises what PostgreSQL raises, ImplausibleSnapshot, DocumentError.
    """
    held = {version.tariff.version_id: version for version in previous.versions} if previous else {}
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        docs = {kind: await _documents(connection, kind) for kind in KINDS}
        rows = await connection.fetch(
            f"select {_TARIFF_COLUMNS}, effective_from from callfeed.tariff",  # noqa: S608 - constants
            timeout=SLOW_QUERY_S,
        )
        versions = [await _version(connection, row, held) for row in rows]
    return await asyncio.to_thread(assemble, docs, versions, previous)


async def _documents(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], kind: str) -> list[Any]:
    rows = await connection.fetch(f"select doc from callfeed.{kind}_doc", timeout=SLOW_QUERY_S)  # noqa: S608 - constants
    return [row["doc"] for row in rows]


async def _version(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], row: asyncpg.Record, held: Mapping[int, Version]
) -> Version:
    fields = {name.strip(): row[name.strip()] for name in _TARIFF_COLUMNS.split(",")}
    tariff, effective_ms = Tariff(**fields), milliseconds(row["effective_from"])
    known = held.get(tariff.version_id)
    if known is not None:
        return Version(effective_ms, tariff, known.rates)
    query = f"select {RATE_COLUMNS} from callfeed.rate where version_id = $1"  # noqa: S608 - constants
    rates: list[RateRow] = []
    async for rate in connection.cursor(query, tariff.version_id, prefetch=RATES_PER_TURN):
        rates.append(tuple(rate))
    return Version(effective_ms, tariff, await asyncio.to_thread(RateTable, rates))


# ---------------------------------------------------------------- last good copy


def save(reference: Reference, path: Path) -> None:
    """Write the copy that a start without PostgreSQL uses; slow, for a thread. Raises OSError."""
    lines = [json.dumps({"docs": {kind: list(docs) for kind, docs in reference.docs.items()}})]
    lines += [
        json.dumps(
            {
                "effective_ms": version.effective_ms,
                "tariff": to_document(version.tariff),
                "rates": [_rate_row(rate) for rate in version.rates.rates()],
            }
        )
        for version in reference.versions
    ]
    temporary = path.with_suffix(".new")
    with gzip.open(temporary, "wt", encoding="utf-8", compresslevel=1) as file:
        file.write("\n".join(lines))
    temporary.replace(path)


def restore(path: Path) -> Reference | None:
    """The last good copy; None when there is none or it can't be read."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            head, *rest = file.read().split("\n")
        versions = [_restored(json.loads(line)) for line in rest]
        reference = assemble(json.loads(head)["docs"], versions)
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, TypeError, DocumentError) as error:
        log.error("The last good copy of the reference data, %s, can't be used: %s", path, error)
        return None
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    log.warning("Using reference data from %s until PostgreSQL answers.", written.isoformat(timespec="seconds"))
    return reference


def _rate_row(rate: Rate) -> list[object]:
    return [
        *(rate.prefix, rate.name, str(rate.connection_fee), str(rate.per_minute)),
        *(rate.initial_s, rate.increment_s),
    ]


def _restored(line: Mapping[str, Any]) -> Version:
    rates = [
        Rate(prefix, name, Decimal(fee), Decimal(minute), initial, increment)
        for prefix, name, fee, minute, initial, increment in line["rates"]
    ]
    return Version(line["effective_ms"], from_document(Tariff, line["tariff"]), RateTable(rates))
