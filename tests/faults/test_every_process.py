"""Each process of a whole installation killed and frozen while twenty calls a second with audio come in.

What must hold after every fault: the process is back by itself, calls that it did not carry kept their audio, a new
call works within five seconds, every answered call has exactly one CDR per tier, no hold outlives its call, the ledger
sums to zero. A fault takes half a minute, all of them about seven: that is this module's budget.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.company import Company, Mend, company
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.engines, pytest.mark.long]

SUPERVISED = ("control", "kamailio", "postgresql", "web", "worker", "rtpengine")
PER_SECOND = 20
FROZEN_S = 10.0
BACK_S = 3.0  # two, and the question itself
DISK_MB = 600


@pytest.fixture(scope="module")
def northwind() -> Iterator[Company]:
    with company("company") as found:
        yield found


def killed(who: Company, name: str) -> Mend:
    """Kill it; the supervisor brings it back."""
    pid = who.house.process(name)["pid"]
    os.kill(pid, signal.SIGKILL)

    def wait() -> None:
        wait_until(lambda: who.house.process(name)["pid"] not in (None, pid), BACK_S)
        wait_until(lambda: bool(who.house.status()["ready"]), 15)

    return wait


def frozen(who: Company, name: str) -> Mend:
    """Stop it for ten seconds."""
    let_go = who.freeze(name)
    until = time.monotonic() + FROZEN_S

    def thaw() -> None:
        try:
            wait_until(lambda: time.monotonic() >= until)
        finally:
            let_go()

    return thaw


@pytest.mark.parametrize("name", SUPERVISED)
@pytest.mark.parametrize("strike", [killed, frozen], ids=["killed", "frozen"])
def test_a_company_survives(northwind: Company, name: str, strike: Callable[[Company, str], Mend]) -> None:
    northwind.survives(lambda: strike(northwind, name), per_second=PER_SECOND, keeps_audio=name != "rtpengine")


def test_a_company_survives_the_loss_of_all_its_database_connections(northwind: Company) -> None:
    def cut() -> Mend:
        northwind.platform.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        return lambda: None

    northwind.survives(cut, per_second=PER_SECOND)


def test_a_company_survives_a_full_disk() -> None:
    with company("full", disk_mb=DISK_MB) as found:
        disk = found.house.disk
        assert disk is not None

        def fill() -> Mend:
            ballast = disk.fill()
            until = time.monotonic() + FROZEN_S

            def make_room() -> None:
                wait_until(lambda: time.monotonic() >= until)
                ballast.unlink()

            return make_room

        found.survives(fill, per_second=PER_SECOND)
