"""A whole installation of a test's own, started and supervised as `./carillon up` does it."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carillon.config import CHECKOUT
from carillon.server import cluster, leftovers
from carillon.server.throwaway import free_ports, session_folder


class SmallDisk:
    """A file system of its own in memory, mounted where only a holder process and those it lets in can see it."""

    def __init__(self, place: Path, megabytes: int, owner: int) -> None:
        self.place, self.owner = place, owner
        mount = f"mount -t tmpfs -o size={megabytes}m,mode=755,uid={owner if not os.geteuid() else 0} tmpfs {place}"
        script = f"{mount} && echo mounted && exec sleep infinity"
        as_root = () if not os.geteuid() else ("--user", "--map-root-user")
        line = ["unshare", *as_root, "--mount", "--propagation", "private", "sh", "-c", script]
        self.holder = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=place)
        assert self.holder.stdout is not None
        assert self.holder.stdout.readline() == "mounted\n"

    def enter(self, account: str | None) -> tuple[str, ...]:
        """What comes before a command that is to see the disk, as the account that the servers run as."""
        if os.geteuid():
            ids = (f"--map-user={os.geteuid()}", f"--map-group={os.getegid()}")
            held = ("--user", "--mount", "--preserve-credentials")
            return ("nsenter", f"--target={self.holder.pid}", *held, "unshare", "--user", *ids)
        held = ("nsenter", f"--target={self.holder.pid}", "--mount")
        if account is None:
            return held
        ids = (f"--reuid={pwd.getpwnam(account).pw_uid}", f"--regid={pwd.getpwnam(account).pw_gid}")
        return (*held, "setpriv", *ids, "--clear-groups")

    @property
    def seen(self) -> Path:
        """The disk from outside."""
        return Path(f"/proc/{self.holder.pid}/root{self.place}")

    def fill(self) -> Path:
        """Leave not a byte; the file to remove for room."""
        ballast = self.seen / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65536))
        return ballast

    def close(self) -> None:
        """The disk goes with its holder."""
        self.holder.kill()
        self.holder.communicate()


@dataclass(frozen=True)
class House:
    """An installation of its own, driven through the command line as the account that the servers run as."""

    home: Path
    code: Path
    environ: dict[str, str]
    account: str | None
    disk: SmallDisk | None = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False, **self.identity)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.command, *arguments], stdout=subprocess.PIPE, text=True, **self.identity)

    @property
    def command(self) -> list[str]:
        return [*(self.disk.enter(self.account) if self.disk else ()), sys.executable, "-m", "carillon"]

    @property
    def identity(self) -> dict[str, Any]:
        is_other = self.account is not None and self.disk is None
        identity: dict[str, Any] = {"user": self.account, "group": self.account, "extra_groups": []} if is_other else {}
        return {"env": self.environ, "cwd": "/", "stdin": subprocess.DEVNULL, **identity}

    def status(self) -> dict[str, Any]:
        done = self.run("status", "--json")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def process(self, name: str) -> dict[str, Any]:
        return next(process for process in self.status()["processes"] if process["name"] == name)

    def remains(self) -> list[int]:
        """Processes of this installation, whoever they belong to."""
        mark = f"@{self.home}\0".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"CARILLON_PROCESS=" in environ and mark in environ and leftovers.is_alive(int(entry.name)):
                found.append(int(entry.name))
        return found


@contextmanager
def installation(name: str, *, disk_mb: int = 0, **settings: str) -> Iterator[House]:
    """An installation in a folder of the session, not started; afterwards it is stopped and nothing may remain.

    With `disk_mb` its home is a disk of that many megabytes.
    """
    folder = session_folder() / name
    code = folder / "code"
    code.mkdir(parents=True)
    for part in ("src", "edge", "uv.lock", "web/dist"):  # as root the checkout may be closed to the servers' account
        source = CHECKOUT / part
        if source.is_dir():
            shutil.copytree(source, code / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, code / part)
    account = cluster.service_account()
    home = folder / "home"
    home.mkdir()
    if account:
        shutil.chown(home, account)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CARILLON_")}
    environ |= {
        "CARILLON_HOME": str(home),
        "CARILLON_RUNTIME": str(home / "run"),
        **free_ports(),
        "PYTHONPATH": str(code / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        **settings,
    }
    disk = SmallDisk(home, disk_mb, pwd.getpwnam(account).pw_uid if account else os.geteuid()) if disk_mb else None
    found = House(home, code, environ, account, disk)
    yield found
    found.run("down")
    if disk:
        disk.close()
    assert not found.remains()
