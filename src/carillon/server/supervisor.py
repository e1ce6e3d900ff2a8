"""supervisord for one installation: its configuration, its start, and talking to it.

`python -m carillon.server.supervisor CONF` is supervisord itself, with one change: it looks at its children ten times a
second. The original looks once a second and restarts a child one look after it noticed the death, which is more than
the two seconds we promise.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xmlrpc.client import Error as RpcError
from xmlrpc.client import ServerProxy

from supervisor.options import ServerOptions
from supervisor.supervisord import go
from supervisor.xmlrpc import SupervisorTransport

from carillon.config import Config
from carillon.server import engines, leftovers
from carillon.server.errors import SupervisorError

LOOK_S = 0.1
LOG_BYTES = "20MB"
NAME = "supervisord"


class Supervisor:
    """The supervisor of one installation, running or not."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.pid_file = config.runtime / "supervisord.pid"
        self.socket = config.runtime / "supervisor.sock"
        self.log = config.home / "logs" / "supervisord.log"

    def pid(self) -> int | None:
        """Its process id, proved by its mark; None when it does not run."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self.pid_file.read_text())
            if pid in leftovers.marked(self.config.home, NAME) and leftovers.is_alive(pid):
                return pid
        return None

    def start(self, table: Mapping[str, engines.Process]) -> None:
        """Start supervisord in a session of its own; no process is started with it. Raises SupervisorError."""
        conf = self.config.home / "supervisord.conf"
        conf.write_text(configuration(self.config, table))
        environ = {**os.environ, "CARILLON_PROCESS": leftovers.mark(NAME, self.config.home)}
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", __spec__.name, str(conf)],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + 15
        while not (self.socket.exists() and self.pid()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SupervisorError(f"supervisord did not start: see {self.log}.")
            time.sleep(0.02)

    def call(self, method: str, *arguments: Any) -> Any:
        """One remote call of supervisord's `supervisor` namespace. Raises SupervisorError when it is not there."""
        transport = SupervisorTransport(serverurl=f"unix://{self.socket}")
        try:
            return getattr(ServerProxy("http://localhost", transport=transport).supervisor, method)(*arguments)
        except (OSError, RpcError) as error:
            raise SupervisorError(f"supervisord does not answer ({error}).") from None
        finally:
            transport.close()

    def start_process(self, name: str) -> None:
        """Ask for a process to run, without waiting; nothing happens when it already does."""
        with contextlib.suppress(SupervisorError):
            self.call("startProcess", name, False)

    def states(self) -> dict[str, dict[str, Any]]:
        """What supervisord knows of each process: statename, pid, start, now; empty when it does not run."""
        if self.pid() is None:
            return {}
        with contextlib.suppress(SupervisorError):
            return {state["name"]: state for state in self.call("getAllProcessInfo")}
        return {}

    def stop(self, *, timeout_s: float = 45) -> None:
        """Stop everything, PostgreSQL last, and end what did not obey."""
        pid = self.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + timeout_s
            while leftovers.is_alive(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
        self.end_leftovers()

    def end_leftovers(self) -> None:
        """End every process of this installation that no supervisor cares for any more."""
        home = self.config.home
        leftovers.end(leftovers.marked(home, NAME))
        database = set(leftovers.marked(home, "postgresql"))
        leftovers.end([pid for pid in leftovers.marked(home) if pid not in database], grace_s=2)
        for pid in _postmasters(self.config):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)  # "fast": ends its own backends and leaves a clean cluster
        deadline = time.monotonic() + 20
        while _postmasters(self.config) and time.monotonic() < deadline:
            time.sleep(0.05)
        leftovers.end(leftovers.marked(home))


def _postmasters(config: Config) -> list[int]:
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int((config.home / "postgresql" / "postmaster.pid").read_text().splitlines()[0])
        return [pid] if pid in leftovers.marked(config.home, "postgresql") and leftovers.is_alive(pid) else []
    return []


def configuration(config: Config, table: Mapping[str, engines.Process]) -> str:
    """supervisord.conf: no secrets in it, `carillon.server.run` brings each process its environment."""
    runtime = config.runtime
    head = f"""# written by Carillon before each start
[supervisord]
nodaemon = true
silent = true
pidfile = {_escape(runtime / "supervisord.pid")}
logfile = {_escape(config.home / "logs" / "supervisord.log")}
logfile_maxbytes = {LOG_BYTES}
childlogdir = {_escape(config.home / "logs")}
loglevel = info

[unix_http_server]
file = {_escape(runtime / "supervisor.sock")}
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_program(config, process, rank) for rank, process in enumerate(table.values()))


def _program(config: Config, process: engines.Process, rank: int) -> str:
    log = config.home / "logs" / f"{process.name}.log"
    return f"""
[program:{process.name}]
command = "{_escape(Path(sys.executable))}" -m carillon.server.run {process.name}
directory = /
priority = {10 + rank}
autostart = false
autorestart = true
startsecs = 0
stopsignal = {process.stop_signal}
stopwaitsecs = {process.stop_wait_s}
stopasgroup = false
killasgroup = true
redirect_stderr = true
stdout_logfile = {_escape(log)}
stdout_logfile_maxbytes = {LOG_BYTES}
stdout_logfile_backups = 2
"""


def _escape(path: Path) -> str:
    return str(path).replace("%", "%%")


class _AttentivePoller:
    """supervisord's poller with a shorter sleep."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def poll(self, timeout: float) -> Any:
        return self._inner.poll(min(timeout, LOOK_S))


def main(conf: str) -> None:
    """Be supervisord until told to end."""
    options = ServerOptions()
    options.realize(["-c", conf])
    options.first = True
    options.test = False
    options.poller = _AttentivePoller(options.poller)
    go(options)
    options.close_httpservers()
    options.close_logger()


if __name__ == "__main__":
    main(sys.argv[1])
