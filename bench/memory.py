"""Memory of an installation's processes that is theirs alone (proc(5), /proc/PID/smaps_rollup), over time."""

from __future__ import annotations

import contextlib
import statistics
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from subprocess import Popen

from bench.cpu import PROC, children_of, tree


class MemoryWatch:
    """Samples, every `every_s`, what each process has with all its descendants: what it does not share, in MB."""

    def __init__(self, running: Mapping[str, Popen[bytes]], every_s: float) -> None:
        self._roots = {name: process.pid for name, process in running.items()}
        self._every_s, self._stopping = every_s, threading.Event()
        self.samples: dict[str, list[float]] = defaultdict(list)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Sample until the block ends."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(self._every_s):
            for name, used_mb in _used_mb(self._roots).items():
                self.samples[name].append(used_mb)

    def growth(self) -> dict[str, float]:
        """By name how many MB more the last fifth of the samples has than the second: the first is for warming up."""
        return {name: _growth(samples) for name, samples in self.samples.items()}


def _growth(samples: list[float]) -> float:
    fifth = len(samples) // 5
    if fifth == 0:
        return 0.0
    return statistics.median(samples[-fifth:]) - statistics.median(samples[fifth : 2 * fifth])


def _used_mb(roots: Mapping[str, int]) -> dict[str, float]:
    children = children_of()
    return {name: sum(_own_mb(pid) for pid in tree(root, children)) for name, root in roots.items()}


def _own_mb(pid: int) -> float:
    own_kb = 0
    with contextlib.suppress(OSError):  # it has ended meanwhile
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Private_"):
                own_kb += int(line.split()[1])
    return own_kb / 1024
