"""Worlds that many tests begin with: made once by the real actions, from then on put back, rows, ids and all.

A world is known by its name and by what the database held before: for a test that has changed anything by then it is
really made. Rows are put back as a replica takes them, without triggers and checks, which only the owner of this
session's database may do (postgres.py).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction

T = TypeVar("T")

# Filled by migrating and changed by nobody, or no part of a world: what is cached, what waits for the worker.
BESIDE = ["django_content_type", "auth_permission", "django_migrations", "base_cache"]
FILLED = """
select c.relname from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and pg_relation_size(c.oid) > 0
  and c.relname <> all(%s) and c.relname not like 'procrastinate%%'
"""
COUNTED = "select sequencename, last_value from pg_sequences where schemaname = 'public' and last_value is not null"
AS_REPLICA = "set local session_replication_role = replica"
AS_ORIGIN = "set local session_replication_role = origin"
MOST_OF_A_NAME = 4  # worlds made of different beginnings: more are not worth keeping

Digests = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class World:
    """What making it has changed: all rows of each table, where its sequences stand, and what the maker returned."""

    rows: Mapping[str, bytes]
    sequences: Mapping[str, int]
    made: bytes


_kept: dict[tuple[str, tuple[tuple[str, str], ...]], World] = {}


def remembered(name: str, make: Callable[[], T]) -> T:
    """Return what `make` returns, its changes made or put back. `name`: of the maker with all that it depends on."""
    if connection.settings_dict["USER"] != settings.CONFIG.database("owner").user:
        return make()
    before = _digests()
    key = (name, tuple(sorted(before.items())))
    known = _kept.get(key)
    if known is not None:
        _put_back(known, before)
        found: T = pickle.loads(known.made)  # noqa: S301 - our own
        return found
    counted = _sequences()
    made = make()
    if sum(name == other for other, _before in _kept) < MOST_OF_A_NAME:
        after = _digests()
        changed = [table for table in after.keys() | before.keys() if after.get(table) != before.get(table)]
        moved = {name: value for name, value in _sequences().items() if counted.get(name) != value}
        _kept[key] = World({table: _copy_out(table) for table in changed}, moved, pickle.dumps(made))
    return made


def empty_tables() -> None:
    """Leave nothing of a test that committed."""
    tables = _filled()
    if not tables:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(AS_REPLICA)
        cursor.execute(";".join(f'delete from "{table}"' for table in tables))  # noqa: S608 - our own names


def _filled() -> list[str]:
    """Tables that may hold rows."""
    return [row[0] for row in _rows(FILLED, [BESIDE])]


def _digests() -> Digests:
    """What each table holds that holds anything."""
    one = "select '{0}', md5(string_agg(t::text, '\n' order by t::text)) from \"{0}\" t"
    statement = " union all ".join(one.format(table) for table in _filled())
    return {table: digest for table, digest in _rows(statement) if digest} if statement else {}


def _sequences() -> dict[str, int]:
    return {name: value for name, value in _rows(COUNTED) if not name.startswith("procrastinate")}


def _rows(statement: str, values: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _copy_out(table: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f'copy "{table}" to stdout (format binary)') as copy:
        return b"".join(bytes(piece) for piece in copy)


def _put_back(world: World, before: Digests) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(AS_REPLICA)
        for table, rows in world.rows.items():
            if table in before:
                cursor.execute(f'delete from "{table}"')  # noqa: S608 - our own names
            with cursor.copy(f'copy "{table}" from stdin (format binary)') as copy:
                copy.write(rows)
        places = [*world.sequences], [*world.sequences.values()]
        cursor.execute(
            "select setval(quote_ident(s)::regclass, v) from unnest(%s::text[], %s::bigint[]) p(s, v)", places
        )
        cursor.execute(AS_ORIGIN)
