"""A million new rates come into force while calls run: nobody may notice."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from bench.calling import PATH, SETTINGS, SHORT_MS, carrier
from bench.crowd import PASSWORD, load_crowd
from bench.frame import Bench, Figures, installation, percentile, say, step, wait_until
from bench.sipp import Load, Sipp, settle_down, write_accounts
from carillon.server.installation import Installation
from carillon.server.throwaway import spare_ports

PRICE_LIST = "Wholesale"
SWAP_WITHIN_S = 600
AFTER_S = 2  # what a swap leaves to do is part of it

# The list's version in force once more, with many prefixes that nobody dials here, as a draft: nobody reads it yet.
_DRAFT = """
    with source as (
        select v.* from pricing_pricelistversion v join pricing_pricelist l on l.id = v.price_list_id
        where l.name = %s and v.state = 'approved' order by v.number limit 1
    ), made as (
        insert into pricing_pricelistversion
        select (jsonb_populate_record(t, jsonb_build_object('id', %s, 'number', %s, 'state', 'draft',
                                                            'effective_from', now(), 'rate_count', %s::int))).*
        from pricing_pricelistversion t where t.id = (select id from source) returning id
    )
    insert into pricing_rate (partner_id, version_id, prefix, name, connection_fee, per_minute, initial_s, increment_s)
    select s.partner_id, made.id, r.prefix, r.name, r.connection_fee, r.per_minute, r.initial_s, r.increment_s
    from source s cross join made cross join lateral (
        select prefix, name, connection_fee, per_minute, initial_s, increment_s from pricing_rate
        where version_id = s.id and length(prefix) <= 5
        union all
        select '99' || lpad(n::text, 7, '0'), 'Somewhere ' || n, 0, 0.01 + n %% 97 * 0.001, 30, 6
        from generate_series(1, %s) n
    ) r
"""


@dataclass(frozen=True, slots=True)
class _Size:
    customers: int
    per_s: int
    quiet_s: int
    rates: int


SIZES = {"full": _Size(10_000, 100, 20, 1_000_000), "small": _Size(50, 10, 2, 2_000)}


def measure(options: Namespace) -> Figures:
    """Call while nothing changes, then while one list of that many rates replaces another."""
    size = SIZES[options.size]
    per_s = options.cps or size.per_s
    with installation(**SETTINGS) as installed:
        with step(f"{size.customers} customers, two times {size.rates} rates"):
            accounts = write_accounts(
                installed.logs / "accounts.csv", load_crowd(installed, size.customers), PASSWORD, callees=1000
            )
            for version in (1, 2):
                _draft(installed, version, size.rates)
            _approve(installed, 1)
        with carrier(installed):
            for name in PATH:
                if name != "control":
                    installed.start(name)
            first_s = _start_control(installed)
            settle_down(3)
            load = Load(
                "call",
                spare_ports()[0],
                f"127.0.0.1:{installed.config.ports.sip}",
                per_s,
                per_s * SWAP_WITHIN_S,
                SHORT_MS,
                accounts,
            )
            compared = _compared(installed, size.quiet_s, load)
            resident_mb = _resident_mb(installed.running["control"].pid)
            installed.stop("control")
            again_s = _start_control(installed)
    return {**compared, "resident_mb": resident_mb, "first_s": first_s, "again_s": again_s}


def _start_control(installed: Installation) -> float:
    """Seconds from control's start until all rates are in force."""
    began = time.monotonic()
    installed.start("control")
    _wait_for_rates(installed)
    return round(time.monotonic() - began, 1)


def _wait_for_rates(installed: Installation) -> None:
    ((generation,),) = installed.sql("select last_value from callfeed.generation_rate")
    url = f"http://127.0.0.1:{installed.config.ports.control}/health"

    def is_in_force() -> bool:
        with urlopen(url, timeout=5) as answer:
            return bool(json.load(answer)["generations"].get("rate", 0) >= generation)

    wait_until(is_in_force, "the rates are in force", SWAP_WITHIN_S)


def _compared(installed: Installation, quiet_s: int, load: Load) -> Figures:
    with step(f"{load.per_s} calls a second, quiet, then with a swap"):
        began = time.monotonic()
        calling = Sipp(load, installed.logs / "sipp")
        settle_down(quiet_s)
        asked_ms = (time.monotonic() - began) * 1000
        _approve(installed, 2)
        _wait_for_rates(installed)
        swapped_ms = (time.monotonic() - began) * 1000
        settle_down(AFTER_S)
        outcome = calling.finish()
    say(f"{outcome.done} calls")
    return {
        "failed": outcome.failed,
        "p99_quiet_ms": percentile([took for at, took in outcome.answers if at < asked_ms], 99),
        "p99_during_ms": percentile([took for at, took in outcome.answers if at >= asked_ms], 99),
        "swap_s": round((swapped_ms - asked_ms) / 1000, 1),
    }


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--cps", type=int, help="calls a second (100)")


def _draft(installed: Installation, version: int, rates: int) -> None:
    installed.sql(_DRAFT, PRICE_LIST, _id(version), _id(version), rates, rates)


def _approve(installed: Installation, version: int) -> None:
    installed.sql("update pricing_pricelistversion set state = 'approved' where id = %s", _id(version))


def _id(version: int) -> int:
    return 1_000_000 + version


def _resident_mb(pid: int) -> int:
    """The most memory that the process has held (proc(5), VmHWM), in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


BENCH = Bench(
    summary="a price list of a million rates is replaced while 100 calls a second run",
    bars={
        "failed": "0",
        "p99_quiet_ms": "",
        "p99_during_ms": "<= 3 times quiet, aim 1.5",
        "swap_s": "",
        "resident_mb": "",
        "first_s": "",
        "again_s": "",
    },
    measure=measure,
    add_options=_options,
)
