"""How the results of a stage are counted, and that the stages leave nothing out."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

from carillon.server import quality


def test_a_report_is_counted(tmp_path: Path) -> None:
    (tmp_path / "test_three.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "@pytest.fixture\n"
        "def broken(): raise OSError\n"
        "def test_broken(broken): pass\n"
    )
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider", "-p", "no:django"]
    subprocess.run([*command, f"--junitxml={report}", "test_three.py"], cwd=tmp_path, capture_output=True, check=False)
    assert tuple(quality._counts(report)) == (3, 2, 0)


def test_a_stage_that_wrote_no_report_counts_nothing(tmp_path: Path) -> None:
    assert tuple(quality._counts(tmp_path / "none.xml")) == (0, 0, 0)


def test_every_test_is_in_exactly_one_stage() -> None:
    for marks in itertools.product([False, True], repeat=4):
        known = dict(zip(("database", "engines", "browser", "long"), marks, strict=True))
        chosen = [stage for stage in (*quality.STAGES, quality.LONG) if eval(stage.marks, {}, known)]  # noqa: S307 - our own text
        assert len(chosen) == 1, known
