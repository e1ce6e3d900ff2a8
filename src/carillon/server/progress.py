"""Progress lines with seconds per step, in the same shape the launcher prints."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator


def say(text: str = "") -> None:
    """One line for the person at the terminal, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


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
        sys.stdout.write(f"  {title:<44}")
        sys.stdout.flush()
        lead = ""
    else:
        lead = f"  {title:<44}"
    try:
        yield
    except BaseException:
        say(f"{lead}failed after {time.monotonic() - started:.1f} s")
        raise
    say(f"{lead}{time.monotonic() - started:6.1f} s")
