"""`./carillon up`: from whatever state this installation is in to one that runs and is ready."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import functools
import hashlib
import importlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from carillon.config import CHECKOUT, DATABASE_ROLES, MAX_PORT_OFFSET, Config, misspelt_settings
from carillon.server import cluster, engines
from carillon.server.errors import UpError
from carillon.server.progress import complain, say, step
from carillon.server.supervisor import Supervisor

READY_S = 60
FREE_MB = 500
OUR_PARTS = ("src", "edge", "web/dist", "docs/manual", "uv.lock")


def up(arguments: list[str]) -> int:
    """Start everything; without `--detach` stay until Ctrl-C and then stop everything."""
    parser = argparse.ArgumentParser(prog="./carillon up")
    parser.add_argument("--detach", action="store_true", help="return when everything is ready")
    parser.add_argument("--no-demo", action="store_true", help="neither demo world nor demo carriers")
    options = parser.parse_args(arguments)
    config = Config.from_env(os.environ)
    for sentence in misspelt_settings(os.environ):
        complain(sentence)
    supervisor = Supervisor(config)
    try:
        with stopping_signals(), only_one(config):
            started = time.monotonic()
            running = bring_up(config, supervisor, wants_demo=not options.no_demo)
            print_welcome(config, time.monotonic() - started, is_demo=running)
    except KeyboardInterrupt:
        with step("Stopping"):
            supervisor.stop()
            remove_runtime(config)
        return 130
    if options.detach:
        say("Running in the background. Stop it with ./carillon down")
        return 0
    return stay(config, supervisor)


def bring_up(config: Config, supervisor: Supervisor, *, wants_demo: bool) -> bool:
    """Do what is missing until all processes are ready; True when the demo carriers are among them. Raises UpError."""
    make_folders(config)
    is_demo = wants_demo and world(config) != "empty"
    table = engines.processes(config, is_demo=is_demo)
    stamp = f"{fingerprint()} {' '.join(table)} {settings_in_force()}"
    if supervisor.pid() is not None:
        if (config.runtime / "fingerprint").exists() and (config.runtime / "fingerprint").read_text() == stamp:
            with step("Already running, looking at each process"):
                start_all(supervisor, table)
            return is_demo
        with step("The code or its settings changed: stopping"):
            supervisor.stop()
    else:
        supervisor.end_leftovers()
    check_ports(table, config.port_offset)
    prepare_cluster(config)
    supervisor.start(table)
    try:
        prepare_database(config, supervisor, wants_demo=wants_demo)
        (config.runtime / "fingerprint").write_text(stamp)
        with step(f"Starting {len(table)} processes"):
            start_all(supervisor, table)
    except Exception:
        supervisor.stop()
        raise
    return is_demo


def stay(config: Config, supervisor: Supervisor) -> int:
    """Wait for Ctrl-C (or SIGTERM, or the terminal's end), then stop everything; ends too when somebody else did it."""
    say("Ctrl-C stops everything.")
    try:
        with stopping_signals():
            while supervisor.pid() is not None:
                time.sleep(0.5)
    except KeyboardInterrupt:
        say()
        with stopping_signals(ignore=True), step("Stopping"):
            supervisor.stop()
            remove_runtime(config)
        return 0
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # `down` takes the folder away last
        if not config.runtime.exists():
            say("Stopped by ./carillon down.")
            return 0
        time.sleep(0.1)
    complain(f"the supervisor ended unexpectedly: see {supervisor.log}; ./carillon up starts again.")
    return 1


def down(arguments: list[str]) -> int:
    """Stop everything and leave nothing behind; also after the supervisor was killed."""
    argparse.ArgumentParser(prog="./carillon down").parse_args(arguments)
    config = Config.from_env(os.environ)
    supervisor = Supervisor(config)
    was_running = supervisor.pid() is not None
    if was_running:
        with step("Stopping"):
            supervisor.stop()
    else:
        supervisor.end_leftovers()
        say("Nothing was running.")
    remove_runtime(config)
    return 0


# ------------------------------------------------------------------ steps


def make_folders(config: Config) -> None:
    """Home, logs and the private runtime folder. Raises UpError when they can't be ours."""
    try:
        config.home.mkdir(mode=0o755, parents=True, exist_ok=True)
        (config.home / "logs").mkdir(mode=0o750, exist_ok=True)
        (config.home / "stamps").mkdir(exist_ok=True)
        free_mb = shutil.disk_usage(config.home).free // 2**20
    except OSError as error:
        raise UpError(
            f"{config.home} can't be written ({error.strerror}): set CARILLON_HOME to a folder of yours."
        ) from None
    if free_mb < FREE_MB:
        raise UpError(
            f"Only {free_mb} MB are free under {config.home}; {FREE_MB} MB are needed. Set CARILLON_HOME elsewhere."
        )
    config.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = config.runtime.lstat()
    # the name can be guessed and /tmp is everybody's: a folder that waits there for us must really be ours
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise UpError(
            f"{config.runtime} belongs to somebody else or is open to others: remove it, or set CARILLON_RUNTIME."
        )


def check_ports(table: Mapping[str, engines.Process], offset: int) -> None:
    """Raises UpError for a port that somebody else listens on, naming who when that can be seen."""
    other = offset + 1000 if offset + 1000 <= MAX_PORT_OFFSET else 0
    for process in table.values():
        for kind, port in process.ports:
            if not is_free(kind, port):
                raise UpError(
                    f"Port {port}/{kind}, needed by {process.name}, is taken{holder(kind, port)}. Stop that program, "
                    f"or move all of Carillon's ports: CARILLON_PORT_OFFSET={other} ./carillon up"
                )


def is_free(kind: str, port: int) -> bool:
    """Whether we could listen there, on every address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as probe:
        if kind == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - to see whether any address is taken
        except PermissionError:
            return True  # a port below 1024 that only a server's own start can judge
        except OSError:
            return False
    return True


def holder(kind: str, port: int) -> str:
    """ " by NAME (process N)", or at least whose program it is, when the system tells us, else nothing."""
    inodes, owner = set(), ""
    for table in (f"/proc/net/{kind}", f"/proc/net/{kind}6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port and (kind == "udp" or fields[3] == "0A"):
                    inodes.add(f"socket:[{fields[9]}]")
                    owner = fields[7]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if any(str(link.readlink()) in inodes for link in (entry / "fd").iterdir()):
                    return f" by {(entry / 'comm').read_text().strip()} (process {entry.name})"
    with contextlib.suppress(KeyError, ValueError):
        return f" by a program of user {pwd.getpwuid(int(owner)).pw_name}"
    return ""


def prepare_cluster(config: Config) -> None:
    """Make and configure the private cluster; nothing when PostgreSQL is somebody else's."""
    if config.external_database:
        return
    found = cluster.cluster_of(config)
    if not (found.data / "PG_VERSION").exists():
        with step("Creating the PostgreSQL cluster"):
            cluster.create(found)
    else:
        cluster.create(found)
    cluster.configure(found)


def prepare_database(config: Config, supervisor: Supervisor, *, wants_demo: bool) -> None:
    """Roles, tables, views, static files and on the first start the demo world; only what changed is done again."""
    with step("PostgreSQL"):
        if config.external_database is None:
            supervisor.start_process("postgresql")
        conninfo = cluster.administrator(config)
        cluster.wait_ready(conninfo, timeout_s=READY_S)
        cluster.prepare(conninfo, [config.database(role) for role in DATABASE_ROLES])
    wanted = f"{fingerprint()} {config.database('owner').host} {config.database('owner').name}"
    if not is_stamped(config, "database", wanted):
        with step("Database: migrations, views, rights"):
            for command in (["apply_sql", "--drop"], ["migrate", "--verbosity", "0"], ["apply_sql"]):
                manage(config, *command, "--skip-checks")
            apply_edge_schema(config)
        put_stamp(config, "database", wanted)
    if not is_stamped(config, "static", fingerprint()):
        with step("Static files"):
            manage(config, "collectstatic", "--noinput", "--clear", "--verbosity", "0", "--skip-checks")
        put_stamp(config, "static", fingerprint())
    if world(config) is None:
        if wants_demo:
            with step("Demo world"):
                manage(config, "load_cast", "--skip-checks")
        put_stamp(config, "world", "demo" if wants_demo else "empty")


def apply_edge_schema(config: Config) -> None:
    """Kamailio's own tables; the file may be run again."""
    import psycopg

    schema = CHECKOUT / "edge" / "kamailio" / "schema.sql"
    with psycopg.connect(config.database("owner").url) as connection:
        connection.execute(schema.read_bytes())


def start_all(supervisor: Supervisor, table: Mapping[str, engines.Process]) -> None:
    """Start every process that does not run, wait until all are ready. Raises UpError naming the first that is not."""
    for name, state in supervisor.states().items():
        if state["statename"] not in ("RUNNING", "STARTING"):
            supervisor.start_process(name)
    deadline = time.monotonic() + READY_S
    waiting = list(table.values())
    while waiting:
        waiting = [process for process in waiting if not process.ready()]
        if waiting and time.monotonic() > deadline:
            names = ", ".join(process.name for process in waiting)
            log = supervisor.config.home / "logs" / f"{waiting[0].name}.log"
            raise UpError(f"Not ready after {READY_S} s: {names}. {last_words(log)}See {log}")
        time.sleep(0.05)


def last_words(log: Path) -> str:
    """The last line of a log, as a sentence."""
    with contextlib.suppress(OSError, IndexError):
        return f"The log ends with: {log.read_text(errors='replace').splitlines()[-1][:300]}\n"
    return ""


def manage(config: Config, *arguments: str) -> None:
    """Run one of Django's commands as the database's owner. Raises UpError with the end of its output."""
    log = config.home / "logs" / "manage.log"
    environ = {**os.environ, "CARILLON_DB_ROLE": "owner"}
    done = subprocess.run(
        [sys.executable, "-m", "carillon", "manage", *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    with log.open("a") as file:
        file.write(f"$ manage {' '.join(arguments)}\n{done.stdout}")
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-5:])
        raise UpError(f"`./carillon manage {arguments[0]}` failed:\n{end}\nAll of its output is in {log}")


# ------------------------------------------------------------------ what was done before


@functools.cache
def fingerprint() -> str:
    """Changes with every file of ours that a running process may have loaded."""
    digest = hashlib.sha256()
    for part in OUR_PARTS:
        top = CHECKOUT / part
        files = [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
        for file in files:
            if "__pycache__" not in file.parts and "tests" not in file.parts:
                digest.update(f"{file.relative_to(CHECKOUT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def settings_in_force() -> str:
    """Changes with the settings a running process was started with."""
    settings = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("CARILLON_"))
    return hashlib.sha256("\0".join(settings).encode()).hexdigest()[:16]


def is_stamped(config: Config, name: str, value: str) -> bool:
    """Whether the step `name` was done for `value`."""
    path = config.home / "stamps" / name
    return path.exists() and path.read_text() == value


def put_stamp(config: Config, name: str, value: str) -> None:
    """Remember that the step `name` was done for `value`."""
    (config.home / "stamps" / name).write_text(value)


def world(config: Config) -> str | None:
    """ "demo", "empty", or None before the first start has finished."""
    path = config.home / "stamps" / "world"
    return path.read_text() if path.exists() else None


# ------------------------------------------------------------------ the rest


@contextlib.contextmanager
def only_one(config: Config) -> Iterator[None]:
    """Two starts at once would spoil each other. Raises UpError."""
    config.home.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (config.home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UpError(f"Another ./carillon up is starting {config.home} right now: wait for it.") from None
        yield


@contextlib.contextmanager
def stopping_signals(*, ignore: bool = False) -> Iterator[None]:
    """SIGTERM and SIGHUP act like Ctrl-C; or none of them acts, while we stop."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    handler = signal.SIG_IGN if ignore else interrupt
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def remove_runtime(config: Config) -> None:
    """Take the folder of sockets away."""
    shutil.rmtree(config.runtime, ignore_errors=True)


def print_welcome(config: Config, seconds: float, *, is_demo: bool) -> None:
    """Addresses and, in the demo world, who can sign in."""
    port = config.ports.web
    say(f"\nCarillon is up ({seconds:.1f} s).")
    say(f"  Portal  http://portal.localhost:{port}/")
    say(f"  API     http://portal.localhost:{port}/api/v1/schema/")
    say(f"  SIP     {config.advertised}:{config.ports.sip} (udp, tcp), {config.ports.sip_tls} (tls)")
    say(f"  State   {config.home}")
    if world(config) == "demo":
        for line in sign_ins(port):
            say(f"  {line}")
    else:
        say("  An empty installation begins with its operator (a second one is refused):")
        say('  ./carillon manage create_operator --name "..." --email you@your.domain --country GB --currency GBP')
    if is_demo:
        say("  Try     ./carillon demo call, ./carillon demo month")


def sign_ins(port: int) -> list[str]:
    """Who can sign in to the demo world, as the demo itself tells."""
    try:
        cast = importlib.import_module("carillon.demo.cast")
    except ImportError:
        return []
    return [str(line) for line in getattr(cast, "sign_ins", lambda port: [])(port)]
