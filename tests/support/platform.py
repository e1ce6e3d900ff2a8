"""Fixture: the call path as it runs in production - PostgreSQL, rtpengine, Kamailio, control - on this session's ports.

It has a PostgreSQL of its own, a copy of the migrated template with the demo world in it (`carillon.demo.world`): fault
tests kill and freeze it, and database tests empty theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from carillon.config import Config
from carillon.logic.callflow.quality import CallQuality
from carillon.logic.documents import from_document
from carillon.server import cluster as pg
from carillon.server.errors import ClusterError, EngineError
from carillon.server.installation import Installation
from carillon.server.throwaway import spare_ports
from carillon.useragent import Account, UserAgent
from tests.support.waiting import wait_until

PROCESSES = ("rtpengine", "kamailio", "control", "carrier-a", "carrier-b")
LOG_TAIL = 6000  # characters of each, enough for what a test did last


class Platform(Installation):
    """A running call path."""

    @property
    def proxy(self) -> tuple[str, int]:
        """Kamailio's address."""
        return "127.0.0.1", self.config.ports.sip

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
        for pid in self._database_pids():
            with contextlib.suppress(ProcessLookupError):  # a backend whose client has just died
                os.kill(pid, signal.SIGSTOP if is_frozen else signal.SIGCONT)

    def _database_pids(self) -> list[int]:
        main = self.running["postgresql"].pid
        children = subprocess.run(["pgrep", "-P", str(main)], capture_output=True, text=True, check=False).stdout
        return [main, *map(int, children.split())]

    def heal(self) -> None:
        """As if nothing had happened: what is dead or frozen is back, without calls and registrations."""
        server = self.running.get("postgresql")
        if server is None or server.poll() is not None:
            self.running["postgresql"] = pg.start(self.cluster)
        self.freeze_database(is_frozen=False)
        for name in ("control", "kamailio"):
            if name in self.running:
                self.stop(name, signal.SIGKILL)
        for table in ("location", "kept_dialog"):
            self.sql(f"delete from edge.{table}")  # noqa: S608 - our own names
        for name in PROCESSES:
            if name in self.running and self.running[name].poll() is None:
                self.freeze(name, is_frozen=False)
            else:
                self.running.pop(name, None)
                self.start(name)
        for name in "ab":
            self.carrier(name, "/mode", {"mode": "normal"})
        wait_until(self.decides)

    def decides(self) -> bool:
        """Whether control is there, has its prices and has told Kamailio what it must know."""
        health = self.status("/health")[1]
        return bool(health and health["edge"] and health["reference"])

    def restart_database(self) -> None:
        """Kill PostgreSQL with all its processes and start it again."""
        pids = self._database_pids()
        self.running["postgresql"].kill()
        self.running["postgresql"].wait()
        wait_until(lambda: not any(map(_lives, pids)))  # its backends hold its shared memory
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
        """Kinds and details of a call's events, in order of time; how it sounded is `media`."""
        return [
            (kind, detail)
            for kind, detail in self.sql(
                "select e.kind, e.detail from calls_callevent e join calls_call c on c.id = e.call_id"
                " where c.decision->'request'->>'sip_call_id' = %s and e.kind <> 'media' order by e.at_ms, e.id",
                sip_call_id,
            )
        ]

    async def trace(self, sip_call_id: str) -> list[dict[str, Any]]:
        """The SIP messages of a call that is over, once they are written: `at_us src dst proto raw`, in order."""
        query = (
            "select t.messages from calls_calltrace t join calls_call c on c.id = t.call_id"
            " where c.decision->'request'->>'sip_call_id' = %s"
        )
        [[messages]] = await eventually(lambda: self.sql(query, sip_call_id))
        return [json.loads(line) for line in zlib.decompress(messages).splitlines()]

    def media(self, sip_call_id: str) -> CallQuality | None:
        """How a call sounded, once control has written it down."""
        rows = self.sql(
            "select e.detail from calls_callevent e join calls_call c on c.id = e.call_id"
            " where c.decision->'request'->>'sip_call_id' = %s and e.kind = 'media'",
            sip_call_id,
        )
        return from_document(CallQuality, rows[0][0]) if rows else None


def _lives(pid: int) -> bool:
    """Whether a process runs; of a dead one that nobody has buried yet nothing is left to read."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


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
        report.sections += [(f"end of the log of {name}", found.log(name)[-LOG_TAIL:]) for name in PROCESSES]
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
        "CARILLON_MEDIA_TIMEOUT_SECONDS": "12",
    }
    own = Config.from_env({**os.environ, **settings})
    folder = Path(os.environ["CARILLON_HOME"]) / "calls"
    folder.mkdir(mode=0o711, exist_ok=True)
    found = pg.Cluster(folder / "pg", folder / "run", own.ports.postgresql, folder / "log", is_durable=False)
    with Platform(own, found, settings, tmp_path_factory.mktemp("engines")).up() as made:
        made.manage("load_cast")
        made.sql("update routing_gateway set is_probed = false")  # silent carriers are the subject of many tests
        for name in PROCESSES:
            made.start(name)
        yield made
