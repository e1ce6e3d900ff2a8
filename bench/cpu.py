"""CPU time per process of an installation, from the operating system's own accounting (proc(5), /proc/PID/stat)."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class _Stat:
    pid: int
    parent: int
    ticks: int  # of the process and of its children that have ended


class Meter:
    """CPU of running processes by name, each with all its descendants: Kamailio's workers, PostgreSQL's backends."""

    def __init__(self, running: Mapping[str, Popen[bytes]]) -> None:
        self._roots = {name: process.pid for name, process in running.items()}
        self._before = _seconds(self._roots)

    def used_us(self) -> dict[str, int]:
        """Microseconds of CPU per name since the meter was made; resolution 10 ms per process."""
        now = _seconds(self._roots)
        return {name: round((now[name] - self._before[name]) * 1_000_000) for name in self._roots}


def _seconds(roots: Mapping[str, int]) -> dict[str, float]:
    found = {stat.pid: stat for stat in _stats()}
    children = _children(found.values())
    return {name: sum(found[pid].ticks for pid in tree(root, children) if pid in found) / TICKS_PER_S
            for name, root in roots.items()}  # fmt: skip


def children_of() -> dict[int, list[int]]:
    """The children of every process that has some."""
    return _children(_stats())


def tree(root: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    """A process and all its descendants."""
    yield root
    for child in children.get(root, ()):
        yield from tree(child, children)


def _children(stats: Iterable[_Stat]) -> dict[int, list[int]]:
    children: dict[int, list[int]] = defaultdict(list)
    for stat in stats:
        children[stat.parent].append(stat.pid)
    return children


def _stats() -> Iterator[_Stat]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile: its parent has its time
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                yield _Stat(int(entry.name), int(fields[1]), sum(int(fields[place]) for place in (11, 12, 13, 14)))
