"""The one way in which tests wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

LOOK_EVERY_S = 0.02


def wait_until(is_so: Callable[[], bool], seconds: float = 20.0, *, log: Path | None = None) -> float:
    """Look again and again until `is_so`; the seconds it took.

    Raises AssertionError when it is not so within `seconds`, with what is in `log`.
    """
    started = time.monotonic()
    while not is_so():
        told = f":\n{log.read_text(errors='replace')}" if log else "."
        assert time.monotonic() - started < seconds, f"It did not come true within {seconds} s{told}"
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - started
