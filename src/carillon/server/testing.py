"""A pytest plugin that gives every test session an installation of its own, before Django reads its settings.

Loaded by `-p carillon.server.testing` in pyproject.toml. The session gets a folder under /tmp and free ports; nothing
is started here (see tests/support/postgres.py). With xdist the workers share one PostgreSQL cluster and each has its
own database, home, runtime folder and ports. Sessions that were killed are cleaned up by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import socket
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import IO, TYPE_CHECKING

from carillon.config import Ports
from carillon.server import leftovers

if TYPE_CHECKING:
    import pytest

# Each session and each worker of xdist has a block of ports to itself: single ports, then audio. All below the range
# from which the system hands out ports to whoever asks for any (32768 and up), and apart from an installation's own.
BLOCKS = range(10_000, 29_500, 500)
_SINGLE = tuple(port.name for port in fields(Ports) if not port.name.endswith(("_min", "_max")))
_AUDIO = {"rtp": (20, 319), "carrier_a_rtp": (320, 409), "carrier_b_rtp": (410, 499)}  # first and last, in the block

_held: list[IO[str]] = []  # locks live as long as the process


def base_folder() -> Path:
    """Folder of all test sessions of this account; templates of databases are kept in it."""
    return Path(tempfile.gettempdir()) / f"carillon-test-{os.geteuid()}"


def session_folder() -> Path:
    """Folder of this test session, shared by xdist's workers."""
    return Path(os.environ["CARILLON_TEST_FOLDER"])


def spare_ports() -> range:
    """Ports of this process's block that no setting names, for a second PostgreSQL or web server beside the first."""
    block = int(os.environ["CARILLON_TEST_PORTS"])
    return range(block + len(_SINGLE), block + _AUDIO["rtp"][0])


def free_ports() -> dict[str, str]:
    """Settings for ports nobody else uses, ours until this process ends."""
    return _settings(_free_block())


def _free_block() -> int:
    folder = base_folder()
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for block in BLOCKS:
        lock = (folder / f"ports-{block}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _bind_all(block)
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return block
    raise RuntimeError("No free ports for a test session: are many sessions running?")


def _settings(block: int) -> dict[str, str]:
    ports = {name: block + place for place, name in enumerate(_SINGLE)}
    for name, (first, last) in _AUDIO.items():
        ports |= {f"{name}_min": block + first, f"{name}_max": block + last}
    return {"CARILLON_PORT_OFFSET": "0", **{f"CARILLON_PORT_{name.upper()}": str(ports[name]) for name in ports}}


def _bind_all(block: int) -> None:
    for port in range(block, block + _AUDIO["rtp"][0]):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1 if kind == socket.SOCK_STREAM else 0)
                probe.bind(("127.0.0.1", port))


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
    block = _free_block()
    for name in [name for name in os.environ if name.startswith("CARILLON_") and name not in _SHARED]:
        del os.environ[name]
    if "CARILLON_TEST_FOLDER" not in os.environ:
        os.environ["CARILLON_TEST_FOLDER"] = str(_make_session())
        os.environ["CARILLON_PORT_POSTGRESQL"] = str(block)
    folder = session_folder()
    home = folder / worker
    (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
    home.mkdir(mode=0o711, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (home / "secrets").symlink_to("../secrets")
    os.environ.update(_settings(block) | {name: os.environ[name] for name in _SHARED})
    os.environ.update(
        CARILLON_TEST_PORTS=str(block),
        CARILLON_HOME=str(home),
        CARILLON_RUNTIME=str(home / "run"),
        CARILLON_DATABASE_NAME=f"carillon_{worker}",
        CARILLON_DB_ROLE="owner",
    )


_SHARED = ("CARILLON_TEST_FOLDER", "CARILLON_PORT_POSTGRESQL")

# It tells of each job it knows, which is of use in a worker's log only.
logging.getLogger("procrastinate").setLevel(logging.WARNING)
if "PYTEST_XDIST_WORKER" not in os.environ:
    for _name in _SHARED:
        os.environ.pop(_name, None)
_give_environment()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The session that made the folder takes it away; xdist's workers have ended by then."""
    if not hasattr(config, "workerinput"):
        remove_session(session_folder())
