"""Ports, folders, leftovers and the supervisor's configuration."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from carillon.config import Config
from carillon.server import engines, leftovers, supervisor, up
from carillon.server.errors import UpError
from carillon.server.throwaway import spare_ports


@pytest.fixture
def home(tmp_path: Path) -> Config:
    return Config.from_env({"CARILLON_HOME": str(tmp_path / "home"), "CARILLON_RUNTIME": str(tmp_path / "run")})


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", spare_ports()[-1])) as server:  # nobody else's, TCP or UDP
        yield server.getsockname()[1]


def process(name: str, port: int) -> dict[str, engines.Process]:
    return {name: engines.Process(name, ("true",), lambda: True, ports=(("tcp", port),))}


def test_a_taken_port_names_process_holder_and_way_out(listener: int) -> None:
    with pytest.raises(UpError) as error:
        up.check_ports(process("web", listener), 2000)
    text = str(error.value)
    assert f"Port {listener}/tcp, needed by web, is taken by " in text
    assert f"(process {os.getpid()})" in text
    assert "CARILLON_PORT_OFFSET=3000" in text


def test_a_free_port_passes(listener: int) -> None:
    up.check_ports({}, 0)
    assert not up.is_free("tcp", listener)
    assert up.is_free("udp", listener)


def test_a_runtime_folder_open_to_others_is_refused(home: Config) -> None:
    home.runtime.mkdir(mode=0o755)
    with pytest.raises(UpError, match="open to others"):
        up.make_folders(home)


def test_a_runtime_folder_that_is_a_link_is_refused(home: Config, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    home.runtime.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UpError, match="remove it"):
        up.make_folders(home)


def test_two_starts_at_once_are_refused(home: Config) -> None:
    with up.only_one(home), pytest.raises(UpError, match="Another"), up.only_one(home):
        pass


def test_only_marked_processes_are_ended(home: Config, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "input()"]
    environ = {**os.environ, "CARILLON_PROCESS": leftovers.mark("web", home.home)}
    ours = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, start_new_session=True)
    stranger = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        assert leftovers.marked(home.home) == [ours.pid]
        assert leftovers.marked(home.home, "control") == []
        assert leftovers.marked(tmp_path) == []
        leftovers.end(leftovers.marked(home.home, "web"))
        assert ours.wait(5) < 0
        assert stranger.poll() is None
    finally:
        for child in (ours, stranger):
            child.kill()
            child.communicate()


def test_every_process_has_its_place(home: Config) -> None:
    table = engines.processes(home)
    assert list(table) == [
        "postgresql",
        "rtpengine",
        "kamailio",
        "control",
        "web",
        "worker",
        "carrier-a",
        "carrier-b",
    ]
    assert "carrier-a" not in engines.processes(home, is_demo=False)
    for item in table.values():
        assert set(item.needs) <= set(table)


def test_no_port_is_used_twice(home: Config) -> None:
    ports = [port for item in engines.processes(home).values() for port in item.ports]
    assert len(ports) == len(set(ports))


def test_external_postgresql_is_not_supervised(tmp_path: Path) -> None:
    url = "postgresql://u:p@db.example/carillon"
    config = Config.from_env({"CARILLON_HOME": str(tmp_path), "CARILLON_DATABASE_URL": url})
    assert "postgresql" not in engines.processes(config)


def test_no_secret_is_on_a_command_line_or_in_the_supervisors_file(home: Config) -> None:
    table = engines.processes(home)
    text = supervisor.configuration(home, table) + " ".join(" ".join(item.command) for item in table.values())
    secrets = [home.secret_key, home.control_token, *(database.password for database in home.databases.values())]
    assert not [secret for secret in secrets if secret in text]


def test_behind_an_address_translation_the_edge_advertises(tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104
    settings = {"CARILLON_HOME": str(tmp_path), "CARILLON_BIND": everywhere, "CARILLON_ADVERTISED": "192.0.2.7"}
    config = Config.from_env(settings)
    assert engines.kamailio_environ(config)["EDGE_LISTEN_UDP"] == "udp:0.0.0.0:5060 advertise 192.0.2.7:5060"
    interface = next(part for part in engines.rtpengine(config).command if part.startswith("--interface="))
    assert interface.endswith("!192.0.2.7")
    assert "0.0.0.0" not in interface  # noqa: S104
