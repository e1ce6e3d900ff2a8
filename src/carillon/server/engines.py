"""Every process of an installation: its command line, environment, what it waits for and how to see that it is ready.

`./carillon up` and the tests start the very same things from here. Edge configuration is static; all that differs
between installations is on the command line or in the environment.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psycopg

from carillon.callpath.control.certificates import Certificates
from carillon.config import CHECKOUT, Config
from carillon.server import cluster, leftovers
from carillon.server.errors import ClusterError, EngineError

Ready = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Process:
    """One supervised process. `needs` names processes that must be ready before it starts."""

    name: str
    command: tuple[str, ...]
    ready: Ready = field(compare=False)
    environ: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    ports: tuple[tuple[str, int], ...] = ()  # ("tcp", 8080): what it listens on, for status and clashes
    stale: tuple[Path, ...] = ()  # files of a killed life that would stop the next
    prepare: Callable[[], None] = field(default=lambda: None, compare=False)  # makes what its start needs
    stop_signal: str = "TERM"
    stop_wait_s: int = 10
    is_demo: bool = False


def processes(config: Config, *, is_demo: bool = True) -> dict[str, Process]:
    """All processes by name, in starting order; the demo carriers only when asked for."""
    found = [rtpengine(config), kamailio(config), control(config), web(config), worker(config)]
    if config.external_database is None:
        found.insert(0, postgresql(config))
    if is_demo:
        found += [carrier(config, "a"), carrier(config, "b")]
    return {process.name: process for process in found}


def postgresql(config: Config) -> Process:
    """The private PostgreSQL server; its cluster must have been made and configured."""
    found = cluster.cluster_of(config)
    return Process(
        name="postgresql",
        command=tuple(cluster.server_command(found)),
        ready=lambda: takes_connections(found.administrator),
        ports=(("tcp", found.port),),
        stop_signal="INT",  # "fast": TERM would wait for every session to end by itself
        stop_wait_s=30,
    )


def rtpengine(config: Config) -> Process:
    """The media relay."""
    ports = config.ports
    command = (
        find_program("rtpengine", "rtpengine-daemon"),
        f"--config-file={CHECKOUT / 'edge' / 'rtpengine' / 'rtpengine.conf'}",
        *(f"--interface={each}" for each in _interfaces(config)),
        f"--listen-ng=127.0.0.1:{ports.rtpengine_ng}",
        f"--listen-cli=127.0.0.1:{ports.rtpengine_cli}",
        f"--port-min={ports.rtp_min}",
        f"--port-max={ports.rtp_max}",
    )
    return Process(
        name="rtpengine",
        command=command,
        ready=lambda: accepts("127.0.0.1", ports.rtpengine_cli),
        ports=(("udp", ports.rtpengine_ng), ("tcp", ports.rtpengine_cli)),
    )


def _interfaces(config: Config) -> list[str]:
    """rtpengine can't relay from "every address": it must know which one is ours."""
    local = own_address(config)
    found = [local if local == config.advertised else f"{local}!{config.advertised}"]
    if config.bind_ipv6 and config.advertised_ipv6:
        own = config.advertised_ipv6 if config.bind_ipv6 == "::" else config.bind_ipv6
        found.append(own if own == config.advertised_ipv6 else f"{own}!{config.advertised_ipv6}")
    return found


def kamailio(config: Config, *, children: int = 4) -> Process:
    """The SIP edge with `children` SIP workers per socket, UDP's first excepted.

    edge/kamailio/README.md names its variables. Secrets go by the environment, never by arguments, which every local
    user can read.
    """
    ports, runtime = config.ports, config.runtime
    pid_file = runtime / "kamailio.pid"
    command = (
        *(find_program("kamailio", "kamailio"), "-f", str(CHECKOUT / "edge" / "kamailio" / "kamailio.cfg")),
        *("-Y", str(runtime), "-w", str(runtime), "-P", str(pid_file)),
        *("-m", "512", "-M", "16", "-x", "fm", "-X", "fm"),  # the memory manager without checks for debugging
        *("-A", f"EDGE_CHILDREN={children}", "-DD", "-E"),
        *(argument for listener in _ipv6_listeners(config) for argument in ("-l", listener)),
    )
    return Process(
        name="kamailio",
        command=command,
        environ=kamailio_environ(config),
        ready=lambda: accepts("127.0.0.1", ports.evapi) and accepts(own_address(config), ports.sip),
        needs=("postgresql", "rtpengine"),
        ports=(("udp", ports.sip), ("tcp", ports.sip), ("tcp", ports.sip_tls), ("tcp", ports.evapi)),
        prepare=Certificates(config.home, config.runtime, config.advertised).prepare,
        stale=(pid_file, runtime / "kamailio.rpc"),
    )


def _ipv6_listeners(config: Config) -> list[str]:
    if not config.bind_ipv6:
        return []
    ports = config.ports
    found = []
    for kind, port in (("udp", ports.sip), ("tcp", ports.sip), ("tls", ports.sip_tls)):
        told = "" if config.bind_ipv6 == config.advertised_ipv6 else f"/[{config.advertised_ipv6}]:{port}"
        found.append(f"{kind}:[{config.bind_ipv6}]:{port}{told}")
    return found


def kamailio_environ(config: Config) -> dict[str, str]:
    """What edge/kamailio/kamailio.cfg reads from its environment."""
    ports = config.ports
    told = f"{config.advertised}:{ports.sip}"

    def listen(kind: str, port: int) -> str:
        suffix = "" if config.bind == config.advertised else f" advertise {config.advertised}:{port}"
        return f"{kind}:{config.bind}:{port}{suffix}"

    database = config.database("edge").kamailio_url
    return {
        "EDGE_LISTEN_UDP": listen("udp", ports.sip),
        "EDGE_LISTEN_TCP": listen("tcp", ports.sip),
        "EDGE_LISTEN_TLS": listen("tls", ports.sip_tls),
        "EDGE_TLS": str(Certificates(config.home, config.runtime, config.advertised).config),
        "EDGE_ADDRESS": config.advertised,
        "EDGE_PORT": str(ports.sip),
        "EDGE_CONTACT": told,
        "EDGE_DATABASE": database,
        "EDGE_SQLCON": f"edge=>{database}",
        "EDGE_EVAPI": f"127.0.0.1:{ports.evapi}",
        "EDGE_EVAPI_SECRET": config.control_token,
        "EDGE_RTPENGINE": f"udp:127.0.0.1:{ports.rtpengine_ng}",
        "EDGE_HEP": f"sip:127.0.0.1:{ports.hep}",
        "EDGE_RPC": str(config.runtime / "kamailio.rpc"),
        # kept over restarts, or requests inside masked dialogs could not be understood any more
        "EDGE_MASK_KEY": hmac.new(config.secret_key.encode(), b"topoh", hashlib.sha256).hexdigest()[:32],
        "PGOPTIONS": "-c search_path=edge,callfeed -c synchronous_commit=off",
        # on loopback there is nothing to hide, and two users of one TLS library in one process are one too many
        **({} if config.external_database else {"PGSSLMODE": "disable"}),
    }


def control(config: Config) -> Process:
    """The brain beside Kamailio."""
    port = config.ports.control
    return Process(
        name="control",
        command=(sys.executable, "-m", "carillon.callpath.control"),
        ready=lambda: answers(f"http://127.0.0.1:{port}/health"),
        needs=("postgresql", "kamailio"),
        ports=(("tcp", port), ("udp", config.ports.hep)),
    )


def web(config: Config) -> Process:
    """The portal and the API: gunicorn with threads, because requests wait for PostgreSQL most of the time."""
    port = config.ports.web
    workers = str(min(4, max(2, os.cpu_count() or 2)))
    command = (
        *(sys.executable, "-m", "gunicorn", "carillon.server.wsgi"),
        *("--bind", f"{config.bind}:{port}", "--workers", workers, "--threads", "4"),
        *("--worker-tmp-dir", str(config.runtime), "--no-control-socket"),
        *("--timeout", "60", "--graceful-timeout", "5", "--log-level", config.log_level),
    )
    return Process(
        name="web",
        command=command,
        environ={"CARILLON_DB_ROLE": "web", "DJANGO_SETTINGS_MODULE": "carillon.server.settings"},
        ready=lambda: accepts(own_address(config), port),
        needs=("postgresql",),
        ports=(("tcp", port),),
    )


def worker(config: Config) -> Process:
    """Background jobs: rating, postings, sweeps."""
    return Process(
        name="worker",
        command=(sys.executable, "-m", "carillon.jobs.worker"),
        environ={"CARILLON_DB_ROLE": "worker", "DJANGO_SETTINGS_MODULE": "carillon.server.settings"},
        ready=lambda: bool(leftovers.marked(config.home, "worker")) and has_worker(config),
        needs=("postgresql",),
    )


def carrier(config: Config, name: str) -> Process:
    """A demo carrier: a SIP user agent that stands in for a telephone network."""
    port, http = (getattr(config.ports, f"carrier_{name}{suffix}") for suffix in ("", "_http"))
    return Process(
        name=f"carrier-{name}",
        command=(sys.executable, "-m", "carillon.demo.carrier", "--name", name),
        ready=lambda: accepts("127.0.0.1", http),
        ports=(("udp", port), ("tcp", http)),
        is_demo=True,
    )


# ------------------------------------------------------------------ starting one by hand, for tests


def environment(config: Config, process: Process, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a process: the given one (ours by default), its own, and the mark it is known by."""
    base = dict(os.environ if environ is None else environ)
    paths = [str(CHECKOUT / "src"), *base.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **base,
        **process.environ,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in paths if path)),
        "PYTHONUNBUFFERED": "1",
        "CARILLON_HOME": str(config.home),
        "CARILLON_PROCESS": leftovers.mark(process.name, config.home),
    }


def start(config: Config, process: Process, log: Path, *, timeout_s: float = 30) -> subprocess.Popen[bytes]:
    """Start a process without a supervisor and wait until it is ready; the caller ends it with `stop`.

    Its settings are those of our own environment, which must be the one `config` was read from. Raises EngineError.
    """
    config.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    for file in process.stale:
        file.unlink(missing_ok=True)
    process.prepare()
    with log.open("ab") as output:
        running = subprocess.Popen(
            process.command,
            env=environment(config, process),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + timeout_s
    while not process.ready():
        if running.poll() is not None or time.monotonic() > deadline:
            stop(running)
            raise EngineError(f"{process.name} did not start; its log {log} ends: {_tail(log)}")
        time.sleep(0.05)
    return running


def stop(running: subprocess.Popen[bytes], *, number: int = signal.SIGTERM, timeout_s: float = 10) -> None:
    """End a process that `start` made, with its whole group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(timeout_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


# ------------------------------------------------------------------ looking


def accepts(host: str, port: int) -> bool:
    """Whether somebody accepts TCP connections there."""
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def answers(url: str) -> bool:
    """Whether an HTTP server answers with success."""
    try:
        with urlopen(url, timeout=2) as reply:  # noqa: S310 - our own loopback address
            return bool(reply.status == 200)
    except (URLError, OSError, ValueError):
        return False


def takes_connections(conninfo: str) -> bool:
    """Whether PostgreSQL lets us in."""
    try:
        cluster.wait_ready(conninfo, timeout_s=0)
    except ClusterError:
        return False
    return True


def has_worker(config: Config) -> bool:
    """Whether a worker of jobs has lately said that it is there: it listens nowhere."""
    query = "SELECT 1 FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds' LIMIT 1"
    try:
        with psycopg.connect(config.database("owner").url, connect_timeout=2) as connection:
            return connection.execute(query).fetchone() is not None
    except psycopg.Error:
        return False


def own_address(config: Config) -> str:
    """An address of this machine that our public ports listen on."""
    if config.bind not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return config.bind
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # connecting UDP sends nothing, it asks the routes
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def find_program(name: str, package: str) -> str:
    """Full path of an engine. Raises EngineError naming the Debian package."""
    for folder in ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"):
        path = Path(folder) / name
        if os.access(path, os.X_OK):
            return str(path)
    raise EngineError(f"{name} is not installed: the Debian package {package} has it.")


def _tail(log: Path, lines: int = 6) -> str:
    return " | ".join(log.read_text(errors="replace").splitlines()[-lines:])
