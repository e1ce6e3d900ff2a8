"""Sessions: an environment of their own for tests and benches, with a folder under /tmp and free ports.

`enter` must come before Django reads its settings. Nothing is started here (see installation.py). With pytest's xdist
the workers share one PostgreSQL cluster and each has its own database, home, runtime folder and ports. Sessions that
were killed are cleaned up by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import IO

from carillon.config import Ports
from carillon.server import leftovers

# Each session and each worker of xdist has a block of ports to itself: single ports, then audio. All below the range
# from which the system hands out ports to whoever asks for any (32768 and up), and apart from an installation's own.
BLOCKS = range(10_000, 29_500, 500)
_SINGLE = tuple(port.name for port in fields(Ports) if not port.name.endswith(("_min", "_max")))
_SHARED = ("CARILLON_TEST_FOLDER", "CARILLON_PORT_POSTGRESQL")
_AUDIO = {"rtp": (20, 319), "carrier_a_rtp": (320, 409), "carrier_b_rtp": (410, 499)}  # first and last, in the block

_held: list[IO[str]] = []  # locks live as long as the process


def base_folder() -> Path:
    """Folder of all sessions of this account; templates of databases are kept in it."""
    return Path(tempfile.gettempdir()) / f"carillon-test-{os.geteuid()}"


def session_folder() -> Path:
    """Folder of this session, shared by xdist's workers."""
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
    raise RuntimeError("No free ports for a session of tests: are many running?")


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
    """Whether a test of that session started the process: a variable of it names the folder, or it works inside."""
    if pid == os.getpid():
        return False
    try:
        process = leftovers.PROC / str(pid)
        variables = (process / "environ").read_bytes() + b"\0"
        names = (f"={folder}\0".encode(), f"={folder}/".encode())
        return any(name in variables for name in names) or (process / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def enter() -> None:
    """Give this process an environment of its own; the first of a session (xdist's workers come later) makes it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        for name in _SHARED:
            os.environ.pop(name, None)
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
