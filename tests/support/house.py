"""A whole installation of a test's own, started and supervised as `./carillon up` does it."""

from __future__ import annotations

import json
import os
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


@dataclass(frozen=True)
class House:
    """An installation of its own, driven through the command line as the account that the servers run as."""

    home: Path
    code: Path
    environ: dict[str, str]
    account: str | None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False, **self.identity)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.command, *arguments], stdout=subprocess.PIPE, text=True, **self.identity)

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "carillon"]

    @property
    def identity(self) -> dict[str, Any]:
        identity = {"user": self.account, "group": self.account, "extra_groups": []} if self.account else {}
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
def installation(name: str, **settings: str) -> Iterator[House]:
    """An installation in a folder of the session, not started; afterwards it is stopped and nothing may remain."""
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
    found = House(home, code, environ, account)
    yield found
    found.run("down")
    assert not found.remains()
