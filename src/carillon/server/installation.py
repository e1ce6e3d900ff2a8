"""A throw-away installation: the very processes that `./carillon up` starts, on a copy of the migrated database.

Tests and benches run on it. It has a PostgreSQL of its own, so it may be killed, frozen or filled.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import psycopg

from carillon.config import CHECKOUT, DATABASE_ROLES, Config
from carillon.server import cluster as pg
from carillon.server import engines
from carillon.server.errors import EngineError
from carillon.server.template import TEMPLATE, copy_template, manage


@dataclass
class Installation:
    """Processes that run. `settings` is what differs from our own environment; `config` was read from both."""

    config: Config
    cluster: pg.Cluster
    settings: dict[str, str]
    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment of its processes."""
        return {**os.environ, **self.settings, "PYTHONPATH": str(CHECKOUT / "src")}

    @contextlib.contextmanager
    def up(self) -> Iterator[Self]:
        """Run PostgreSQL with the migrated, empty database; at the end everything that was started is stopped."""
        copy_template(self.config, self.cluster.data)
        pg.configure(self.cluster)
        try:
            self.running["postgresql"] = pg.start(self.cluster)
            databases = [self.config.database(role) for role in DATABASE_ROLES]
            pg.prepare(self.cluster.administrator, databases, template=TEMPLATE)
            yield self
        finally:
            for name in reversed(list(self.running)):
                self.stop(name)

    def manage(self, *command: str) -> str:
        """What `./carillon manage ...` prints here. Raises ClusterError when it fails."""
        return manage(self.environ, *command, "--skip-checks")

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a query as the owner, past row-level security; an empty list for a statement without rows."""
        with psycopg.connect(self.config.database("owner").url, autocommit=True) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def start(self, name: str) -> None:
        """Start a process of the installation and wait until it is ready. Raises EngineError."""
        self.run(engines.processes(self.config)[name])

    def run(self, process: engines.Process) -> None:
        """Start any process in this environment and wait until it is ready. Raises EngineError, also when it runs."""
        before = self.running.get(process.name)
        if before is not None and before.poll() is None:
            raise EngineError(f"{process.name} runs already.")
        process = replace(process, environ={**process.environ, **self.settings})
        self.running[process.name] = engines.start(self.config, process, self.logs / f"{process.name}.log")

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """Send a signal to a process and all its children and wait for its end."""
        engines.stop(self.running.pop(name), number=number)

    def log(self, name: str) -> str:
        """What the process has logged so far."""
        path = self.logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""
