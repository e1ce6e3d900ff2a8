"""A pytest plugin that gives every test session an installation of its own, before Django reads its settings.

Loaded by `-p carillon.server.testing` in pyproject.toml. The session gets a folder under /tmp and free ports; nothing
is started here (see tests/support/postgres.py). With xdist the workers share one PostgreSQL cluster and each has its
own database, home, runtime folder and ports. Sessions that were killed are cleaned up by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from carillon.server import leftovers

if TYPE_CHECKING:
    import pytest

# Multiples of ten in this range never make two sessions meet on a port (5060, 5090, 8080 and 8430-8439 are shifted).
OFFSETS = range(3000, 5980, 10)
SINGLE_PORTS = (5060, 5090, 5091, 8080, *range(8432, 8440))

_held: list[IO[str]] = []  # locks live as long as the process


def base_folder() -> Path:
    """Folder of all test sessions of this account; templates of databases are kept in it."""
    return Path(tempfile.gettempdir()) / f"carillon-test-{os.geteuid()}"


def session_folder() -> Path:
    """Folder of this test session, shared by xdist's workers."""
    return Path(os.environ["CARILLON_TEST_FOLDER"])


def free_offset() -> int:
    """A port offset nobody else uses, ours until this process ends."""
    folder = base_folder()
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for offset in OFFSETS:
        lock = (folder / f"offset-{offset}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _bind_all(offset)
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return offset
    raise RuntimeError("No free ports for a test session: are many sessions running?")


def _bind_all(offset: int) -> None:
    for port in SINGLE_PORTS:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1 if kind == socket.SOCK_STREAM else 0)
                probe.bind(("127.0.0.1", port + offset))


def _make_session() -> Path:
    base = base_folder()
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    for old in base.iterdir():
        if old.name.isdigit() and not leftovers.is_alive(int(old.name)):
            remove_session(old)
    folder = base / str(os.getpid())
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o711)
    return folder


def remove_session(folder: Path) -> None:
    """Stop whatever a session left running and remove its folder."""
    from carillon.server import cluster
    from carillon.server.errors import ClusterError

    with contextlib.suppress(ClusterError):
        cluster.stop(cluster.Cluster(folder / "postgresql", folder / "run", 0, folder / "log", is_durable=False))
    leftovers.end([pid for pid in _pids() if _belongs(pid, folder)])
    shutil.rmtree(folder, ignore_errors=True)


def _pids() -> list[int]:
    return [int(entry.name) for entry in leftovers.PROC.iterdir() if entry.name.isdigit()]


def _belongs(pid: int, folder: Path) -> bool:
    """Whether a test of that session started the process: it inherited our variable, or works inside the folder."""
    if pid == os.getpid():
        return False
    try:
        process = leftovers.PROC / str(pid)
        variables = (process / "environ").read_bytes().split(b"\0")
        return f"CARILLON_TEST_FOLDER={folder}".encode() in variables or (process / "cwd").readlink().is_relative_to(
            folder
        )
    except OSError:
        return False


def _give_environment() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    offset = free_offset()
    for name in [name for name in os.environ if name.startswith("CARILLON_") and name not in _SHARED]:
        del os.environ[name]
    if "CARILLON_TEST_FOLDER" not in os.environ:
        os.environ["CARILLON_TEST_FOLDER"] = str(_make_session())
        os.environ["CARILLON_PORT_POSTGRESQL"] = str(8432 + offset)
    folder = session_folder()
    home = folder / worker
    (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
    home.mkdir(mode=0o711, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (home / "secrets").symlink_to("../secrets")
    os.environ.update(
        CARILLON_HOME=str(home),
        CARILLON_RUNTIME=str(home / "run"),
        CARILLON_PORT_OFFSET=str(offset),
        CARILLON_DATABASE_NAME=f"carillon_{worker}",
        CARILLON_DB_ROLE="owner",
    )


_SHARED = ("CARILLON_TEST_FOLDER", "CARILLON_PORT_POSTGRESQL")

if "PYTEST_XDIST_WORKER" not in os.environ:
    for _name in _SHARED:
        os.environ.pop(_name, None)
_give_environment()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The session that made the folder takes it away; xdist's workers have ended by then."""
    if not hasattr(config, "workerinput"):
        remove_session(session_folder())
