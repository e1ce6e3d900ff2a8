"""Money for calls in a tree of three tiers with credit windows, against PostgreSQL's own speed on the same accounts.

Control's own parts take and extend the holds, the worker itself rates the calls. Baseline: pgbench changes one row of
the same accounts per transaction, as many connections at once.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg

from bench.crowd import DOMAIN, FIRST_ID, load_crowd
from bench.frame import Bench, Figures, installation, ratio, say, step, wait_until
from carillon.callpath.control.call_ids import new_call_id
from carillon.callpath.control.decider import decided
from carillon.callpath.control.feed import Knowledge
from carillon.callpath.control.live import now_ms
from carillon.callpath.control.store import CallStore, CreditStore, Opening, open_pool
from carillon.callpath.control.windows import CreditWindows
from carillon.logic.callflow.charging import hold_micro
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.values import CallRequest, Chain, Decision, HoldRequest, answered_at
from carillon.logic.documents import to_document
from carillon.server.cluster import binaries
from carillon.server.installation import Installation

CONNECTIONS = 32
EDGE = "bench"
CHUNK_S, TALK_MS = 10, 12_000
DIALLED = "01632960001"
_BARE = """
\\set account random({first}, {last})
update billing_account set reserved_micro = reserved_micro + 1 where id = :account;
"""
_OVERSPENT = """
select coalesce(sum(greatest(reserved_micro + unposted_micro - balance_micro - credit_limit_micro, 0)), 0)::bigint
from billing_account where kind in ('customer', 'partner')
"""
_DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"


@dataclass(frozen=True, slots=True)
class _Size:
    accounts: int
    calls: int
    bare_s: int


@dataclass(frozen=True, slots=True)
class _Held:
    """A call that has its hold."""

    call_id: UUID
    decision: Decision
    started_ms: int

    @property
    def hold(self) -> HoldRequest:
        """What was taken for it."""
        return self.decision.holds[0]


SIZES = {"full": _Size(10_000, 20_000, 20), "small": _Size(50, 100, 1)}


def measure(options: Namespace) -> Figures:
    """Take, extend and settle a hold for each call, one step after the other; then the plain updates."""
    size = SIZES[options.size]
    with installation(CARILLON_CHUNK_SECONDS=str(CHUNK_S)) as installed:
        with step(f"{size.accounts} customers"):
            load_crowd(installed, size.accounts)
        installed.start("worker")
        seconds = asyncio.run(_take_and_extend(installed, size))
        seconds += _settled(installed, size)
        overspent = installed.sql(_OVERSPENT)[0][0]
        deadlocks = installed.sql(_DEADLOCKS)[0][0]
        installed.stop("worker")
        bare = _bare(installed, size)
    holds = size.calls / seconds
    return {
        "holds_per_s": round(holds),
        "bare_per_s": round(bare),
        "ratio": ratio(holds, bare),
        "overspent_micro": overspent,
        "deadlocks": deadlocks,
    }


# ---------------------------------------------------------------- control's side


async def _take_and_extend(installed: Installation, size: _Size) -> float:
    database = installed.config.database("control")
    async with await open_pool(database, CONNECTIONS) as pool, asyncio.TaskGroup() as group:
        windows = CreditWindows(EDGE, CreditStore(pool))
        keeping = group.create_task(windows.run())
        decision = await _decided(installed, pool)
        calls = [_for_customer(decision, FIRST_ID + 1 + random.randrange(size.accounts)) for _ in range(size.calls)]
        store = CallStore(pool)
        taking = await _at_once("taken", calls, lambda call: _take(store, windows, call))
        extending = await _at_once("extended", calls, lambda call: _extend(store, windows, call))
        await _at_once("ended (not counted)", calls, lambda call: _end(store, call))
        keeping.cancel()
    return taking + extending


async def _decided(installed: Installation, pool: asyncpg.Pool[asyncpg.Record]) -> Decision:
    """What control decides about a call of the first customer."""

    async def ignore(_: frozenset[str]) -> None:
        """Nobody to tell."""

    knowledge = Knowledge(pool, installed.config.database("control"), installed.config.home, ignore)
    learning = asyncio.create_task(knowledge.run())
    while not knowledge.is_complete:
        await asyncio.sleep(0.05)
    learning.cancel()
    request = CallRequest("bench", "127.0.0.1", 40_000, "udp", "phone1", DOMAIN, DIALLED, DOMAIN)
    return await decided(knowledge, now_ms(), lambda feed: decide(feed, request, chunk_s=CHUNK_S))


def _for_customer(decision: Decision, row_id: int) -> _Held:
    """The same call by another customer of the crowd."""
    chain, hold = decision.chains[0], decision.holds[0]
    own = replace(chain.tiers[0], tier=replace(chain.tiers[0].tier, account_id=row_id))
    mine = Chain(chain.kind, row_id, chain.partner_id, (own, *chain.tiers[1:]))
    started_ms = now_ms()
    changed = replace(
        decision, customer_id=row_id, user_id=row_id, chains=(mine,), holds=(replace(hold, account_id=row_id),)
    )
    return _Held(new_call_id(started_ms), changed, started_ms)


async def _at_once(what: str, calls: Sequence[_Held], act: Callable[[_Held], Awaitable[None]]) -> float:
    """The seconds it takes to do it for all calls, `CONNECTIONS` at a time."""
    waiting = iter(calls)

    async def work() -> None:
        for call in waiting:
            await act(call)

    began = time.monotonic()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    seconds = time.monotonic() - began
    say(f"{what}: {len(calls) / seconds:,.0f} a second")
    return seconds


async def _take(store: CallStore, windows: CreditWindows, call: _Held) -> None:
    hold = call.hold
    opening = Opening(
        call.call_id,
        call.started_ms,
        EDGE,
        to_document(call.decision),
        hold.account_id,
        hold.amount_micro,
        call.started_ms + 1000 * hold.funded_s,
    )
    with windows.spend(hold.upper) as spending:
        answer = await store.open(opening, spending.credit)
        assert answer.slug == "ok", answer


async def _extend(store: CallStore, windows: CreditWindows, call: _Held) -> None:
    seconds = call.hold.funded_s + CHUNK_S
    totals = [
        (charge.tier.account_id, hold_micro(charge, seconds, answered_at(0)))
        for charge in call.decision.chains[0].tiers
    ]
    with windows.spend(totals[1:], dict(call.hold.upper)) as spending:
        total = await store.extend(call.call_id, totals[0][1], call.started_ms + 1000 * seconds, spending.credit)
        assert total == totals[0][1], total


async def _end(store: CallStore, call: _Held) -> None:
    await store.record(call.call_id, "answered", call.started_ms, "bench", {"target": 0})
    end = {"by": "caller", "sip_code": 200, "reason": ""}
    await store.record(call.call_id, "ended", call.started_ms + TALK_MS, "bench", end)


# ---------------------------------------------------------------- the worker's side, the baseline


def _settled(installed: Installation, size: _Size) -> float:
    """Seconds until every call is rated."""
    began = time.monotonic()
    left = "select count(*) from calls_call where state <> 'rated'"
    wait_until(lambda: installed.sql(left)[0][0] == 0, "all calls are rated", 600)
    seconds = time.monotonic() - began
    say(f"settled: {size.calls / seconds:,.0f} a second")
    return seconds


def _bare(installed: Installation, size: _Size) -> float:
    """Transactions a second of pgbench."""
    script = installed.logs / "bare.sql"
    script.write_text(_BARE.format(first=FIRST_ID + 1, last=FIRST_ID + size.accounts))
    options = ("-n", "-c", str(CONNECTIONS), "-j", "2", "-T", str(size.bare_s), "-M", "prepared", "-f", str(script))
    with step("plain updates"):
        done = subprocess.run(
            [str(binaries() / "pgbench"), *options, installed.config.database("owner").url],
            capture_output=True,
            text=True,
            check=True,
        )
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


BENCH = Bench(
    summary="take, extend and settle holds in a three-tier tree against single-row updates by pgbench",
    bars={
        "holds_per_s": "",
        "bare_per_s": "",
        "ratio": ">= 0.3, aim 0.6",
        "overspent_micro": "0",
        "deadlocks": "0",
    },
    measure=measure,
)
