"""A whole installation: started, hurt, healed, saved, restored and stopped, with real processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.waiting import wait_until

from carillon.config import CHECKOUT, Config
from carillon.server import cluster, leftovers
from carillon.server.testing import free_ports, session_folder

pytestmark = pytest.mark.engines

SUPERVISED = ("rtpengine", "kamailio", "control", "web", "worker", "postgresql")


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


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    folder = session_folder() / "house"
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
    }
    found = House(home, code, environ, account)
    yield found
    found.run("down")
    assert not found.remains()


@pytest.fixture(scope="module")
def running(house: House) -> House:
    done = house.run("up", "--detach", "--no-demo")
    assert done.returncode == 0, done.stdout + done.stderr
    return house


def test_everything_is_ready_and_told_in_json(running: House) -> None:
    status = running.status()
    assert status["ready"] and status["running"]
    assert {process["name"] for process in status["processes"]} == set(SUPERVISED)
    assert all(process["state"] == "ready" and process["pid"] for process in status["processes"])


def test_a_second_start_is_quick_and_changes_nothing(running: House) -> None:
    before = [process["pid"] for process in running.status()["processes"]]
    started = time.monotonic()
    assert running.run("up", "--detach", "--no-demo").returncode == 0
    assert time.monotonic() - started < 15
    assert [process["pid"] for process in running.status()["processes"]] == before


@pytest.mark.parametrize("name", SUPERVISED)
def test_a_killed_process_is_back_within_two_seconds(running: House, name: str) -> None:
    pid = running.process(name)["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: running.process(name)["pid"] not in (None, pid), 2)
    wait_until(lambda: bool(running.status()["ready"]), 10)


def test_a_killed_supervisor_is_overcome_by_the_next_start(running: House) -> None:
    before = running.remains()
    os.kill(int((running.home / "run" / "supervisord.pid").read_text()), signal.SIGKILL)
    done = running.run("up", "--detach", "--no-demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert running.status()["ready"]
    assert not set(before) & set(running.remains())


def test_a_backup_brings_everything_back(running: House, tmp_path: Path) -> None:
    config = Config.from_env(running.environ)
    owner = config.database("owner").url
    with psycopg.connect(owner) as connection:
        connection.execute("CREATE TABLE proof AS SELECT 42 AS answer")
    file = running.home / "backup.tar"
    assert running.run("backup", str(file)).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        assert {"manifest.json", "database.dump", "secrets/sip.key"} <= set(archive.getnames())
    refused = running.run("restore", str(file))
    assert refused.returncode == 1
    assert "running" in refused.stderr
    with psycopg.connect(owner) as connection:
        connection.execute("DROP TABLE proof")
    (running.home / "secrets" / "control.token").unlink()
    done = running.run("restore", "--force", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert running.run("up", "--detach", "--no-demo").returncode == 0
    assert Config.from_env(running.environ).control_token == config.control_token
    with psycopg.connect(owner) as connection:
        assert connection.execute("SELECT answer FROM proof").fetchone() == (42,)


def test_a_file_that_is_no_backup_is_refused(house: House) -> None:
    wrong = house.home / "wrong.tar"
    wrong.write_text("nothing")
    done = house.run("restore", "--force", str(wrong))
    assert done.returncode == 1
    assert "can't be read as a backup" in done.stderr


def test_down_leaves_nothing_behind(running: House) -> None:
    assert running.run("down").returncode == 0
    assert running.remains() == []
    assert not (running.home / "run").exists()
    done = running.run("status", "--json")
    assert done.returncode == 3
    assert not json.loads(done.stdout)["running"]
    assert running.run("down").returncode == 0


def test_ctrl_c_stops_everything(house: House) -> None:
    foreground = house.start("up", "--no-demo")
    assert foreground.stdout
    for line in foreground.stdout:
        if line.startswith("Ctrl-C"):
            break
    assert house.remains()
    foreground.send_signal(signal.SIGINT)
    assert foreground.wait(60) == 0
    foreground.stdout.close()
    assert house.remains() == []
    assert not (house.home / "run").exists()


def test_down_ends_a_start_in_the_foreground(house: House) -> None:
    foreground = house.start("up", "--no-demo")
    assert foreground.stdout
    for line in foreground.stdout:
        if line.startswith("Ctrl-C"):
            break
    assert house.run("down").returncode == 0
    assert "Stopped by ./carillon down." in foreground.stdout.read()
    foreground.stdout.close()
    assert foreground.wait(20) == 0
