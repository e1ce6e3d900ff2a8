"""Traces: SIP messages gathered per Call-ID, written as one compressed row shortly after the call's end.

Of a message that comes in only the Call-ID is looked for; the rest is read when its call is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
import zlib
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from uuid import UUID

from carillon.callpath.control.hep import MAGIC, Captured, HepError, parse
from carillon.callpath.control.store import UNAVAILABLE, CallStore, described
from carillon.logic import jsontext

log = logging.getLogger(__name__)

SETTLE_S = 3.0  # the last ACK or a late 200 still comes after the end
ROUND_S = 0.25  # traces are written together: so many calls at once cost little more than one
MAX_MESSAGES = 200
MAX_MESSAGE_BYTES = 16_384
MAX_TOTAL_BYTES = 256_000_000
MAX_UNWRITTEN_BYTES = 64_000_000  # compressed: some ten thousand calls
INSIST_S = 600.0  # PostgreSQL is back by then, or it has worse worries
RETRY_S = 2.0
IDLE_S = 600
LEVEL = 3  # of zlib: half the time of its usual 6 and a twentieth longer, as messages of a call repeat each other
_INTERNAL = b"\r\nTH: "  # topology hiding's own mark: a second copy of an ACK as Kamailio saw it inside
_CALL_ID = re.compile(rb"\n(?:[Cc][Aa][Ll][Ll]-[Ii][Dd]|[Ii])[ \t]*:[ \t]*(\S+)")


@dataclass(slots=True)
class _Trace:
    messages: list[bytes] = field(default_factory=list)  # as HEP brought them
    bytes: int = 0
    dropped: int = 0
    touched_at: float = 0.0  # by the monotonic clock


class Traces(asyncio.DatagramProtocol):
    """Receives HEP and keeps messages until `finish`; the longest untouched call is forgotten when memory is short."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        self._traces: OrderedDict[str, _Trace] = OrderedDict()
        self._total = 0
        self._unwritten = 0  # bytes that wait for PostgreSQL
        self._over: deque[tuple[float, UUID, str]] = deque()  # from when on each may be written
        self._rounds: asyncio.Task[None] | None = None
        self._writing: set[asyncio.Task[None]] = set()
        self._is_ending = asyncio.Event()

    def datagram_received(self, data: bytes, _address: object) -> None:
        """A HEP datagram; anything else is ignored."""
        if not data.startswith(MAGIC) or _INTERNAL in data:
            return
        if match := _CALL_ID.search(data):
            self.add(match.group(1).decode("utf-8", "replace"), data)

    def add(self, sip_call_id: str, datagram: bytes) -> None:
        """Keep a message, within the limits per call and in total."""
        trace = self._traces.get(sip_call_id)
        if trace is None:
            trace = self._traces[sip_call_id] = _Trace()
        else:
            self._traces.move_to_end(sip_call_id)
        trace.touched_at = time.monotonic()
        if len(trace.messages) >= MAX_MESSAGES or len(datagram) > MAX_MESSAGE_BYTES:
            trace.dropped += 1
            return
        trace.messages.append(datagram)
        trace.bytes += len(datagram)
        self._total += len(datagram)
        while self._total > MAX_TOTAL_BYTES:
            self.forget(next(iter(self._traces)))

    def forget(self, sip_call_id: str) -> None:
        """Drop what was gathered for a Call-ID."""
        if trace := self._traces.pop(sip_call_id, None):
            self._total -= trace.bytes

    def prune(self, live: set[str]) -> None:
        """Forget what belongs to no live call and has been silent for ten minutes: challenges, scanners."""
        oldest = time.monotonic() - IDLE_S
        idle = [
            sip_call_id
            for sip_call_id, trace in self._traces.items()
            if sip_call_id not in live and trace.touched_at <= oldest
        ]
        for sip_call_id in idle:
            self.forget(sip_call_id)

    def finish(self, call_id: UUID, sip_call_id: str) -> None:
        """The call is over: write its trace in a few seconds, in the background."""
        self._over.append((time.monotonic() + SETTLE_S, call_id, sip_call_id))
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._write_in_rounds())

    async def _write_in_rounds(self) -> None:
        """Until all that are over are being written, or the process ends."""
        while self._over:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_ending.wait(), min(ROUND_S, SETTLE_S))
            await self._write_those_until(time.monotonic())

    async def _write_those_until(self, now: float) -> None:
        packed = []
        while self._over and (self._over[0][0] <= now or self._is_ending.is_set()):
            _, call_id, sip_call_id = self._over.popleft()
            trace = self._traces.get(sip_call_id)
            if trace is not None:
                self.forget(sip_call_id)
                packed.append((call_id, compress(_read(trace.messages))))
                await asyncio.sleep(0)  # between two calls the loop has its turn
        for call_id, messages in packed:
            task = asyncio.create_task(self._write(call_id, messages))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _write(self, call_id: UUID, packed: bytes) -> None:
        if self._unwritten + len(packed) > MAX_UNWRITTEN_BYTES:
            log.error("The trace of call %s is lost: too many wait for PostgreSQL.", call_id)
            return
        self._unwritten += len(packed)
        try:
            await self._insist(call_id, packed)
        finally:
            self._unwritten -= len(packed)

    async def _insist(self, call_id: UUID, packed: bytes) -> None:
        """Write it, again and again for as long as a trace is worth it; at the end of the process once."""
        until = asyncio.get_running_loop().time() + INSIST_S
        while True:
            try:
                await self._store.record_trace(call_id, packed)
            except UNAVAILABLE as error:
                if self._is_ending.is_set() or asyncio.get_running_loop().time() > until:
                    log.error("The trace of call %s is lost, PostgreSQL did not take it: %s", call_id, described(error))
                    return
            else:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_ending.wait(), RETRY_S)

    async def drain(self) -> None:
        """Write what there is, at once; for the end of the process."""
        self._is_ending.set()
        if self._rounds is not None:
            await self._rounds
        await asyncio.gather(*self._writing, return_exceptions=True)


def _read(datagrams: Iterable[bytes]) -> Iterator[Captured]:
    for datagram in datagrams:
        with contextlib.suppress(HepError):
            yield parse(datagram)


def compress(messages: Iterable[Captured]) -> bytes:
    """zlib-compressed JSON lines of {"at_us","src","dst","proto","raw"}, in order of time."""
    lines = [
        jsontext.encode(
            {"at_us": m.at_us, "src": m.src, "dst": m.dst, "proto": m.proto, "raw": m.raw.decode("utf-8", "replace")}
        )
        for m in sorted(messages, key=attrgetter("at_us"))
    ]
    return zlib.compress(b"\n".join(lines), LEVEL)
