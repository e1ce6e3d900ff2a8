"""A private PostgreSQL cluster in any folder: made, started, stopped, its roles and database kept right.

`./carillon up` and the tests use the very same functions. PostgreSQL refuses to run as root, so as root every program
of it runs as a service account. The superuser comes in only through the socket, whose folder is private; everybody
else uses TCP on the loopback with a password.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql

from carillon.config import DATABASE_ROLES, Config, Database
from carillon.server.errors import ClusterError

SUPERUSER = "postgres"
MINIMUM_VERSION = 15
VERSIONS = Path("/usr/lib/postgresql")

# What each role may do to the server itself. The owner passes row-level security: its SECURITY DEFINER functions are
# the only way around it for everybody else. Time limits keep one bad query from holding the platform.
ROLE_ATTRIBUTES = {"owner": "CREATEDB BYPASSRLS", "web": "", "worker": "", "control": "", "edge": ""}
# The call path and who rates its calls look everything up by key: a plan made for one value is as good for another.
# Statements whose values stand in their text, as Django writes them, have plans of their own all the same.
ANY_VALUE = {"plan_cache_mode": "force_generic_plan"}
# A plan is kept for as long as its connection, and one that was made while a table was nearly empty would go on reading
# all of it: by keys, always. What has no index is read all the same, at a price that would look worth compiling.
CALL_PATH = {
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    "enable_seqscan": "off",
    "jit": "off",
    **ANY_VALUE,
}
ROLE_SETTINGS = {
    "owner": {},
    "web": {"statement_timeout": "30s", "idle_in_transaction_session_timeout": "60s"},
    "worker": {"idle_in_transaction_session_timeout": "10min", **ANY_VALUE},
    "control": CALL_PATH,
    "edge": CALL_PATH,
}

DURABLE = {"synchronous_commit": "on", "wal_compression": "lz4", "max_wal_size": "2GB"}
# Without fsync a killed server still loses nothing, only a machine without power does: right for tests.
THROW_AWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum_naptime": "10min",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster lives. `sockets` is a private folder with a path shorter than 100 bytes."""

    data: Path
    sockets: Path
    port: int
    log: Path
    is_durable: bool = True

    @property
    def administrator(self) -> str:
        """Connection string of the superuser, through the socket."""
        return f"host={self.sockets} port={self.port} user={SUPERUSER} dbname=postgres"


def cluster_of(config: Config) -> Cluster:
    """The cluster of an installation."""
    return Cluster(
        data=config.home / "postgresql",
        sockets=config.runtime,
        port=config.ports.postgresql,
        log=config.home / "logs" / "postgresql.log",
    )


def service_account() -> str | None:
    """Who PostgreSQL runs as: None for ourselves, as root an account without rights. Raises ClusterError."""
    if os.geteuid() != 0:
        return None
    for name in ("carillon", "postgres"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise ClusterError("PostgreSQL refuses to run as root and there is neither a user carillon nor a user postgres.")


def binaries() -> Path:
    """Folder with PostgreSQL's own programs, newest version first. Raises ClusterError."""
    found = sorted((int(path.name), path / "bin") for path in VERSIONS.glob("[0-9]*") if path.name.isdigit())
    for version, folder in reversed(found):
        if version >= MINIMUM_VERSION and (folder / "initdb").exists():
            return folder
    raise ClusterError(f"PostgreSQL {MINIMUM_VERSION} or newer is not installed under {VERSIONS}.")


def create(cluster: Cluster) -> bool:
    """Make the cluster's folder unless it is there; True when it was made. Raises ClusterError."""
    if (cluster.data / "PG_VERSION").exists():
        _check_version(cluster)
        return False
    if cluster.data.exists():  # a first start that was interrupted
        shutil.rmtree(cluster.data)
    _private_folder(cluster.data)
    options = ["--username", SUPERUSER, "--encoding", "UTF8", "--locale", "C.UTF-8", "--auth", "trust"]
    if not cluster.is_durable:
        options.append("--no-sync")
    command = [str(binaries() / "initdb"), "--pgdata", str(cluster.data), *options]
    try:
        _run(command)
    except ClusterError:
        shutil.rmtree(cluster.data, ignore_errors=True)
        raise
    return True


def configure(cluster: Cluster) -> None:
    """Write what we change in PostgreSQL's settings and who may connect; safe to repeat before each start."""
    _write(cluster, "pg_hba.conf", _access_rules())
    settings = _settings(cluster)
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    _write(cluster, "carillon.conf", lines)
    main = cluster.data / "postgresql.conf"
    include = "include_if_exists = 'carillon.conf'\n"
    if include not in main.read_text():
        _write(cluster, "postgresql.conf", main.read_text() + include)


def server_command(cluster: Cluster) -> list[str]:
    """The command line that runs the server in the foreground (as the service account)."""
    return [str(binaries() / "postgres"), "-D", str(cluster.data)]


def start(cluster: Cluster, *, timeout_s: float = 60) -> subprocess.Popen[bytes]:
    """Start the server and wait until it takes connections; for tests, `up` leaves this to the supervisor.

    Raises ClusterError with the end of the server's log.
    """
    _private_folder(cluster.sockets)
    cluster.log.parent.mkdir(parents=True, exist_ok=True)
    user, group, groups = _identity()
    with cluster.log.open("ab") as log:
        process = subprocess.Popen(
            server_command(cluster),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            user=user,
            group=group,
            extra_groups=groups,
        )
    try:
        wait_ready(cluster.administrator, timeout_s=timeout_s, process=process)
    except ClusterError as error:
        process.kill()
        process.wait()
        raise ClusterError(f"{error} Its log ends: {_tail(cluster.log)}") from None
    return process


def stop(cluster: Cluster) -> None:
    """Stop a running server at once, sessions or not; nothing happens when none runs."""
    if not (cluster.data / "postmaster.pid").exists():
        return
    command = [str(binaries() / "pg_ctl"), "stop", "--pgdata", str(cluster.data), "--mode", "immediate"]
    if cluster.is_durable:
        command[-1] = "fast"
    with contextlib.suppress(ClusterError):  # it died between the look and the call
        _run(command)


def wait_ready(conninfo: str, *, timeout_s: float = 60, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until the server takes a connection. Raises ClusterError when it ends or the time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            psycopg.connect(conninfo, connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
        # a server that starts, stops or recovers says so; any other refusal stays one however long we wait
        if "FATAL" in reason and "the database system is" not in reason:
            raise ClusterError(f"PostgreSQL refuses: {reason}.")
        if process and process.poll() is not None:
            raise ClusterError("PostgreSQL ended while starting.")
        if time.monotonic() > deadline:
            raise ClusterError(f"PostgreSQL takes no connections after {timeout_s:g} s: {reason}.")
        time.sleep(0.03)


def administrator(config: Config) -> str:
    """Connection string for preparing roles and databases: our superuser's or the one in CARILLON_DATABASE_URL."""
    if config.external_database:
        return replace(config.external_database, name="postgres").url  # the database itself may not exist yet
    return cluster_of(config).administrator


def prepare(conninfo: str, databases: Sequence[Database], *, template: str = "template0") -> None:
    """Create or mend the roles and the database of `databases` (one per role); safe to repeat.

    `conninfo` is an administrator's. Raises ClusterError when it lacks the rights.
    """
    name = databases[0].name
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            # two at once would fail with "tuple concurrently updated"
            connection.execute("SELECT pg_advisory_lock(hashtext('carillon.prepare'))")
            for role, database in zip(DATABASE_ROLES, databases, strict=True):
                _ensure_role(connection, role, database)
            _ensure_database(connection, name, databases[0].user, template)
            _ensure_access(connection, name, [database.user for database in databases])
    except psycopg.errors.InsufficientPrivilege as error:
        raise ClusterError(
            f"The database user may not create Carillon's roles or database ({error.diag.message_primary}): "
            "give it CREATEROLE, CREATEDB and BYPASSRLS, or a superuser, in CARILLON_DATABASE_URL."
        ) from None
    except psycopg.OperationalError as error:
        raise ClusterError(f"PostgreSQL can't be reached: {str(error).strip().splitlines()[-1]}.") from None


def _ensure_role(connection: psycopg.Connection, role: str, database: Database) -> None:
    user = sql.Identifier(database.user)
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [database.user]).fetchone()
    verb = sql.SQL("ALTER ROLE" if known else "CREATE ROLE")
    attributes = sql.SQL(f"LOGIN {ROLE_ATTRIBUTES[role]} PASSWORD")
    connection.execute(sql.SQL("{} {} {} {}").format(verb, user, attributes, sql.Literal(database.password)))
    for name, value in ROLE_SETTINGS[role].items():
        statement = sql.SQL("ALTER ROLE {} SET {} = {}")
        connection.execute(statement.format(user, sql.Identifier(name), sql.Literal(value)))


def _ensure_database(connection: psycopg.Connection, name: str, owner: str, template: str) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return
    # an external administrator that is no superuser must be a member of the owner to give it a database
    is_superuser = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if not (is_superuser and is_superuser[0]):
        connection.execute(sql.SQL("GRANT {} TO current_user").format(sql.Identifier(owner)))
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template)))


def _ensure_access(connection: psycopg.Connection, name: str, users: list[str]) -> None:
    database = sql.Identifier(name)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    grantees = sql.SQL(", ").join(sql.Identifier(user) for user in users)
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, grantees))


def _access_rules() -> str:
    return (
        "# written by Carillon before each start\n"
        f"local all {SUPERUSER} trust\n"  # the socket's folder is private to our account
        "local all all scram-sha-256\n"
        f"host all {SUPERUSER} all reject\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
        "host all all ::1/128 scram-sha-256\n"
    )


def _settings(cluster: Cluster) -> dict[str, str]:
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    shared_mb = max(64, min(1024, memory_mb // 8)) if cluster.is_durable else 64
    return {
        "listen_addresses": "127.0.0.1",
        "port": str(cluster.port),
        "unix_socket_directories": str(cluster.sockets),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "max_connections": "100",
        "shared_buffers": f"{shared_mb}MB",
        "effective_cache_size": f"{max(128, memory_mb // 2)}MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "128MB",
        "random_page_cost": "1.1",
        "default_toast_compression": "lz4",  # decisions and explanations are long; its own takes several times as long
        "jit": "off",  # our queries are short: compiling them costs more than it saves
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_duration_statement": "1000",
        "log_lock_waits": "on",
        "log_line_prefix": "%m [%p] %u ",
        **(DURABLE if cluster.is_durable else THROW_AWAY),
    }


def _check_version(cluster: Cluster) -> None:
    ours = binaries().parent.name
    theirs = (cluster.data / "PG_VERSION").read_text().strip()
    if ours != theirs:
        raise ClusterError(
            f"{cluster.data} was made by PostgreSQL {theirs} and version {ours} is installed: install "
            f"postgresql-{theirs}, or take a backup there and restore it here."
        )


def _private_folder(folder: Path) -> None:
    """Make a 0700 folder that belongs to whoever runs PostgreSQL."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    account = service_account()
    if account:
        shutil.chown(folder, account)


def _write(cluster: Cluster, name: str, text: str) -> None:
    path = cluster.data / name
    if path.exists() and path.read_text() == text:
        return
    path.write_text(text)
    path.chmod(0o600)
    account = service_account()
    if account:
        shutil.chown(path, account, pwd.getpwnam(account).pw_gid)


def _identity() -> tuple[str | None, int | None, list[int] | None]:
    """User, group and further groups for PostgreSQL's programs, as subprocess takes them; None leaves ours."""
    account = service_account()
    return (account, pwd.getpwnam(account).pw_gid, []) if account else (None, None, None)


def _run(command: list[str]) -> None:
    # C.UTF-8: the messages we quote must not depend on the operator's language
    environ = {**os.environ, "LC_ALL": "C.UTF-8"}
    user, group, groups = _identity()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd="/",
        env=environ,
        check=False,
        user=user,
        group=group,
        extra_groups=groups,
    )
    if done.returncode:
        raise ClusterError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-800:]}")


def _tail(log: Path, lines: int = 8) -> str:
    try:
        return " | ".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
