"""The faults that a company must survive, by name: for the tests, and for the bench that measures them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.support.company import Company, Mend
from tests.support.waiting import wait_until

SUPERVISED = ("control", "kamailio", "postgresql", "web", "worker", "rtpengine")
LASTS_S = 10.0
BACK_S = 3.0  # two, and the question itself
READY_S = 15.0
DISK_MB = 600


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` is told for how many seconds what it breaks stays broken; a killed process is brought back at once."""

    strike: Callable[[Company, float], Mend]
    keeps_audio: bool = True  # of calls in progress
    disk_mb: int = 0  # the installation needs a small disk of its own


def _killed(name: str, who: Company, _: float) -> Mend:
    """Kill it; the supervisor brings it back."""
    pid = who.house.process(name)["pid"]
    os.kill(pid, signal.SIGKILL)
    over_at = time.monotonic()

    def wait() -> float:
        wait_until(lambda: who.house.process(name)["pid"] not in (None, pid), BACK_S)
        wait_until(lambda: bool(who.house.status()["ready"]), READY_S)
        return over_at

    return wait


def _frozen(name: str, who: Company, lasts_s: float) -> Mend:
    """Stop it in mid-air, with its children."""
    let_go = who.freeze(name)
    until = time.monotonic() + lasts_s

    def thaw() -> float:
        try:
            wait_until(lambda: time.monotonic() >= until, lasts_s + 1)
        finally:
            let_go()
        return time.monotonic()

    return thaw


def _cut(who: Company, _: float) -> Mend:
    """End every connection to the database at once."""
    who.platform.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where backend_type = 'client backend' and pid <> pg_backend_pid()"
    )
    over_at = time.monotonic()
    return lambda: over_at


def _filled(who: Company, lasts_s: float) -> Mend:
    """Leave not a byte on the disk."""
    assert who.house.disk is not None
    ballast = who.house.disk.fill()
    until = time.monotonic() + lasts_s

    def make_room() -> float:
        wait_until(lambda: time.monotonic() >= until, lasts_s + 1)
        ballast.unlink()
        return time.monotonic()

    return make_room


FAULTS = {
    **{f"{name}-killed": Fault(partial(_killed, name), keeps_audio=name != "rtpengine") for name in SUPERVISED},
    **{f"{name}-frozen": Fault(partial(_frozen, name), keeps_audio=name != "rtpengine") for name in SUPERVISED},
    "connections-cut": Fault(_cut),
    "disk-full": Fault(_filled, disk_mb=DISK_MB),
}
