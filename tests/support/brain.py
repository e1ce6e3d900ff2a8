"""control as a process of its own, without Kamailio: what it decides by is read from the test's database."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carillon.config import CHECKOUT, Config
from tests.support.waiting import wait_until


@contextmanager
def control(config: Config, log: Path) -> Iterator[None]:
    """A control that has read all reference data; killed at the end."""
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT / "src")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "carillon.callpath.control"], env=environ, stdout=output, stderr=output, cwd=CHECKOUT
        )
    try:
        wait_until(lambda: _is_ready(config), 60, log=log)
        yield
    finally:
        process.kill()
        process.wait()


def _is_ready(config: Config) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", config.ports.control, timeout=2)
    try:
        connection.request("GET", "/health")
        health = json.load(connection.getresponse())
        return bool(health["reference"] and health["generations"])  # else it goes by what an earlier test left behind
    except OSError:
        return False
    finally:
        connection.close()
