"""Phones beside a browser: they live on a loop in a thread of their own, because Playwright holds the main one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
LONGEST_S = 60


class Background:
    """An event loop in a thread; `run` waits for what it is given."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine that runs over there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LONGEST_S)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LONGEST_S)
        self._loop.close()


@contextmanager
def background() -> Iterator[Background]:
    """A loop for the length of a block."""
    loop = Background()
    loop.start()
    try:
        yield loop
    finally:
        loop.stop()
