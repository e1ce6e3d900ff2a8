"""Calls through the whole path, from INVITE to rated CDRs on four tiers, against our edge with nobody to ask."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.books import books_of, wait_until_rated
from bench.calling import PATH, SETTINGS, SHORT_MS, carrier
from bench.cpu import Meter
from bench.crowd import PASSWORD, load_crowd
from bench.frame import Bench, Figures, installation, percentile, ratio, say, step
from bench.sipp import Load, Outcome, Sipp, settle_down, write_accounts
from carillon.server import engines
from carillon.server.installation import Installation
from carillon.server.throwaway import spare_ports

SHARE = 0.9  # of short calls
FIXED_ROUTE = Path(__file__).parent / "kamailio" / "calls.cfg"

# What Kamailio's dialog module writes by itself when dialogs are to survive a restart (5.6, db_mode 1).
_DIALOG_TABLES = """
    create schema plain;
    create table plain.dialog (
        id serial primary key, hash_entry integer not null, hash_id integer not null, callid varchar(255) not null,
        from_uri varchar(255) not null, from_tag varchar(128) not null, to_uri varchar(255) not null,
        to_tag varchar(128) not null, caller_cseq varchar(20) not null, callee_cseq varchar(20) not null,
        caller_route_set varchar(512), callee_route_set varchar(512), caller_contact varchar(255) not null,
        callee_contact varchar(255) not null, caller_sock varchar(64) not null, callee_sock varchar(64) not null,
        state integer not null, start_time integer not null, timeout integer not null default 0,
        sflags integer not null default 0, iflags integer not null default 0, toroute_name varchar(32),
        req_uri varchar(255) not null, xdata varchar(512)
    );
    create index on plain.dialog (hash_entry, hash_id);
    create table plain.dialog_vars (
        id serial primary key, hash_entry integer not null, hash_id integer not null,
        dialog_key varchar(128) not null, dialog_value varchar(512) not null
    );
    create index on plain.dialog_vars (hash_entry, hash_id);
    grant usage on schema plain to carillon_edge;
    grant all on all tables in schema plain to carillon_edge;
    grant all on all sequences in schema plain to carillon_edge;
"""


@dataclass(frozen=True, slots=True)
class Size:
    """What is offered: `per_s` calls a second for `seconds`, a tenth of them of `long_ms`, from `callers` customers.

    Each of them has called once before, as nearly everybody has who calls while a platform is busy.
    """

    customers: int
    callers: int
    per_s: float
    seconds: int
    long_ms: int


@dataclass(frozen=True, slots=True)
class Offered:
    """What became of the calls, and the CPU they took: microseconds of all processes. `done_before` is not in it."""

    done_before: int
    done: int
    failed: int
    setup_ms: list[float]
    cpu_us: int


SIZES = {"full": Size(10_000, 2_000, 200, 60, 40_000), "small": Size(50, 20, 10, 3, 3_000)}


def add_options(parser: ArgumentParser) -> None:
    """How hard, and whether everybody calls on one account."""
    parser.add_argument("--cps", type=float, help="calls a second (200)")
    parser.add_argument("--seconds", type=int, help="for so long (60)")
    parser.add_argument("--hot", action="store_true", help="all calls on one customer's account")


def measure(options: Namespace) -> Figures:
    """Offer the same calls to the whole path and to the edge alone, one after the other."""
    size = SIZES[options.size]
    size = replace(size, per_s=options.cps or size.per_s, seconds=options.seconds or size.seconds)
    with installation(**SETTINGS) as installed:
        with step(f"{size.customers} customers"):
            phones = load_crowd(installed, size.customers)[: 1 if options.hot else size.callers]
            accounts = write_accounts(installed.logs / "accounts.csv", phones, PASSWORD, callees=1000)
        with carrier(installed):
            whole = _whole(installed, size, accounts)
            books = books_of(installed, whole.done_before + whole.done)
            fixed = _fixed(installed, size, accounts)
    ours, engine = whole.cpu_us / max(whole.done, 1), fixed.cpu_us / max(fixed.done, 1)
    return {
        "offered_cps": size.per_s,
        "failed": whole.failed,
        "setup_p50_ms": round(percentile(whole.setup_ms, 50), 1),
        "setup_p99_ms": round(percentile(whole.setup_ms, 99), 1),
        "cpu_us_per_call": round(ours),
        "engine_cpu_us_per_call": round(engine),
        "cpu_ratio": ratio(ours, engine),
        **books,
    }


def _whole(installed: Installation, size: Size, accounts: Path) -> Offered:
    for name in PATH:
        installed.start(name)
    offered = offer(installed, size, accounts, "whole", lambda done: wait_until_rated(installed, done))
    for name in ("worker", "control", "kamailio"):
        installed.stop(name)
    return offered


def _fixed(installed: Installation, size: Size, accounts: Path) -> Offered:
    installed.sql(_DIALOG_TABLES)
    ours = engines.kamailio(installed.config)
    place = ours.command.index("-f") + 1
    installed.run(
        replace(
            ours,
            command=(*ours.command[:place], str(FIXED_ROUTE), *ours.command[place + 1 :]),
            environ={
                **ours.environ,
                "BENCH_CARRIER": f"127.0.0.1:{installed.config.ports.carrier_a}",
                "PGOPTIONS": "-c search_path=plain,edge,callfeed -c synchronous_commit=off",
            },
        )
    )
    offered = offer(installed, size, accounts, "fixed", lambda done: None)
    installed.stop("kamailio")
    return offered


def offer(installed: Installation, size: Size, accounts: Path, name: str, finish: Callable[[int], None]) -> Offered:
    """Place the calls; CPU is counted until `finish`, told how many were answered in all, returns."""
    settle_down(3)
    once = replace(size, seconds=max(round(size.callers / (SHARE * size.per_s)), 1), long_ms=SHORT_MS)
    with step(f"each of {size.callers} once, {name}"):
        before = _placed(installed, once, accounts, f"{name}-once")
        done_before = sum(outcome.done for outcome in before)
        finish(done_before)
    with step(f"{size.per_s:g} calls a second for {size.seconds} s, {name}"):
        meter = Meter(installed.running)
        outcomes = _placed(installed, size, accounts, name)
        done = sum(outcome.done for outcome in outcomes)
        finish(done_before + done)
        used = meter.used_us()
    shares = ", ".join(f"{process} {microseconds // max(done, 1)}" for process, microseconds in used.items())
    failed = sum(outcome.failed for outcome in outcomes)
    say(f"{done} calls, {failed} failed; CPU in us each: {shares}")
    times = [answer for outcome in outcomes for answer in outcome.answer_ms]
    return Offered(done_before, done, failed, times, sum(used.values()))


def _placed(installed: Installation, size: Size, accounts: Path, name: str) -> list[Outcome]:
    target, ports = f"127.0.0.1:{installed.config.ports.sip}", spare_ports()
    running = [
        Sipp(
            Load("call", port, target, size.per_s * part, round(size.per_s * part * size.seconds), ms, accounts),
            installed.logs / f"sipp-{name}-{kind}",
        )
        for port, part, ms, kind in (
            (ports[0], SHARE, SHORT_MS, "short"),
            (ports[1], 1 - SHARE, size.long_ms, "long"),
        )
    ]
    return [sipp.wait() for sipp in running]


BENCH = Bench(
    summary="calls at 200 a second from INVITE to rated CDRs on four tiers, against the edge with a fixed route",
    bars={
        "offered_cps": "200, aim 400",
        "failed": "0",
        "setup_p50_ms": "",
        "setup_p99_ms": "",
        "cpu_us_per_call": "",
        "engine_cpu_us_per_call": "",
        "cpu_ratio": "<= 4, aim 2",
        "cdrs_missing": "0",
        "cdrs_duplicated": "0",
        "overspent_micro": "0",
        "ledger_sum": "0",
    },
    measure=measure,
    add_options=add_options,
)
