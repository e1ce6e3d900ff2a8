"""A telephone company at work: a whole installation with the demo world, calls with audio, and its books afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from carillon.config import Config
from carillon.demo.carrier.exchange import TONES_HZ
from carillon.server import cluster
from carillon.useragent import OutgoingCall
from tests.support.house import House, installation
from tests.support.platform import Platform
from tests.support.telephony import PATIENCE_S
from tests.support.traffic import Tally, Traffic
from tests.support.untruths import UNTRUTHS
from tests.support.waiting import wait_until

NUMBER = "01632960001"  # Carrier A, three tiers: Acme, Northwind, the carrier
DEAR = "004930231250001"  # paid by six seconds, so that a call to it ends when nobody pays on
TIERS = ((0, False), (1, False), (2, True))
SETTLED_S = 90.0  # control looks for calls that it does not know every minute, and then twice

# calls that wait for their end through a fault keep their ports: more of them than a session's range has
RTP = {
    "CARILLON_PORT_RTP_MIN": "50000",
    "CARILLON_PORT_RTP_MAX": "53999",
    "CARILLON_PORT_CARRIER_A_RTP_MIN": "54000",
    "CARILLON_PORT_CARRIER_A_RTP_MAX": "57999",
}

Mend = Callable[[], float]
"""The second half of a fault: returns when what was broken is whole again, with the moment when the fault was over."""


@dataclass(frozen=True, slots=True)
class Ordeal:
    """What a fault did to a company at work."""

    recovery_s: float  # from the fault's end until a call that was placed after it was answered
    failed: int  # new calls, the fault itself included
    lost_audio: int  # answered calls in which a side heard nothing, or not through the fault
    overrun_s: float  # how much longer than paid for a call went on
    double_charged: int  # answered calls
    uncharged: int
    holds_left: int
    cdrs_missing: int
    cdrs_duplicated: int
    ledger_sum: int  # micro-units that are too many or too few: entries that do not cancel out or are not in the CDRs
    untrue: tuple[str, ...]  # what else is wrong with the books


@dataclass(frozen=True)
class Company:
    """A running installation, seen as the platform of other tests is."""

    house: House
    platform: Platform

    def freeze(self, name: str) -> Callable[[], None]:
        """Stop a process and all its children in mid-air; what lets just these go on, without asking who they are.

        To ask takes seconds while the database is frozen.
        """
        pids = _family(self.house.process(name)["pid"])
        _signal(pids, signal.SIGSTOP)
        return lambda: _signal(pids, signal.SIGCONT)

    def endures(self, strike: Callable[[], Mend], *, per_second: float, keeps_audio: bool = True) -> Ordeal:
        """Let a fault happen to it at work, wait until all is over, and look at the books.

        `keeps_audio`: calls are heard through the fault. Raises AssertionError when calls never flow again.
        """
        since = self.platform.sql("select now()")[0][0]
        live = asyncio.run(self._live_through(strike, per_second, keeps_audio))
        with contextlib.suppress(AssertionError):  # what is not settled is counted
            wait_until(self._is_settled, SETTLED_S)
        return self._ordeal(live, since)

    async def _live_through(self, strike: Callable[[], Mend], per_second: float, keeps_audio: bool) -> _Life:
        async with self.platform.phone("alice") as alice, Traffic(alice, NUMBER, per_second) as traffic:
            await traffic.flows()
            async with self._long_calls() as (calls, dear):
                mend = await asyncio.to_thread(strike)
                lost_audio = await _deaf(calls) if keeps_audio else set()
                over_at = await asyncio.to_thread(mend)
                await traffic.flows(60)
                lost_audio |= await _deaf(calls) if keeps_audio else set()
            tally = await traffic.stop()
        silent = tally.silent if keeps_audio else 0
        return _Life(tally, tally.works_after(over_at), len(lost_audio) + silent, dear)

    @asynccontextmanager
    async def _long_calls(self) -> AsyncIterator[tuple[list[OutgoingCall], OutgoingCall]]:
        """Two calls that go on through the fault, and one that goes on for as long as it is paid for."""
        async with self.platform.phone("carla") as carla:
            calls = [await carla.call(number) for number in (NUMBER, NUMBER, DEAR)]
            for call in calls:
                await call.answered()
            assert not await _deaf(calls[:2])
            yield calls[:2], calls[2]
            for call in calls:
                await call.hang_up()

    # ------------------------------------------------------------ the books

    def _is_settled(self) -> bool:
        """No call, hold or charge waits for anybody."""
        return not self.platform.sql(
            "select id::text from calls_call where state <> 'rated'"
            " union all select id::text from billing_unpostedcharge"
            " union all select call_id::text from billing_hold where state = 'open'"
        )

    def _ordeal(self, life: _Life, since: datetime) -> Ordeal:
        rows = self.platform.sql(
            "select c.sip_call_id, d.tier, d.is_carrier_cost from calls_call c join calls_cdr d on d.call_id = c.id"
            " where c.started_at >= %s and d.outcome = 'answered'",
            since,
        )
        charged = Counter((call_id, (tier, is_cost)) for call_id, tier, is_cost in rows)
        wanted = {(call_id, tier) for call_id in life.tally.answered for tier in TIERS}
        return Ordeal(
            recovery_s=round(life.recovery_s, 2),
            failed=life.tally.failed,
            lost_audio=life.lost_audio,
            overrun_s=round(self._overrun_s(life.dear), 2),
            double_charged=len({call_id for (call_id, _), times in charged.items() if times > 1}),
            uncharged=len(life.tally.answered.keys() - {call_id for call_id, _ in charged}),
            holds_left=self.platform.sql("select count(*) from billing_hold where state = 'open'")[0][0],
            cdrs_missing=len(wanted - charged.keys()),
            cdrs_duplicated=charged.total() - len(charged),
            ledger_sum=self._ledger_sum(),
            untrue=tuple(text for text, query in UNTRUTHS.items() if self.platform.sql(query)),
        )

    def _overrun_s(self, dear: OutgoingCall) -> float:
        """How long a call went on after the last second that was paid for."""
        [(paid_s,)] = self.platform.sql(
            "select extract(epoch from funded_until - started_at) from calls_call where sip_call_id = %s", dear.call_id
        )
        return max(0.0, dear.answered_s - float(paid_s))

    def _ledger_sum(self) -> int:
        """What is too much or too little, in micro-units: in the ledger as a whole, and on each buyer's account."""
        [(total,)] = self.platform.sql(
            """
            select coalesce(sum(abs(wrong)), 0)::bigint from (
                select sum(amount_micro) as wrong from billing_entry group by currency
                union all
                select coalesce((select sum(e.amount_micro) from billing_entry e join billing_transfer t
                                 on t.id = e.transfer_id and t.kind = 'calls' where e.account_id = a.id), 0)
                       + coalesce((select sum(d.amount_micro) from calls_cdr d where d.account_id = a.id), 0)
                       - a.unposted_micro
                from billing_account a where a.kind in ('customer', 'partner')
            ) wrongs
            """
        )
        return int(total)


@dataclass(frozen=True, slots=True)
class _Life:
    """What was seen from outside."""

    tally: Tally
    recovery_s: float
    lost_audio: int
    dear: OutgoingCall


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


async def _deaf(calls: list[OutgoingCall]) -> set[OutgoingCall]:
    """Those calls that do not hear the carrier's tone from now on."""
    heard = (call.hears(TONES_HZ["a"], timeout=PATIENCE_S) for call in calls)
    results = await asyncio.gather(*heard, return_exceptions=True)
    return {call for call, result in zip(calls, results, strict=True) if isinstance(result, TimeoutError)}
