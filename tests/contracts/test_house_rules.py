"""Rules of the house that no linter knows; CONTRIBUTING.md says why."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from carillon.config import CHECKOUT

MOST_LINES, MOST_LINES_OF_FUNCTION = 500, 40
GENERATED = ("/migrations/", "package-lock.json", "uv.lock", "numberplan.py")
UNFINISHED = re.compile(r"\b(TODO|FIXME)\b")
SLEEPS = re.compile(r"\bsleep\((?!0[,)])")
EMPTY_NAMES = re.compile(r"(?<!Login)(Manager|Helper|Utils?|Processor|Service)$")  # Django names its managers so


def files(*endings: str) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of what is written by hand and ends so."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        path = CHECKOUT / name
        if name.endswith(endings) and path.is_file() and not any(part in name for part in GENERATED):
            yield name, path.read_text()


def test_files_are_short() -> None:
    long = {name: lines for name, text in files(".py", ".sql", ".cfg", ".js", ".css", ".html")
            if (lines := text.count("\n")) > MOST_LINES}  # fmt: skip
    assert long == {}


def test_functions_are_short_and_classes_are_named_after_what_they_are() -> None:
    found = []
    for name, text in files(".py"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                found += [f"{name}: {node.name} has {lines} lines"] * (lines > MOST_LINES_OF_FUNCTION)
            elif isinstance(node, ast.ClassDef) and EMPTY_NAMES.search(node.name):
                found.append(f"{name}: {node.name} says nothing")
    assert found == []


def test_nothing_is_left_for_later() -> None:
    texts = files(".py", ".sql", ".cfg", ".js", ".css", ".html", ".md", ".yaml", ".toml")
    assert [name for name, text in texts if UNFINISHED.search(text) and Path(name).name != Path(__file__).name] == []


def test_tests_wait_for_conditions() -> None:
    tests = [(name, text) for name, text in files(".py") if Path(name).name.startswith(("test_", "conftest"))]
    assert [name for name, text in tests if SLEEPS.search(text)] == []
