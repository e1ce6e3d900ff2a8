"""Progress lines with seconds per step, in the same shape the launcher prints."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def say(text: str = "") -> None:
    """One line for the person at the terminal, at once."""
    _write(text + "\n")


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, a closed terminal) is gone: that must not stop a start half-way
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - stays open


def complain(text: str) -> None:
    """One line of error."""
    sys.stdout.flush()
    sys.stderr.write(f"carillon: {text}\n")
    sys.stderr.flush()


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Print the step's title and, when it is done, how many seconds it took."""
    started = time.monotonic()
    if sys.stdout.isatty():
        _write(f"  {title:<44}")
        lead = ""
    else:
        lead = f"  {title:<44}"
    try:
        yield
    except BaseException:
        say(f"{lead}failed after {time.monotonic() - started:.1f} s")
        raise
    say(f"{lead}{time.monotonic() - started:6.1f} s")
