"""Calls with sound for a long time: nothing is lost, and no process grows."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, replace
from pathlib import Path

from bench.books import books_of, wait_until_rated
from bench.calling import PATH, SETTINGS, carrier
from bench.crowd import PASSWORD, load_crowd
from bench.frame import Bench, Figures, installation, percentile, say, step, wait_until
from bench.memory import MemoryWatch
from bench.sipp import Load, Outcome, Sipp, settle_down, write_accounts
from carillon.server.installation import Installation
from carillon.server.throwaway import spare_ports

SAMPLES = 100
# Answered calls of which we did not hear both sides; how a call sounded is written after its end.
_SILENT = """
select count(*) from calls_call c
where c.answered_at is not null and not exists (
    select from calls_callevent e where e.call_id = c.id and e.kind = 'media'
      and (select count(*) from jsonb_array_elements(e.detail -> 'legs') l where (l ->> 'packets')::int > 0) = 2
)
"""
_LEFT = """
select (select count(*) from billing_hold where state = 'open'), (select count(*) from edge.kept_dialog),
       (select coalesce(sum(open_calls), 0) from billing_account)
"""


@dataclass(frozen=True, slots=True)
class _Size:
    customers: int
    per_s: float
    seconds: int
    talk_ms: int


SIZES = {"full": _Size(10_000, 30, 1800, 3000), "small": _Size(50, 4, 5, 1000)}


def add_options(parser: ArgumentParser) -> None:
    """How hard, and for how long."""
    parser.add_argument("--cps", type=float, help="calls a second (30)")
    parser.add_argument("--minutes", type=float, help="for so long (30)")


def measure(options: Namespace) -> Figures:
    """Offer the calls, watch the memory, then look at the books and at what was left behind."""
    size = SIZES[options.size]
    seconds = round(60 * options.minutes) if options.minutes else size.seconds
    size = replace(size, per_s=options.cps or size.per_s, seconds=seconds)
    with installation(**SETTINGS) as installed:
        with step(f"{size.customers} customers"):
            phones = load_crowd(installed, size.customers)
            accounts = write_accounts(installed.logs / "accounts.csv", phones, PASSWORD, callees=1000)
        ours, echo = spare_ports()[:2]
        with carrier(installed, echo_port=echo):
            for name in PATH:
                installed.start(name)
            settle_down(3)
            watch = MemoryWatch(installed.running, size.seconds / SAMPLES)
            with step(f"{size.per_s:g} calls a second for {size.seconds} s"), watch.watching():
                outcome = _offer(installed, size, accounts, ours)
            wait_until_rated(installed, outcome.done)
        grown = watch.growth()
        say("MB more than in the second fifth: " + ", ".join(f"{name} {mb:+.1f}" for name, mb in grown.items()))
        with contextlib.suppress(TimeoutError):  # the edge forgets a call some seconds after its end
            wait_until(lambda: _left(installed) == 0, "nothing is left behind", 30)
        return {
            "offered_cps": size.per_s,
            "seconds": size.seconds,
            "calls": outcome.done,
            "failed": outcome.failed,
            "silent": installed.sql(_SILENT)[0][0],
            "setup_p99_ms": round(percentile(outcome.answer_ms, 99), 1),
            "grown_mb": round(max(grown.values(), default=0.0), 1),
            "left_behind": _left(installed),
            **books_of(installed, outcome.done),
        }


def _left(installed: Installation) -> int:
    """Open holds, dialogs and calls that are counted as open."""
    [left] = installed.sql(_LEFT)
    return int(sum(left))


def _offer(installed: Installation, size: _Size, accounts: Path, port: int) -> Outcome:
    sound = installed.logs / "tone.alaw"
    sound.write_bytes(bytes((0x34, 0x21, 0x34, 0xD5, 0xB4, 0xA1, 0xB4, 0xD5)) * 1000)  # a second of 1 kHz (G.711)
    target = f"127.0.0.1:{installed.config.ports.sip}"
    times = round(size.per_s * size.seconds)
    load = Load("call", port, target, size.per_s, times, size.talk_ms, accounts, sound)
    return Sipp(load, installed.logs / "sipp-soak").wait()


BENCH = Bench(
    summary="30 calls a second with sound for 30 minutes: nothing lost, memory flat",
    bars={
        "offered_cps": "30",
        "seconds": "1800",
        "calls": "",
        "failed": "0",
        "silent": "0",
        "setup_p99_ms": "",
        "grown_mb": "flat",
        "left_behind": "0",
        "cdrs_missing": "0",
        "cdrs_duplicated": "0",
        "overspent_micro": "0",
        "ledger_sum": "0",
    },
    measure=measure,
    add_options=add_options,
)
