"""Fixture: the call path as it runs in production - PostgreSQL, rtpengine, Kamailio, control - on this session's ports.

It has a PostgreSQL of its own, a copy of the migrated template with the demo world in it (`carillon.demo.world`): fault
tests kill and freeze it, and database tests empty theirs.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import psycopg
import pytest

from carillon.config import CHECKOUT, DATABASE_ROLES, Config
from carillon.demo.useragent import Account, UserAgent
from carillon.server import cluster as pg
from carillon.server import engines
from carillon.server.errors import ClusterError, EngineError
from carillon.server.testing import spare_ports
from tests.support.postgres import TEMPLATE, copy_template

PROCESSES = ("rtpengine", "kamailio", "control", "carrier-a", "carrier-b")


@dataclass
class Platform:
    """A running call path. `sql` runs as the owner, past row-level security."""

    config: Config
    cluster: pg.Cluster
    settings: dict[str, str]  # what differs from the session's own environment
    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def proxy(self) -> tuple[str, int]:
        """Kamailio's address."""
        return "127.0.0.1", self.config.ports.sip

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a query; an empty list for a statement without rows."""
        with psycopg.connect(self.config.database("owner").url, autocommit=True) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def start(self, name: str) -> None:
        """Start rtpengine, kamailio or control and wait until it is ready."""
        process = engines.processes(self.config)[name]
        process = replace(process, environ={**process.environ, **self.settings})
        self.running[name] = engines.start(self.config, process, self.logs / f"{name}.log")

    def log(self, name: str) -> str:
        """What the process has logged so far."""
        path = self.logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """Send a signal to a process and all its children and wait for its end."""
        engines.stop(self.running.pop(name), number=number)

    def carrier(self, name: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Tell a demo carrier ("a", "b") something: `/call`, `/mode`."""
        port = getattr(self.config.ports, f"carrier_{name}_http")
        request = Request(
            f"http://127.0.0.1:{port}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
            told: dict[str, Any] = json.load(answer)
        return told

    def freeze(self, name: str, *, is_frozen: bool = True) -> None:
        """Stop a process in mid-air (SIGSTOP), or let it go on."""
        os.killpg(self.running[name].pid, signal.SIGSTOP if is_frozen else signal.SIGCONT)

    def freeze_database(self, *, is_frozen: bool = True) -> None:
        """Stop every process of PostgreSQL in mid-air, or let them go on."""
        main = int((self.cluster.data / "postmaster.pid").read_text().split()[0])
        children = subprocess.run(["pgrep", "-P", str(main)], capture_output=True, text=True, check=True).stdout
        for pid in (main, *map(int, children.split())):
            os.kill(pid, signal.SIGSTOP if is_frozen else signal.SIGCONT)

    def heal(self) -> None:
        """Bring back what is dead or frozen and end all calls."""
        server = self.running.get("postgresql")
        if server is None or server.poll() is not None:
            self.running["postgresql"] = pg.start(self.cluster)
        self.freeze_database(is_frozen=False)
        for name in PROCESSES:
            if name in self.running and self.running[name].poll() is None:
                self.freeze(name, is_frozen=False)
            else:
                self.running.pop(name, None)
                self.start(name)
        for name in "ab":
            self.carrier(name, "/mode", {"mode": "normal"})
        for call in (self.status("/calls")[1] or {}).get("calls", ()):
            self.status(f"/calls/{call['call']}/hangup", method="POST")

    def restart_database(self) -> None:
        """Kill PostgreSQL with all its processes and start it again."""
        self.running["postgresql"].kill()
        self.running["postgresql"].wait()
        self.running["postgresql"] = pg.start(self.cluster)

    def status(self, path: str, *, method: str = "GET", token: str | None = None) -> tuple[int, Any]:
        """Ask control's status server; status code and decoded body."""
        bearer = self.config.control_token if token is None else token
        request = Request(
            f"http://127.0.0.1:{self.config.ports.control}{path}",
            method=method,
            headers={"Authorization": f"Bearer {bearer}"},
        )
        try:
            with urlopen(request, timeout=5) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except URLError as error:
            code = getattr(error, "code", 0)
            return code, None

    def phone(self, username: str, domain: str = "northwind.test", **options: Any) -> UserAgent:
        """A phone of the demo world with its own password; use as `async with`."""
        return UserAgent(Account(username, domain, self.password(username, domain)), self.proxy, **options)

    def password(self, username: str, domain: str) -> str:
        """The SIP password of an endpoint."""
        from cryptography.fernet import Fernet

        (secret,) = self.sql(
            "select e.secret from endpoints_endpoint e join brands_webproduct w on w.id = e.web_product_id"
            " where e.username = %s and w.sip_domain = %s",
            username,
            domain,
        )[0]
        return Fernet(self.config.sip_key).decrypt(str(secret).removeprefix("v1:").encode()).decode()

    def call_of(self, sip_call_id: str) -> tuple[Any, ...] | None:
        """(id, state, open hold in micro-units) of a call; None when there is no such call."""
        rows = self.sql(
            "select c.id, c.state, (select h.amount_micro from billing_hold h where h.call_id = c.id"
            " and h.state = 'open') from calls_call c where c.decision->'request'->>'sip_call_id' = %s",
            sip_call_id,
        )
        return rows[0] if rows else None

    def events(self, sip_call_id: str) -> list[tuple[str, dict[str, Any]]]:
        """Kinds and details of a call's events, in order of time."""
        return [
            (kind, detail)
            for kind, detail in self.sql(
                "select e.kind, e.detail from calls_callevent e join calls_call c on c.id = e.call_id"
                " where c.decision->'request'->>'sip_call_id' = %s order by e.at_ms, e.id",
                sip_call_id,
            )
        ]


async def eventually(condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """The condition's value as soon as it is true. Raises AssertionError when it never is."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = await asyncio.to_thread(condition)
        if value:
            return value
        assert time.monotonic() < deadline, f"never came true: {condition}"
        await asyncio.sleep(0.05)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed half-way may leave something dead, frozen or talking: the next finds the platform whole."""
    report = yield
    found = getattr(item, "funcargs", {}).get("platform")
    if report.when == "call" and report.failed and isinstance(found, Platform):
        try:
            found.heal()
        except (ClusterError, EngineError, OSError) as error:
            report.sections.append(("platform", f"It could not be mended: {error}"))
    return report


@pytest.fixture(scope="session")
def platform(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The running call path with the demo world, shared by the session's engine tests."""
    postgresql, web = spare_ports()[:2]
    settings = {
        "CARILLON_PORT_POSTGRESQL": str(postgresql),
        "CARILLON_PORT_WEB": str(web),  # browser tests have a portal of their own beside it
        "CARILLON_CHUNK_SECONDS": "6",
    }
    own = Config.from_env({**os.environ, **settings})
    folder = Path(os.environ["CARILLON_HOME"]) / "calls"
    folder.mkdir(mode=0o711, exist_ok=True)
    found = pg.Cluster(folder / "pg", folder / "run", own.ports.postgresql, folder / "log", is_durable=False)
    copy_template(config, found.data)
    pg.configure(found)
    made = Platform(own, found, settings, tmp_path_factory.mktemp("engines"))
    try:
        made.running["postgresql"] = pg.start(found)
        pg.prepare(found.administrator, [own.database(role) for role in DATABASE_ROLES], template=TEMPLATE)
        load_cast({**os.environ, **settings, "PYTHONPATH": str(CHECKOUT / "src")})
        for name in PROCESSES:
            made.start(name)
        yield made
    finally:
        for name in reversed(list(made.running)):
            made.stop(name)


def load_cast(environ: dict[str, str]) -> None:
    """Make the demo world in the database that `environ` names."""
    line = [sys.executable, "-m", "carillon", "manage", "load_cast", "--skip-checks"]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert done.returncode == 0, f"The demo world could not be loaded:\n{done.stdout}{done.stderr}"
