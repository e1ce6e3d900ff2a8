"""`./carillon demo call` proves the main job on a running system."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from carillon.config import CHECKOUT
from tests.support.platform import Platform

pytestmark = pytest.mark.engines


@pytest.fixture
def worker(platform: Platform) -> Iterator[None]:
    """The demo waits for CDRs and postings as everybody does: the worker makes them."""
    platform.start("worker")
    yield
    platform.stop("worker")


def test_demo_call_shows_every_call_and_ends_well(platform: Platform, worker: None) -> None:
    done = _demo(platform, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    for wanted in (
        "Alice heard Bob.",
        "503 Service",
        "Demo carrier B costs Level Platform",
        "sum to 0.",
        "as promised.",
    ):
        assert wanted in done.stdout


def test_demo_call_says_what_to_do_when_nothing_runs(platform: Platform) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "carillon", "demo", "call"],
        env={**os.environ, "CARILLON_PORT_CARRIER_A_HTTP": "9", "PYTHONPATH": str(CHECKOUT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "./carillon up" in done.stderr


def _demo(platform: Platform, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "carillon", "demo", "call", *arguments],
        env={**os.environ, **platform.settings, "PYTHONPATH": str(CHECKOUT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
