"""What every bench is made of: its declaration, its throw-away installation and what it says meanwhile."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from carillon.config import Config
from carillon.server import cluster as pg
from carillon.server.installation import Installation

Figures = Mapping[str, float]


def _no_options(parser: ArgumentParser) -> None:
    """Most benches have none."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A bench. `bars` names the fields of its result in their order, each with what is wanted of it now ("": nothing).

    `measure` gets the command line: `size` is "full" or "small", and whatever `add_options` asks for. What measures
    several things alike gives the figures of each by its name.
    """

    summary: str  # one line for the list
    bars: Mapping[str, str]
    measure: Callable[[Namespace], Figures | Mapping[str, Figures]]
    add_options: Callable[[ArgumentParser], None] = _no_options


@contextlib.contextmanager
def installation(**settings: str) -> Iterator[Installation]:
    """A running PostgreSQL with the migrated, empty database, as durable as in production; nothing else is started.

    `settings` differ from the session's own: `installation(CARILLON_CHUNK_SECONDS="10")`.
    """
    config = Config.from_env({**os.environ, **settings})
    made = Installation(config, pg.cluster_of(config), settings, Path(config.home) / "logs")
    with made.up():
        yield made


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Say on the error stream what is being done, and how long it took."""
    started = time.monotonic()
    say(f"{title} ...")
    yield
    say(f"{title}: {time.monotonic() - started:.1f} s")


def say(text: str) -> None:
    """A line for whoever watches; the result alone goes to standard output."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
    """Look ten times a second until it is so. Raises TimeoutError with `what`."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Within {timeout_s:.0f} s it did not happen: {what}")
        time.sleep(0.1)


def percentile(values: list[float], percent: float) -> float:
    """The value that `percent` of a hundred do not exceed (nearest rank); 0.0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


def ratio(ours: float, baseline: float) -> float:
    """`ours / baseline` with three digits; 0.0 when there is no baseline."""
    return round(ours / baseline, 3) if baseline else 0.0
