"""A whole installation: started, hurt, healed, saved, restored and stopped, with real processes."""

from __future__ import annotations

import json
import os
import signal
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.support.house import House, installation
from tests.support.waiting import wait_until

from carillon.config import Config

pytestmark = pytest.mark.engines

SUPERVISED = ("rtpengine", "kamailio", "control", "web", "worker", "postgresql")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with installation("house") as found:
        yield found


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
