"""A migrated PostgreSQL cluster to copy, so that only the first session after a new migration pays for migrating.

It is kept under /tmp, keyed by everything that shapes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg

from carillon.config import CHECKOUT, DATABASE_ROLES, Config
from carillon.server import cluster as pg
from carillon.server.errors import ClusterError
from carillon.server.throwaway import base_folder, session_folder

TEMPLATE = "carillon_template"
KEPT_TEMPLATES = 8  # of several checkouts, perhaps


def copy_template(config: Config, target: Path) -> None:
    """Make `target` the data folder of a cluster that holds the migrated database, as a database to copy (TEMPLATE).

    Raises ClusterError with what migrating said.
    """
    folder = base_folder() / "templates"
    folder.mkdir(mode=0o755, exist_ok=True)
    with lock(folder / "lock"):  # or another session might take it away meanwhile
        template = _template(config, folder)
        # cp keeps owners and is much faster than shutil for PostgreSQL's thousand small files
        subprocess.run(["cp", "-a", "--reflink=auto", str(template), str(target)], check=True)


def _template(config: Config, folder: Path) -> Path:
    """Data folder of a stopped cluster that holds the migrated database; made when anything it depends on changed."""
    wanted = folder / _fingerprint()
    if not wanted.exists():
        for failed in folder.glob("making-*"):
            shutil.rmtree(failed, ignore_errors=True)
        _build(wanted, config)
        for old in sorted(folder.glob("[0-9a-f]*/"), key=lambda path: path.stat().st_mtime)[:-KEPT_TEMPLATES]:
            shutil.rmtree(old, ignore_errors=True)
    os.utime(wanted)
    return wanted / "postgresql"


def _build(wanted: Path, config: Config) -> None:
    making = wanted.with_name(f"making-{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o711)
    new = pg.Cluster(making / "postgresql", session_folder() / "run", config.ports.postgresql, making / "log", False)
    pg.create(new)
    pg.configure(new)
    process = pg.start(new)
    try:
        port = str(config.ports.postgresql)  # of the caller: it may not be the session's own cluster
        named = {**os.environ, "CARILLON_DATABASE_NAME": TEMPLATE, "CARILLON_PORT_POSTGRESQL": port}
        named["PYTHONPATH"] = str(CHECKOUT / "src")
        template = Config.from_env(named)
        pg.prepare(new.administrator, [template.database(role) for role in DATABASE_ROLES])
        for command in ("migrate", "apply_sql"):
            manage(named, command, "--skip-checks")
        with psycopg.connect(new.administrator, autocommit=True) as administrator:
            administrator.execute(f"ALTER DATABASE {TEMPLATE} IS_TEMPLATE true")
    finally:
        pg.stop(pg.Cluster(new.data, new.sockets, new.port, new.log))  # "fast": the copy must be a clean one
        process.wait()
    making.rename(wanted)


def manage(environ: dict[str, str], *command: str) -> str:
    """What `./carillon manage ...` prints in that environment. Raises ClusterError when it fails."""
    line = [sys.executable, "-m", "carillon", "manage", *command]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    if done.returncode:
        raise ClusterError(f"`manage {' '.join(command)}` failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _fingerprint() -> str:
    """Changes with everything that shapes the migrated database."""
    source = CHECKOUT / "src" / "carillon"
    server = source / "server"
    files = [CHECKOUT / "uv.lock", server / "cluster.py", server / "settings.py", Path(__file__)]
    for pattern in ("**/migrations/*.py", "**/*.sql", "**/management/commands/*.py", "**/policies.py"):
        files += sorted(source.glob(pattern))
    digest = hashlib.sha256(f"{pg.binaries()} {pg.service_account()}".encode())
    for file in files:
        digest.update(f"{file}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Let one process at a time in."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
