"""Finding and ending processes that an earlier life of this installation left behind.

After kill -9 of a parent its children live on, in other process groups too (PostgreSQL's backends each make their own
session), so recorded process ids are not enough, and an id may belong to somebody else by now. Every process we start
carries `CARILLON_PROCESS=<name>@<home>` in its environment, which the kernel shows to its owner: that is the proof.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def mark(name: str, home: Path) -> str:
    """Value of CARILLON_PROCESS for the process `name` of the installation in `home`."""
    return f"{name}@{home}"


def marked(home: Path, name: str | None = None) -> list[int]:
    """Process ids of ours that belong to `home`, one process's or all; the caller itself is left out."""
    return sorted(pid for pid in _own_pids() if _belongs(pid, home, name))


def end(pids: list[int], *, grace_s: float = 0.0) -> None:
    """End processes: SIGTERM and up to `grace_s` seconds to obey, then SIGKILL; returns when they are gone."""
    if grace_s:
        _signal(pids, signal.SIGTERM)
        _wait_gone(pids, grace_s)
    _signal(pids, signal.SIGKILL)
    _wait_gone(pids, 5)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def _own_pids() -> Iterator[int]:
    uid, ourselves = os.geteuid(), os.getpid()
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != ourselves:
            with contextlib.suppress(OSError):
                if entry.stat().st_uid == uid:
                    yield int(entry.name)


def _belongs(pid: int, home: Path, name: str | None) -> bool:
    try:
        environ = PROC.joinpath(str(pid), "environ").read_bytes().split(b"\0")
        for entry in environ:
            if entry.startswith(b"CARILLON_PROCESS="):
                found, _, folder = entry.partition(b"=")[2].decode(errors="replace").partition("@")
                return folder == str(home) and name in (None, found)
        return name in (None, "postgresql") and _is_backend(pid, home)
    except OSError:
        return False


def _is_backend(pid: int, home: Path) -> bool:
    """PostgreSQL overwrites its environment with status text; its working folder is always the cluster."""
    if PROC.joinpath(str(pid), "cwd").readlink() != (home / "postgresql").resolve():
        return False
    return PROC.joinpath(str(pid), "cmdline").read_bytes().split(b"\0")[0].rpartition(b"/")[2].startswith(b"postgres")


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _wait_gone(pids: list[int], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
