"""Every bench runs at its small size and says what it promises; its figures are nobody's business here."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bench.command import BENCHES
from carillon.config import CHECKOUT


@pytest.mark.engines
@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_says_all_its_fields(name: str) -> None:
    line = [sys.executable, "-m", "carillon", "bench", name, "--size", "small", "--json"]
    # a session of its own: xdist's workers share one
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("CARILLON_", "PYTEST_"))}
    environ["PYTHONPATH"] = f"{CHECKOUT / 'src'}:{CHECKOUT}"
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=CHECKOUT, env=environ)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    measured = json.loads(done.stdout.splitlines()[-1])
    several = [figures for figures in measured.values() if isinstance(figures, dict)]
    for figures in several or [measured]:
        assert list(figures) == list(BENCHES[name].bars)
        assert all(isinstance(figure, int | float) for figure in figures.values())
