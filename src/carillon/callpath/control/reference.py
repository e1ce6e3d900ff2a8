"""Reference data held whole: read from PostgreSQL, checked, swapped in one assignment, last good copy on disk."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from carillon.callfeed.documents import decode
from carillon.callfeed.snapshot import Snapshot
from carillon.callpath.control.ratefiles import Approved, RateFiles
from carillon.callpath.control.store import SLOW_QUERY_S, milliseconds
from carillon.logic.callflow.feed import (
    BlacklistEntry,
    Gateway,
    Tariff,
)
from carillon.logic.documents import DocumentError, from_document, to_document
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import Unread, Version

log = logging.getLogger(__name__)

KEPT_MS = 3_600_000  # a call that began so long ago may still be forwarded, by the prices of its beginning
KINDS = ("partner", "gateway", "route", "blacklist", "group", "exchange", "markup")
_TARIFF_COLUMNS = ("price_list_id", "price_list", "version_id", "version", "currency")

Docs = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Reference:
    """A snapshot with what it was made of: documents, approved versions, and by file the tables it looks up in.

    `unread` are the versions that calls may need and whose rates are still to be read.
    """

    snapshot: Snapshot
    docs: Docs
    gateways: tuple[Gateway, ...]
    blacklist: tuple[BlacklistEntry, ...]
    approved: tuple[Approved, ...]
    tables: Mapping[str, RateTable]
    unread: tuple[Approved, ...]


def assemble(
    docs: Docs, approved: Sequence[Approved], files: RateFiles, previous: Reference | None = None
) -> Reference:
    """A checked reference with the rates that `previous` holds or `files` have; for a thread.

    Raises ImplausibleSnapshot or DocumentError.
    """
    values = {kind: [decode(kind, doc) for doc in docs.get(kind, ())] for kind in KINDS}
    needed = needed_at(approved, time.time_ns() // 1_000_000)
    tables = files.tables(needed, previous.tables if previous else {})
    snapshot = Snapshot(
        values["partner"],
        values["gateway"],
        values["route"],
        [Version(item.effective_ms, item.tariff, tables[item.file]) for item in approved if item.file in tables],
        values["blacklist"],
        [
            Unread(item.effective_ms, item.tariff.price_list_id, item.rate_count)
            for item in approved
            if item.file not in tables
        ],
        values["group"],
        values["exchange"],
        values["markup"],
    )
    snapshot.check(previous.snapshot if previous else None)
    unread = tuple(item for item in needed if item.file not in tables)
    gateways, blacklist = tuple(values["gateway"]), tuple(values["blacklist"])
    return Reference(snapshot, docs, gateways, blacklist, tuple(approved), tables, unread)


def needed_at(approved: Iterable[Approved], at_ms: int) -> tuple[Approved, ...]:
    """The versions that calls may need at `at_ms` and later, the most urgent first.

    Of each list that is the one in force an hour ago (`KEPT_MS`), the one before it, which takes over when it is
    withdrawn, and all later ones.
    """
    lists: dict[int, list[Approved]] = {}
    for item in sorted(approved, key=lambda item: (item.effective_ms, item.tariff.version)):
        lists.setdefault(item.tariff.price_list_id, []).append(item)
    needed = []
    for items in lists.values():
        begun = sum(item.effective_ms <= at_ms - KEPT_MS for item in items)
        needed += items[max(begun - 2, 0) :]
    return tuple(sorted(needed, key=lambda item: (item.effective_ms > at_ms, abs(item.effective_ms - at_ms))))


async def read_reference(pool: asyncpg.Pool[asyncpg.Record], files: RateFiles, previous: Reference | None) -> Reference:
    """Read everything but rates in one consistent view; rates are those held or in `files`, others are `unread`.

    Raises what PostgreSQL raises, ImplausibleSnapshot, DocumentError.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        docs = {kind: await _documents(connection, kind) for kind in KINDS}
        rows = await connection.fetch(
            f"select {', '.join(_TARIFF_COLUMNS)}, terms, effective_from, created_at, rate_count from callfeed.tariff",  # noqa: S608 - constants
            timeout=SLOW_QUERY_S,
        )
    return await asyncio.to_thread(assemble, docs, [_approved(row) for row in rows], files, previous)


async def _documents(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], kind: str) -> list[Any]:
    rows = await connection.fetch(f"select doc from callfeed.{kind}_doc", timeout=SLOW_QUERY_S)  # noqa: S608 - constants
    return [row["doc"] for row in rows]


def _approved(row: asyncpg.Record) -> Approved:
    tariff = from_document(Tariff, {**{name: row[name] for name in _TARIFF_COLUMNS}, **row["terms"]})
    return Approved(milliseconds(row["effective_from"]), tariff, milliseconds(row["created_at"]), row["rate_count"])


# ---------------------------------------------------------------- last good copy


def save(reference: Reference, path: Path) -> None:
    """Write the copy that a start without PostgreSQL uses, rates left out: they have files. For a thread.

    Raises OSError.
    """
    copy = {
        "docs": {kind: list(docs) for kind, docs in reference.docs.items()},
        "approved": [to_document(item) for item in reference.approved],
    }
    temporary = path.with_suffix(".new")
    with gzip.open(temporary, "wt", encoding="utf-8", compresslevel=1) as file:
        json.dump(copy, file)
    temporary.replace(path)


def restore(path: Path, files: RateFiles) -> Reference | None:
    """The last good copy; None when there is none or it can't be read."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            copy = json.load(file)
        approved = [from_document(Approved, item) for item in copy["approved"]]
        reference = assemble(copy["docs"], approved, files)
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, TypeError, DocumentError) as error:
        log.error("The last good copy of the reference data, %s, can't be used: %s", path, error)
        return None
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    log.warning("Using reference data from %s until PostgreSQL answers.", written.isoformat(timespec="seconds"))
    return reference
