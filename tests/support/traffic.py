"""Calls at a steady rate with audio, so that a fault meets a platform at work."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType

from carillon.useragent import CallRefused, OutgoingCall, UserAgent

TALK_S = 1.2
ANSWER_S = 10.0
ENOUGH = 20  # answered calls that show that traffic flows


@dataclass(frozen=True, slots=True)
class Answer:
    """A call that was answered: moments of `time.monotonic`."""

    placed_at: float
    answered_at: float


@dataclass(slots=True)
class Tally:
    """What became of the calls: those that were answered by Call-ID, refusals by status, calls nobody answered."""

    placed: int = 0
    answered: dict[str, Answer] = field(default_factory=dict)
    silent: int = 0  # answered, but not a packet of audio came
    refused: Counter[int] = field(default_factory=Counter)
    lost: int = 0

    @property
    def failed(self) -> int:
        """Calls that nobody answered, for whatever reason."""
        return self.lost + self.refused.total()

    def works_after(self, moment: float) -> float:
        """Seconds until the first call that was placed after `moment` was answered; infinite when none was."""
        return min((answer.answered_at for answer in self._placed_after(moment)), default=float("inf")) - moment

    def flowing_since(self, moment: float) -> bool:
        """Whether enough calls were answered that were placed after `moment`: others may have waited for it."""
        return len(self._placed_after(moment)) >= ENOUGH

    def _placed_after(self, moment: float) -> list[Answer]:
        return [answer for answer in self.answered.values() if answer.placed_at >= moment]


class Traffic:
    """`per_second` calls by `phone` to `number`, each answered, spoken on for a second and hung up. `async with` it."""

    def __init__(self, phone: UserAgent, number: str, per_second: float) -> None:
        self.phone, self.number, self.per_second = phone, number, per_second
        self.phone.is_forgetful = True
        self.tally = Tally()
        self._calls: set[asyncio.Task[None]] = set()
        self._source: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Traffic:
        self._source = asyncio.create_task(self._place())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> Tally:
        """Place no more calls and wait until those in the air are over."""
        if self._source is not None:
            self._source.cancel()
            self._source = None
        await asyncio.gather(*self._calls, return_exceptions=True)
        return self.tally

    async def flows(self, timeout_s: float = 20.0) -> None:
        """Wait until calls that are placed from now on are being answered. Raises AssertionError."""
        asked_at = time.monotonic()
        while not self.tally.flowing_since(asked_at):
            assert time.monotonic() < asked_at + timeout_s, f"Calls are not answered: {self.tally}"
            await asyncio.sleep(0.05)

    async def _place(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            task = loop.create_task(self._one())
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
            due = max(due + 1 / self.per_second, loop.time() - 1)  # after a hold-up no burst makes up for it
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _one(self) -> None:
        self.tally.placed += 1
        placed_at = time.monotonic()
        call = await self.phone.call(self.number)
        try:
            await call.answered(ANSWER_S)
        except CallRefused as refusal:
            self.tally.refused[refusal.status] += 1
        except TimeoutError:
            self.tally.lost += 1
            call.cancel()
        else:
            self.tally.answered[call.call_id] = Answer(placed_at, time.monotonic())
            await self._talk(call)

    async def _talk(self, call: OutgoingCall) -> None:
        with contextlib.suppress(TimeoutError):
            await call.ended(TALK_S)
        self.tally.silent += not call.stream.packets_received
        await call.hang_up()
