"""Traces: SIP messages gathered per Call-ID, written as one compressed row shortly after the call's end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import time
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field
from uuid import UUID

from carillon.callpath.control.hep import Captured, HepError, parse
from carillon.callpath.control.store import UNAVAILABLE, CallStore, described

log = logging.getLogger(__name__)

SETTLE_S = 3.0  # the last ACK or a late 200 still comes after the end
MAX_MESSAGES = 200
MAX_MESSAGE_BYTES = 16_384
MAX_TOTAL_BYTES = 256_000_000
MAX_UNWRITTEN_BYTES = 64_000_000  # compressed: some ten thousand calls
INSIST_S = 600.0  # PostgreSQL is back by then, or it has worse worries
RETRY_S = 2.0
IDLE_S = 600
WRITERS = 2  # at once: the connections are for decisions first
_INTERNAL = b"\r\nTH: "  # topology hiding's own mark: a second copy of an ACK as Kamailio saw it inside
_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class _Trace:
    messages: list[Captured] = field(default_factory=list)
    bytes: int = 0
    dropped: int = 0


class Traces(asyncio.DatagramProtocol):
    """Receives HEP and keeps messages until `finish`; the longest untouched call is forgotten when memory is short."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        self._traces: OrderedDict[str, _Trace] = OrderedDict()
        self._total = 0
        self._unwritten = 0  # bytes that wait for PostgreSQL
        self._writing: set[asyncio.Task[None]] = set()
        self._is_ending = asyncio.Event()
        self._turn = asyncio.Semaphore(WRITERS)

    def datagram_received(self, data: bytes, _address: object) -> None:
        """A HEP datagram; anything else is ignored."""
        try:
            captured = parse(data)
        except HepError:
            return
        if _INTERNAL in captured.raw:
            return
        if match := _CALL_ID.search(captured.raw):
            self.add(match.group(1).decode("utf-8", "replace"), captured)

    def add(self, sip_call_id: str, captured: Captured) -> None:
        """Keep a message, within the limits per call and in total."""
        trace = self._traces.setdefault(sip_call_id, _Trace())
        self._traces.move_to_end(sip_call_id)
        if len(trace.messages) >= MAX_MESSAGES or len(captured.raw) > MAX_MESSAGE_BYTES:
            trace.dropped += 1
            return
        trace.messages.append(captured)
        trace.bytes += len(captured.raw)
        self._total += len(captured.raw)
        while self._total > MAX_TOTAL_BYTES:
            self.forget(next(iter(self._traces)))

    def forget(self, sip_call_id: str) -> None:
        """Drop what was gathered for a Call-ID."""
        if trace := self._traces.pop(sip_call_id, None):
            self._total -= trace.bytes

    def prune(self, live: set[str]) -> None:
        """Forget what belongs to no live call and has been silent for ten minutes: challenges, scanners."""
        oldest_us = (time.time_ns() // 1000) - IDLE_S * 1_000_000
        idle = [
            sip_call_id
            for sip_call_id, trace in self._traces.items()
            if sip_call_id not in live and (not trace.messages or trace.messages[-1].at_us < oldest_us)
        ]
        for sip_call_id in idle:
            self.forget(sip_call_id)

    def finish(self, call_id: UUID, sip_call_id: str) -> None:
        """The call is over: write its trace in a few seconds, in the background."""
        task = asyncio.create_task(self._write_later(call_id, sip_call_id))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write_later(self, call_id: UUID, sip_call_id: str) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_ending.wait(), SETTLE_S)
        await self._write(call_id, sip_call_id)

    async def _write(self, call_id: UUID, sip_call_id: str) -> None:
        trace = self._traces.get(sip_call_id)
        if trace is None:
            return
        self.forget(sip_call_id)
        packed = compress(trace.messages)
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
                async with self._turn:
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
        await asyncio.gather(*self._writing, return_exceptions=True)


def compress(messages: list[Captured]) -> bytes:
    """zlib-compressed JSON lines of {"at_us","src","dst","proto","raw"}, in order of time."""
    lines = (
        json.dumps(
            {"at_us": m.at_us, "src": m.src, "dst": m.dst, "proto": m.proto, "raw": m.raw.decode("utf-8", "replace")}
        )
        for m in sorted(messages, key=lambda m: m.at_us)
    )
    return zlib.compress("\n".join(lines).encode())
