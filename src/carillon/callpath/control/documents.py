"""Callfeed documents read one by one through a cache: endpoint, customer, user, extension, number, domain."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from carillon.callfeed.documents import decode
from carillon.logic.callflow.need import Missing
from carillon.logic.documents import DocumentError

log = logging.getLogger(__name__)

FRESH_S = 300.0  # NOTIFY tells of changes; this is for what it may have missed
NEGATIVE_S = 60.0  # of what is not there: NOTIFY tells when it comes, and most numbers dialled are nobody's here
BRIEF_S = 2.0  # for what may be wrong already
STALE_S = 86_400.0  # how old a document may serve while PostgreSQL is away
MAX_PER_KIND = 200_000
ALSO = {"user": ("extension",)}  # kinds that change with a notified kind

Found = Mapping[tuple[str, str], Any]
Read = Callable[[str, str], Awaitable[Found]]
"""Reads a document of a kind by key: dicts (None: there is none) by kind and key, the one asked for among them."""


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Any  # None: there is no such document
    loaded_at: float

    def is_fresh(self, now: float) -> bool:
        return now - self.loaded_at < (FRESH_S if self.value is not None else NEGATIVE_S)


class DocumentCache:
    """Read-through: `get` is synchronous and raises Missing, `load` then fetches.

    `clock` gives monotonic seconds.
    """

    def __init__(self, read: Read, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._entries: dict[str, dict[str, _Entry]] = {}
        self._generations: dict[str, int] = {}
        self._loading: dict[tuple[str, str], asyncio.Task[None]] = {}

    def get(self, kind: str, key: str) -> Any:
        """The decoded document, or None when there is none. Raises Missing when it must be loaded first."""
        entry = self._entries.get(kind, {}).get(key)
        if entry is None or not entry.is_fresh(self._clock()):
            raise Missing(kind, key)
        return entry.value

    async def load(self, kind: str, key: str) -> None:
        """Fetch a document; simultaneous callers share one query. Raises what the reader raises."""
        task = self._loading.get((kind, key))
        if task is None:
            task = asyncio.create_task(self._fetch(kind, key))
            self._loading[kind, key] = task
            task.add_done_callback(lambda done: self._loaded(kind, key, done))
        await asyncio.shield(task)

    def _loaded(self, kind: str, key: str, task: asyncio.Task[None]) -> None:
        self._loading.pop((kind, key), None)
        if not task.cancelled():
            task.exception()  # seen here, because those who waited may have given up

    async def _fetch(self, kind: str, key: str) -> None:
        generations = dict(self._generations)
        try:
            found = await self._read(kind, key)
        except Exception:
            if not self._revive(kind, key):
                raise
            return
        for (each, its_key), doc in found.items():
            is_current = generations.get(each, 0) == self._generations.get(each, 0)
            self._keep(each, its_key, _decoded(each, its_key, doc), is_current=is_current)

    def _keep(self, kind: str, key: str, value: Any, *, is_current: bool) -> None:
        """What changed while it was being read is good for the call that waits, not for the next one."""
        entries = self._entries.setdefault(kind, {})
        if len(entries) >= MAX_PER_KIND:
            entries.pop(next(iter(entries)))
        loaded_at = self._clock() if is_current else self._clock() - FRESH_S + BRIEF_S
        entries[key] = _Entry(value, loaded_at)

    def _revive(self, kind: str, key: str) -> bool:
        """While PostgreSQL is away an old document is better than no call."""
        entry = self._entries.get(kind, {}).get(key)
        now = self._clock()
        if entry is None or entry.value is None or now - entry.loaded_at > STALE_S:
            return False
        self._entries[kind][key] = _Entry(entry.value, now - FRESH_S + BRIEF_S)
        return True

    def forget(self, kind: str) -> None:
        """A batch of changes to `kind` was committed."""
        for each in (kind, *ALSO.get(kind, ())):
            self._generations[each] = self._generations.get(each, 0) + 1
            stale = self._clock() - FRESH_S
            entries = self._entries.get(each, {})
            self._entries[each] = {
                key: _Entry(entry.value, min(entry.loaded_at, stale))
                for key, entry in entries.items()
                if entry.value is not None
            }


def _decoded(kind: str, key: str, doc: Any) -> Any:
    if doc is None:
        return None
    try:
        return decode(kind, doc)
    except DocumentError as error:
        log.error("%s The document %s of kind %s is treated as absent.", error, key, kind)
        return None
