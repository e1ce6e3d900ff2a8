"""`./carillon check` and `./carillon test`: all that has to be true before a change is good."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from carillon.config import CHECKOUT
from carillon.server.progress import say

NO_TESTS = 5  # pytest's exit code when a stage has none
CORES = str(min(4, os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the test suite, cheap ones first."""

    title: str
    marks: str
    options: tuple[str, ...] = ()


STAGES = (
    Stage("logic", "not database and not engines and not browser and not long", ("-n", CORES)),
    Stage("database", "database and not engines and not browser and not long", ("-n", CORES)),
    Stage("engines", "engines and not browser and not long", ("-n", CORES, "--dist", "loadfile")),
    Stage("browser", "browser and not long"),
)
LONG = Stage("long", "long")  # minutes of a quiet machine to itself: by hand only
FAST_STAGES = 2


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a stage."""

    title: str
    code: int
    passed: int
    failed: int
    skipped: int
    seconds: float


def check(arguments: list[str]) -> int:
    """Run every check, also after one failed; the output of those that fail is shown."""
    argparse.ArgumentParser(prog="./carillon check").parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "CARILLON_HOME": f"{folder}/home"}
        steps = _checks(folder)
        with ThreadPoolExecutor(max_workers=2) as pool:
            runs = [pool.submit(_run_check, title, command, environ) for title, command in steps]
            failed = [title for (title, _), run in zip(steps, runs, strict=True) if not run.result()]
    say(f"{len(steps) - len(failed)} checks passed, {len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    return 1 if failed else 0


def _checks(folder: str) -> list[tuple[str, list[str]]]:
    module = [sys.executable, "-m"]
    scripts = Path(sys.executable).parent
    manage = [*module, "carillon", "manage"]
    steps = [
        ("types", [*module, "mypy"]),
        ("format", [*module, "ruff", "format", "--check", "."]),
        ("lint", [*module, "ruff", "check", "."]),
        ("import contracts", [str(scripts / "lint-imports")]),
        ("Django", [*manage, "check"]),
        ("migrations", [*manage, "makemigrations", "--check", "--dry-run", "--skip-checks"]),
    ]
    if (CHECKOUT / "mkdocs.yml").exists():
        steps.append(("documentation", [*module, "mkdocs", "build", "--strict", "--quiet", "-d", f"{folder}/site"]))
    return steps


def _run_check(title: str, command: list[str], environ: dict[str, str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    line = f"  {title:<44}{time.monotonic() - started:6.1f} s"
    say(line if done.returncode == 0 else f"{line}  FAILED\n{done.stdout.rstrip()}\n")
    return done.returncode == 0


def test(arguments: list[str]) -> int:
    """Run the suite in stages, or pytest once with the caller's own arguments."""
    is_fast, is_long = "--fast" in arguments, "--long" in arguments
    rest = [argument for argument in arguments if argument not in ("--fast", "--long")]
    if rest:
        marks = ["-m", "not engines and not browser"] if is_fast else []
        return subprocess.run([sys.executable, "-m", "pytest", *marks, *rest], cwd=CHECKOUT, check=False).returncode
    started = time.monotonic()
    stages = (LONG,) if is_long else STAGES[: FAST_STAGES if is_fast else None]
    results = [_run_stage(stage) for stage in stages]
    say("\nstage         passed  failed  skipped      time")
    for result in results:
        say(f"{result.title:<12} {result.passed:>7} {result.failed:>7} {result.skipped:>8} {result.seconds:>7.1f} s")
    passed, failed = sum(result.passed for result in results), sum(result.failed for result in results)
    broken = [result.title for result in results if result.code not in (0, NO_TESTS) and not result.failed]
    if broken:
        say(f"did not run to the end: {', '.join(broken)}")
    say(f"{passed} passed, {failed} failed in {time.monotonic() - started:.0f} s")
    return 1 if failed or broken else 0


def _run_stage(stage: Stage) -> Result:
    say(f"\n--- {stage.title}")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", stage.marks, f"--junitxml={report}", *stage.options]
        code = subprocess.run(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, check=False).returncode
        total, failed, skipped = _counts(report)
    seconds = time.monotonic() - started
    return Result(stage.title, code, total - failed - skipped, failed, skipped, seconds)


def _counts(report: Path) -> Sequence[int]:
    """Tests, failures with errors, and skips of a JUnit report; zeros when pytest wrote none."""
    if not report.exists():
        return 0, 0, 0
    suites = ElementTree.parse(report).getroot().iter("testsuite")  # noqa: S314 - written by our own pytest
    numbers = [[int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")] for suite in suites]
    tests, failures, errors, skipped = (sum(column) for column in zip(*numbers, strict=True))
    return tests, failures + errors, skipped
