"""`python -m carillon.server.run NAME`: what the supervisor starts; becomes the process when its turn has come.

First it ends what an earlier life of the process left behind, then it waits for the processes it needs. The supervisor
has no delay of its own, so a process that was up comes back at once; one that fails right away is held to one
start a second here.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from carillon.config import Config
from carillon.server import engines, leftovers

WAIT_S = 60
SHORTEST_LIFE_S = 1.0


def main(name: str) -> None:
    """Prepare and become the process `name`; ends with a sentence when what it needs is not there in time."""
    config = Config.from_env(os.environ)
    table = engines.processes(config)
    process = table[name]
    leftovers.end(leftovers.marked(config.home, name))
    for file in process.stale:
        file.unlink(missing_ok=True)
    process.prepare()
    _hold_back(config.runtime / f"{name}.started")
    for needed in process.needs:
        if needed in table:
            _wait(table[needed], name)
    os.execve(process.command[0], process.command, engines.environment(config, process))  # noqa: S606 - no shell is meant


def _hold_back(stamp: Path) -> None:
    if stamp.exists():
        time.sleep(max(0.0, min(SHORTEST_LIFE_S, stamp.stat().st_mtime + SHORTEST_LIFE_S - time.time())))
    stamp.touch()


def _wait(needed: engines.Process, name: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not needed.ready():
        if time.monotonic() > deadline:
            sys.exit(f"carillon: {name} waited {WAIT_S} s for {needed.name}, which is not ready.")
        time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1])
