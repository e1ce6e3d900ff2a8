"""Fixtures: a throw-away PostgreSQL, migrated, with all roles; started when the first test asks for it.

The migrated database is kept as a template under /tmp, keyed by everything that shapes it, so only the first session
after a new migration pays for migrating.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection
from django.test import TransactionTestCase

from carillon.config import CHECKOUT, DATABASE_ROLES, Config
from carillon.server import cluster as pg
from carillon.server.testing import base_folder, session_folder

TEMPLATE = "carillon_template"
KEPT_TEMPLATES = 3
KEPT_TABLES = {"django_content_type", "auth_permission"}  # filled in by migrating, changed by nobody
EMPTY_EDGE = ["DELETE FROM edge.location", "DELETE FROM edge.dialog_vars", "DELETE FROM edge.dialog"]  # Kamailio's own


@pytest.fixture(scope="session")
def config() -> Config:
    """Settings of this test session: the same that Django and every process started by a test sees."""
    return Config.from_env(os.environ)


@pytest.fixture(scope="session")
def cluster(config: Config) -> pg.Cluster:
    """The session's running PostgreSQL with this worker's own migrated database in it."""
    folder = session_folder()
    found = pg.Cluster(folder / "postgresql", folder / "run", config.ports.postgresql, folder / "log", is_durable=False)
    with _lock(folder / "cluster.lock"):
        if not (found.data / "postmaster.pid").exists():
            copy_template(config, found.data)
            pg.configure(found)
            pg.start(found)
    pg.prepare(found.administrator, [config.database(role) for role in DATABASE_ROLES], template=TEMPLATE)
    return found


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, cluster: pg.Cluster) -> Iterator[None]:
    """Instead of pytest-django's own: the database is already there, a copy of the migrated template."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_tables)
        yield


def _empty_tables(_: TransactionTestCase) -> None:
    """After a test that committed. Django's own way takes five times as long: it fills again what we keep."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    statements = connection.ops.sql_flush(no_style(), sorted(set(names) - KEPT_TABLES))
    connection.ops.execute_sql_flush([*statements, *EMPTY_EDGE])


@pytest.fixture
def role_connection(cluster: pg.Cluster, config: Config) -> Iterator[Callable[[str], psycopg.Connection]]:
    """`role_connection("control")`: an autocommit connection of that role; closed after the test.

    It sees committed rows only, so use it with `django_db(transaction=True)`.
    """
    with contextlib.ExitStack() as opened:

        def connect(role: str) -> psycopg.Connection:
            return opened.enter_context(psycopg.connect(config.database(role).url, autocommit=True))

        yield connect


@pytest.fixture
def as_role(config: Config, transactional_db: None) -> Callable[[str], AbstractContextManager[None]]:
    """`with as_role("web"):` Django's own connection signs in as that role, the test's rows having been committed."""

    @contextlib.contextmanager
    def switch(role: str) -> Iterator[None]:
        previous = dict(connection.settings_dict)
        database = config.database(role)
        reconnect(USER=database.user, PASSWORD=database.password)
        try:
            yield
        finally:
            reconnect(USER=previous["USER"], PASSWORD=previous["PASSWORD"])

    return switch


def reconnect(**access: object) -> None:
    """Let Django's connection be made anew, with this access."""
    connection.close()
    if settings.DATABASES["default"]["OPTIONS"].get("pool"):
        connection.close_pool()  # type: ignore[attr-defined]  # of the PostgreSQL backend
    connection.settings_dict.update(access)


def _template(config: Config) -> Path:
    """Data folder of a stopped cluster that holds the migrated database; made when anything it depends on changed."""
    folder = base_folder() / "templates"
    folder.mkdir(mode=0o755, exist_ok=True)
    with _lock(folder / "lock"):
        wanted = folder / _fingerprint()
        if not wanted.exists():
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
        named = {**os.environ, "CARILLON_DATABASE_NAME": TEMPLATE, "PYTHONPATH": str(CHECKOUT / "src")}
        template = Config.from_env(named)
        pg.prepare(new.administrator, [template.database(role) for role in DATABASE_ROLES])
        for command in (["migrate", "--skip-checks"], ["apply_sql", "--skip-checks"]):
            _manage(command, named)
        with psycopg.connect(new.administrator, autocommit=True) as administrator:
            administrator.execute(f"ALTER DATABASE {TEMPLATE} IS_TEMPLATE true")
    finally:
        pg.stop(pg.Cluster(new.data, new.sockets, new.port, new.log))  # "fast": the copy must be a clean one
        process.wait()
    making.rename(wanted)


def _manage(command: list[str], environ: dict[str, str]) -> None:
    line = [sys.executable, "-m", "carillon", "manage", *command]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    if done.returncode:
        pytest.exit(
            f"`manage {' '.join(command)}` failed on the test database:\n{done.stdout}\n{done.stderr}", returncode=3
        )


def _fingerprint() -> str:
    """Changes with everything that shapes the migrated database."""
    source = CHECKOUT / "src" / "carillon"
    files = [CHECKOUT / "uv.lock", source / "server" / "cluster.py", source / "server" / "settings.py", Path(__file__)]
    for pattern in ("**/migrations/*.py", "**/*.sql", "**/management/commands/*.py", "**/policies.py"):
        files += sorted(source.glob(pattern))
    digest = hashlib.sha256(f"{pg.binaries()} {pg.service_account()}".encode())
    for file in files:
        digest.update(f"{file}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def copy_template(config: Config, target: Path) -> None:
    """Make `target` the data folder of a cluster that holds the migrated template."""
    # cp keeps owners and is much faster than shutil for PostgreSQL's thousand small files
    subprocess.run(["cp", "-a", "--reflink=auto", str(_template(config)), str(target)], check=True)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
