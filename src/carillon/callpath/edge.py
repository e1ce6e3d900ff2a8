"""How the SIP edge is started: Kamailio's and rtpengine's command lines and environment, from the settings.

Secrets go by the environment, never by arguments, which every local user can read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from carillon.config import CHECKOUT, Config

SHARED_MEMORY_MB = 512
PACKAGE_MEMORY_MB = 16


@dataclass(frozen=True, slots=True)
class Command:
    """A process to start: arguments, variables to add to the environment, and a file to delete before."""

    arguments: tuple[str, ...]
    environment: dict[str, str]
    stale_file: Path | None = None


def kamailio_command(config: Config, *, children: int = 4) -> Command:
    """Kamailio in the foreground with `children` SIP workers; logs to standard error.

    PostgreSQL (with edge/kamailio/schema.sql) and rtpengine must be up. `stale_file` is the pid file that a killed
    Kamailio leaves behind and that keeps the next one from starting.
    """
    pid_file = config.runtime / "kamailio.pid"
    runtime = str(config.runtime)
    arguments = (
        *("kamailio", "-f", str(CHECKOUT / "edge" / "kamailio" / "kamailio.cfg")),
        *("-Y", runtime, "-w", runtime, "-P", str(pid_file)),
        *("-m", str(SHARED_MEMORY_MB), "-M", str(PACKAGE_MEMORY_MB)),
        *("-A", f"EDGE_CHILDREN={children}", "-DD", "-E"),
    )
    return Command(arguments, _kamailio_environment(config), pid_file)


def _kamailio_environment(config: Config) -> dict[str, str]:
    ports = config.ports
    database = config.database("edge").kamailio_url
    listen = f"{config.bind}:{ports.sip}"
    advertise = "" if config.bind == config.advertised else f" advertise {config.advertised}:{ports.sip}"
    return {
        "EDGE_LISTEN_UDP": f"udp:{listen}{advertise}",
        "EDGE_LISTEN_TCP": f"tcp:{listen}{advertise}",
        "EDGE_CONTACT": f"{config.advertised}:{ports.sip}",
        "EDGE_DATABASE": database,
        "EDGE_SQLCON": f"edge=>{database}",
        "EDGE_EVAPI": f"127.0.0.1:{ports.evapi}",
        "EDGE_EVAPI_SECRET": config.control_token,
        "EDGE_RTPENGINE": f"udp:127.0.0.1:{ports.rtpengine_ng}",
        "EDGE_HEP": f"sip:127.0.0.1:{ports.hep}",
        "EDGE_RPC": str(config.runtime / "kamailio.rpc"),
        "EDGE_MASK_KEY": hashlib.sha256(config.secret_key.encode() + b"topoh").hexdigest()[:32],
        # The cut keeps dialog rows cheap; call events switch it on again for themselves.
        "PGOPTIONS": "-c search_path=edge,callfeed -c synchronous_commit=off",
    }


def rtpengine_command(config: Config) -> Command:
    """rtpengine in the foreground, in user space. `--config-file` keeps it from reading Debian's own file."""
    ports = config.ports
    interface = config.bind if config.bind == config.advertised else f"{config.bind}!{config.advertised}"
    arguments = (
        *("rtpengine", "--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=4"),
        f"--interface={interface}",
        f"--listen-ng=127.0.0.1:{ports.rtpengine_ng}",
        f"--listen-cli=127.0.0.1:{ports.rtpengine_cli}",
        *(f"--port-min={ports.rtp_min}", f"--port-max={ports.rtp_max}"),
        *("--num-threads=2", "--timeout=60", "--silent-timeout=600"),
    )
    return Command(arguments, {})
