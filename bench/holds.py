"""Money for calls in a tree of three tiers with credit windows, against PostgreSQL's own speed on the same accounts.

What counts is an operation, each with its own commit or its share of one: a hold taken, a hold extended, a hold
settled; as many of each. pgbench asks for the first two what control asks, with control's role and so its settings, on
as many connections as for the baseline, which changes one row of the same accounts at a time. The worker's own code
settles, in batches, without pricing the calls: that is what `rating` and `calls` measure.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import asyncpg

from bench.crowd import DOMAIN, FIRST_ID, load_crowd
from bench.frame import Bench, Figures, installation, ratio, say, step
from carillon.callpath.control.decider import decided, without_passwords
from carillon.callpath.control.feed import Knowledge
from carillon.callpath.control.live import now_ms
from carillon.callpath.control.store import Queries, open_pool
from carillon.config import CHECKOUT
from carillon.logic.callflow.charging import hold_micro
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.values import CallRequest, Decision, answered_at
from carillon.logic.documents import to_brief_document
from carillon.server.cluster import binaries
from carillon.server.installation import Installation

CONNECTIONS = 32
WORKERS = 2
EDGE, LEASE = "bench", UUID(int=1)
CHUNK_S = 10
DIALLED = "01632960001"
_BARE = r"""\set account random({first}, {last})
update billing_account set reserved_micro = reserved_micro + 1 where id = :account;
"""
# Each connection counts its calls, so that ids rise as control's do and what is extended is what was taken.
_CALL = r"""\set n :n + 1
\set account {first} + mod((:n * 32 + :client_id) * 7919, {accounts})
"""
_ID = "(lpad(to_hex(:n::int), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(:client_id::int), 12, '0'))::uuid"
_TAKE = """select callfeed.open_call(
    {id}, now(), '{edge}', '{decision}', :account, {micro}, now() + interval '{seconds} s', '{upper}', '{lease}');
"""
_EXTEND = """select callfeed.extend_hold({id}, {micro}, now() + interval '{seconds} s', '{upper}', '{lease}');
"""
_HELD = "select count(*), coalesce(min(amount_micro), 0)::bigint from billing_hold where state = 'open'"
_OVERSPENT = """
select coalesce(sum(greatest(reserved_micro + unposted_micro - balance_micro - credit_limit_micro, 0)), 0)::bigint
from billing_account where kind in ('customer', 'partner')
"""
_DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"


@dataclass(frozen=True, slots=True)
class _Size:
    accounts: int
    calls: int  # a multiple of CONNECTIONS


SIZES = {"full": _Size(10_000, 32_000), "small": _Size(50, 320)}


def measure(options: Namespace) -> Figures:
    """The plain updates before and after what is measured: take, extend and settle a hold for each call."""
    size = SIZES[options.size]
    with installation(CARILLON_CHUNK_SECONDS=str(CHUNK_S)) as installed:
        with step(f"{size.accounts} customers"):
            load_crowd(installed, size.accounts)
        decision = asyncio.run(_decided(installed))
        _prepare(installed, size, decision)
        bare = _BARE.format(first=FIRST_ID + 1, last=FIRST_ID + size.accounts)
        plain = _run(installed, size, "changed", bare, "owner")
        seconds = _held(installed, size, decision)
        plain += _run(installed, size, "changed", bare, "owner")
        overspent = installed.sql(_OVERSPENT)[0][0]
        deadlocks = installed.sql(_DEADLOCKS)[0][0]
    holds, bare_per_s = 3 * size.calls / seconds, 2 * size.calls / plain
    return {
        "holds_per_s": round(holds),
        "bare_per_s": round(bare_per_s),
        "ratio": ratio(holds, bare_per_s),
        "overspent_micro": overspent,
        "deadlocks": deadlocks,
    }


async def _decided(installed: Installation) -> Decision:
    """What control decides about a call of the first customer."""
    database = installed.config.database("control")
    async with await open_pool(database, 2) as pool, Queries(pool) as queries:
        return await _decided_by(pool, queries, installed)


async def _decided_by(pool: asyncpg.Pool[asyncpg.Record], queries: Queries, installed: Installation) -> Decision:
    async def ignore(_: frozenset[str]) -> None:
        """Nobody to tell."""

    knowledge = Knowledge(pool, queries, installed.config.database("control"), installed.config.home, ignore)
    learning = asyncio.create_task(knowledge.run())
    while not knowledge.is_complete:
        await asyncio.sleep(0.05)
    learning.cancel()
    request = CallRequest("bench", "127.0.0.1", 40_000, "udp", "phone1", DOMAIN, DIALLED, DOMAIN)
    decision = await decided(knowledge, now_ms(), lambda feed: decide(feed, request, chunk_s=CHUNK_S))
    return replace(without_passwords(decision), customer_id=None)


def _totals(decision: Decision, seconds: int) -> list[tuple[int, int]]:
    """What so many seconds need of each tier's account: (account id, micro-units), the customer's first."""
    tiers = decision.chains[0].tiers
    return [(charge.tier.account_id, hold_micro(charge, seconds, answered_at(0))) for charge in tiers]


def _prepare(installed: Installation, size: _Size, decision: Decision) -> None:
    """Windows with enough for all calls."""
    installed.sql("select * from callfeed.take_lease(%s, %s)", EDGE, LEASE)
    for account_id, micro in _totals(decision, decision.holds[0].funded_s + CHUNK_S)[1:]:
        grant = "select callfeed.grant_credit(%s, %s, %s, %s, 0)"
        assert installed.sql(grant, EDGE, LEASE, account_id, micro * size.calls)[0][0] > 0


def _held(installed: Installation, size: _Size, decision: Decision) -> float:
    """Seconds that it takes to take, extend and settle a hold of each call."""
    funded_s = decision.holds[0].funded_s
    first, later = _totals(decision, funded_s), _totals(decision, funded_s + CHUNK_S)
    spent = [(account_id, micro, micro) for account_id, micro in first[1:]]
    added = [(account_id, micro, micro - had) for (account_id, micro), (_, had) in zip(later, first, strict=True)][1:]
    fixed = {"edge": EDGE, "lease": LEASE, "id": _ID}
    call = _CALL.format(first=FIRST_ID + 1, accounts=size.accounts)
    text = json.dumps(to_brief_document(decision)).replace("'", "''")
    take = _TAKE.format(decision=text, micro=first[0][1], seconds=funded_s, upper=json.dumps(spent), **fixed)
    extend = _EXTEND.format(micro=later[0][1], seconds=funded_s + CHUNK_S, upper=json.dumps(added), **fixed)
    seconds = _run(installed, size, "taken", call + take, "control")
    seconds += _run(installed, size, "extended", call + extend, "control")
    assert installed.sql(_HELD)[0] == (size.calls, later[0][1])
    seconds += _settled(installed, size)
    assert installed.sql(_HELD)[0] == (0, 0)
    return seconds


def _run(installed: Installation, size: _Size, what: str, script: str, role: str) -> float:
    """Seconds that pgbench takes for one transaction for each call, signed in with a role."""
    path = installed.logs / f"{what}.sql"
    path.write_text(script)
    each = str(size.calls // CONNECTIONS)
    options = ("-n", "-c", str(CONNECTIONS), "-j", "2", "-t", each, "-M", "prepared", "-D", "n=0", "-f", str(path))
    done = subprocess.run(
        [str(binaries() / "pgbench"), *options, installed.config.database(role).url],
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    per_s = float(line.split()[2])
    say(f"{what}: {per_s:,.0f} a second")
    return size.calls / per_s


def _settled(installed: Installation, size: _Size) -> float:
    """Seconds that the code of so many workers takes for all holds."""
    with step("settled"):
        settling = [
            subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("settling.py")), EDGE, str(part), str(WORKERS)],
                stdout=subprocess.PIPE,
                text=True,
                cwd=CHECKOUT,
                env=installed.environ,
            )
            for part in range(WORKERS)
        ]
        seconds = max(float(one.communicate()[0]) for one in settling)
    say(f"settled: {size.calls / seconds:,.0f} a second")
    return seconds


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
