"""A telephone company at work: a whole installation with the demo world, calls with audio, and its books afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from carillon.config import Config
from carillon.demo.carrier.exchange import TONES_HZ
from carillon.demo.useragent import CallRefused, OutgoingCall, UserAgent
from carillon.server import cluster
from tests.support.books import FAULTS
from tests.support.house import House, installation
from tests.support.platform import Platform
from tests.support.telephony import PATIENCE_S
from tests.support.traffic import Tally, Traffic
from tests.support.waiting import wait_until

NUMBER = "01632960001"  # Carrier A, three tiers: Acme, Northwind, the carrier
TIERS = ((0, False), (1, False), (2, True))
WORKS_S = 5.0
SETTLED_S = 60.0  # the sweeper looks at ringing and silent calls within half of it

# calls that wait for their end through a fault keep their ports: more of them than a session's range has
RTP = {"CARILLON_PORT_RTP_MIN": "50000", "CARILLON_PORT_RTP_MAX": "53999"}

Mend = Callable[[], None]
"""The second half of a fault: returns when what was broken is whole again."""


@dataclass(frozen=True)
class Company:
    """A running installation, seen as the platform of other tests is."""

    house: House
    platform: Platform

    def freeze(self, name: str) -> Mend:
        """Stop a process and all its children in mid-air; what lets just these go on, without asking who they are.

        To ask takes seconds while the database is frozen.
        """
        pids = _family(self.house.process(name)["pid"])
        _signal(pids, signal.SIGSTOP)
        return lambda: _signal(pids, signal.SIGCONT)

    def survives(self, strike: Callable[[], Mend], *, per_second: float, keeps_audio: bool = True) -> Tally:
        """Let a fault happen to it at work, see that it goes on, and look at the books when all is over."""
        since = self.platform.sql("select now()")[0][0]
        tally = asyncio.run(self._live_through(strike, per_second, keeps_audio))
        assert not tally.silent or not keeps_audio, f"{tally.silent} answered calls had no audio."
        self._everything_is_settled()
        self._everybody_is_charged_once(tally, since)
        return tally

    async def _live_through(self, strike: Callable[[], Mend], per_second: float, keeps_audio: bool) -> Tally:
        async with self.platform.phone("alice") as alice, Traffic(alice, NUMBER, per_second) as traffic:
            await traffic.flows()
            async with self._long_calls() as calls:
                mend = await asyncio.to_thread(strike)
                if keeps_audio:
                    await _hear(calls)
                await asyncio.to_thread(mend)
                await self._new_call_works(time.monotonic() + WORKS_S)
                if keeps_audio:
                    await _hear(calls)
            await traffic.flows()
            return await traffic.stop()

    @asynccontextmanager
    async def _long_calls(self) -> AsyncIterator[list[OutgoingCall]]:
        """Two calls that go on through the fault."""
        async with self.platform.phone("carla") as carla:
            calls = [await carla.call(NUMBER), await carla.call(NUMBER)]
            for call in calls:
                await call.answered()
            await _hear(calls)
            yield calls
            for call in calls:
                await call.hang_up()

    async def _new_call_works(self, deadline: float) -> None:
        """Somebody who tries again until it works is heard by `deadline`, a moment of `time.monotonic`."""
        async with self.platform.phone("bob") as bob:
            while not await _is_heard(bob):
                assert time.monotonic() < deadline, "New calls still fail."

    # ------------------------------------------------------------ the books

    def _everything_is_settled(self) -> None:
        """No call, hold or charge waits for anybody."""

        def is_done() -> bool:
            return not self.platform.sql(
                "select id::text from calls_call where state <> 'rated'"
                " union all select id::text from billing_unpostedcharge"
                " union all select call_id::text from billing_hold where state = 'open'"
            )

        wait_until(is_done, SETTLED_S)

    def _everybody_is_charged_once(self, tally: Tally, since: datetime) -> None:
        rows = self.platform.sql(
            "select c.sip_call_id, array_agg((d.tier, d.is_carrier_cost)::text order by d.tier)"
            " from calls_call c join calls_cdr d on d.call_id = c.id"
            " where c.started_at >= %s and d.outcome = 'answered' group by 1",
            since,
        )
        charged = {call_id: tuple(tiers) for call_id, tiers in rows}
        wanted = tuple(f"({tier},{'t' if is_cost else 'f'})" for tier, is_cost in TIERS)
        assert not set(tally.answered) - charged.keys(), "Answered calls without a CDR."
        assert set(charged.values()) == {wanted}
        assert not [text for text, query in FAULTS.items() if self.platform.sql(query)]


@contextmanager
def company(name: str, *, disk_mb: int = 0) -> Iterator[Company]:
    """A running installation with the demo world and more money than any test spends; see `installation`."""
    with installation(name, disk_mb=disk_mb, CARILLON_CHUNK_SECONDS="6", **RTP) as house:
        done = house.run("up", "--detach")
        assert done.returncode == 0, done.stdout + done.stderr
        environ = house.environ if house.disk is None else {**house.environ, "CARILLON_HOME": str(house.disk.seen)}
        config = Config.from_env(environ)
        platform = Platform(config, cluster.cluster_of(config), {}, config.home / "logs")
        # some thousand calls must be paid for; where the money comes from is not what is tested here
        platform.sql("update billing_account set credit_limit_micro = 1000000000")
        yield Company(house, platform)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


async def _hear(calls: list[OutgoingCall]) -> None:
    for call in calls:
        await call.hears(TONES_HZ["a"], timeout=PATIENCE_S)


async def _is_heard(phone: UserAgent) -> bool:
    call = await phone.call(NUMBER)
    try:
        await call.answered(3)
        await call.hears(TONES_HZ["a"], timeout=3)
    except (TimeoutError, CallRefused):
        return False
    finally:
        call.cancel()
        await call.hang_up()
    return True
