"""Digest registrations of many phones: our edge against the plainest registrar that keeps passwords in PostgreSQL."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cpu import Meter
from bench.crowd import PASSWORD, load_crowd
from bench.frame import Bench, Figures, installation, ratio, say, step
from bench.sipp import Load, Outcome, Sipp, settle_down, write_accounts
from carillon.server import engines
from carillon.server.installation import Installation
from carillon.server.throwaway import spare_ports

PLAIN = Path(__file__).parent / "kamailio" / "register.cfg"
WRITE_BACK_S = 6  # both write registrations back to PostgreSQL every 5 s

# The plain registrar's own tables beside ours, so that neither finds the other's rows; location with the indexes that
# Kamailio's own script makes.
_PLAIN_TABLES = """
    create schema plain;
    create table plain.subscriber as select username, 'fjord.test' as domain, ha1_md5 as ha1 from endpoints_endpoint;
    create unique index on plain.subscriber (username, domain);
    create table plain.location (like edge.location including all);
    alter table plain.location reset (fillfactor);
    create index on plain.location (expires);
    create index on plain.location (server_id, connection_id);
    create table plain.location_attrs (like edge.location_attrs including all);
    create table plain.version as select * from edge.version;
    insert into plain.version values ('subscriber', 7);
    grant usage on schema plain to carillon_edge;
    grant all on all tables in schema plain to carillon_edge;
    grant all on all sequences in schema edge to carillon_edge;
    analyze;
"""


@dataclass(frozen=True, slots=True)
class _Size:
    phones: int
    per_s: int
    seconds: int


SIZES = {"full": _Size(20_000, 1000, 30), "small": _Size(100, 50, 2)}


def measure(options: Namespace) -> Figures:
    """Offer the same registrations to both, one after the other, each against an empty location table."""
    size = SIZES[options.size]
    with installation() as installed:
        with step(f"{size.phones} customers"):
            accounts = write_accounts(installed.logs / "accounts.csv", load_crowd(installed, size.phones), PASSWORD)
            installed.sql(_PLAIN_TABLES)
        installed.start("rtpengine")
        installed.start("kamailio")
        ours, our_us = _offered(installed, size, accounts, "ours")
        installed.stop("kamailio")
        installed.run(_plain(installed))
        plain, plain_us = _offered(installed, size, accounts, "plain")
    return {
        "offered_rps": size.per_s,
        "failed": ours.failed,
        "cpu_us_per_register": round(our_us / max(ours.done, 1)),
        "engine_cpu_us_per_register": round(plain_us / max(plain.done, 1)),
        "cpu_ratio": ratio(our_us / max(ours.done, 1), plain_us / max(plain.done, 1)),
    }


def _plain(installed: Installation) -> engines.Process:
    ours = engines.kamailio(installed.config)
    place = ours.command.index("-f") + 1
    further = (
        ours.command.index("-l") if "-l" in ours.command else None
    )  # listeners: for IPv6 and TLS, not asked for here
    command = (*ours.command[:place], str(PLAIN), *ours.command[place + 1 : further])
    sip = installed.config.ports.sip
    return replace(
        ours,
        command=command,
        environ={**ours.environ, "PGOPTIONS": "-c search_path=plain -c synchronous_commit=off"},
        ready=lambda: engines.accepts(engines.own_address(installed.config), sip),
    )


def _offered(installed: Installation, size: _Size, accounts: Path, name: str) -> tuple[Outcome, int]:
    """What became of the registrations and the microseconds of CPU they took, until they are written back."""
    with step(f"{size.per_s} registrations a second for {size.seconds} s, {name}"):
        target = f"127.0.0.1:{installed.config.ports.sip}"
        meter = Meter(installed.running)
        load = Load("register", spare_ports()[0], target, size.per_s, size.per_s * size.seconds, accounts=accounts)
        outcome = Sipp(load, installed.logs / f"sipp-{name}").wait()
        settle_down(WRITE_BACK_S)
        used = meter.used_us()
    say(f"{outcome.done} done, {outcome.failed} failed; CPU in us each: "
        + ", ".join(f"{process} {used_us // max(outcome.done, 1)}" for process, used_us in used.items()))  # fmt: skip
    return outcome, sum(used.values())


BENCH = Bench(
    summary="digest REGISTER at 1000 a second against a plain auth_db and usrloc registrar",
    bars={
        "offered_rps": "",
        "failed": "0",
        "cpu_us_per_register": "",
        "engine_cpu_us_per_register": "",
        "cpu_ratio": "<= 1.5, aim 1.1",
    },
    measure=measure,
)
