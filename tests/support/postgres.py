"""Fixtures: a throw-away PostgreSQL, migrated, with all roles; started when the first test asks for it.

It holds a copy of the migrated template (server/template.py).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase

from carillon.config import DATABASE_ROLES, Config
from carillon.server import cluster as pg
from carillon.server.errors import ClusterError
from carillon.server.template import TEMPLATE, copy_template, lock
from carillon.server.throwaway import session_folder
from tests.support.worlds import empty_tables

EMPTY_EDGE = "DELETE FROM edge.location; DELETE FROM edge.kept_dialog"  # Kamailio's own


@pytest.fixture(scope="session")
def config() -> Config:
    """Settings of this test session: the same that Django and every process started by a test sees."""
    return Config.from_env(os.environ)


@pytest.fixture(scope="session")
def cluster(config: Config) -> pg.Cluster:
    """The session's running PostgreSQL with this worker's own migrated database in it."""
    folder = session_folder()
    found = pg.Cluster(folder / "postgresql", folder / "run", config.ports.postgresql, folder / "log", is_durable=False)
    with lock(folder / "cluster.lock"):
        if not (found.data / "postmaster.pid").exists():
            try:
                copy_template(config, found.data)
            except ClusterError as error:  # no test can run
                pytest.exit(str(error), returncode=3)
            pg.configure(found)
            pg.start(found)
    pg.prepare(found.administrator, [config.database(role) for role in DATABASE_ROLES], template=TEMPLATE)
    with psycopg.connect(found.administrator, autocommit=True) as administrator:
        administrator.execute(f"grant set on parameter session_replication_role to {config.database('owner').user}")
    return found


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, cluster: pg.Cluster) -> Iterator[None]:
    """Instead of pytest-django's own: the database is already there, a copy of the migrated template."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_tables)
        yield


def _empty_tables(_: TransactionTestCase) -> None:
    """After a test that committed. Django's own way takes all tables, filled or not, and fills again what we keep."""
    empty_tables()
    with connection.cursor() as cursor:
        cursor.execute(EMPTY_EDGE)


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
