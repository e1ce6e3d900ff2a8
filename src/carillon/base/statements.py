"""Statements that run again and again with ever new values: PostgreSQL plans each once per connection.

Django's cursor writes the values into the statement's text, so that PostgreSQL parses and plans it anew each time, and
psycopg composes arrays element by element in Python. Here values go beside the statement, and many of them as one text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from django.db import connection
from django.utils.functional import Promise
from psycopg import Cursor

Row = Mapping[str, object]


def run(statement: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of a constant statement, none for one that has none; its values are `%(name)s`, with a cast.

    Of json and jsonb columns it returns the text. Raises what Django's cursors raise.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(statement, values, prepare=True)
        return cursor.fetchall() if cursor.description else []


def by_index() -> None:
    """Have tables of this transaction read by their indexes alone, where they have one; one short statement.

    Plans are kept: one that was made while a table was small would read all of it when it has grown.
    """
    run("select set_config('enable_seqscan', 'off', true)")


def array(values: Iterable[object]) -> str:
    """Numbers or UUIDs as the text of an array: `= any(%(ids)s::bigint[])`."""
    return f"{{{','.join(map(str, values))}}}"


def records(rows: Sequence[Row]) -> str:
    """Rows as one JSON text: `from json_to_recordset(%(rows)s::json) as r (id bigint, ...)`.

    Times are datetimes or ISO texts. Raises TypeError for what JSON has no word for.
    """
    return _ENCODER.encode(rows).decode()


def _plain(value: object) -> str:
    """Translations that wait for their language, and texts marked as something: the text."""
    if isinstance(value, str | Promise):
        return str.__str__(str(value))
    raise TypeError(f"{type(value).__name__} is not for JSON.")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)


def insert(table: str, rows: Sequence[Row]) -> list[int]:
    """Write rows of the same columns and return their ids in the same order, as `bulk_create` does; one statement.

    Args:
        table: a constant, and so are the keys of `rows`: the columns. A jsonb column takes any JSON-able value.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    statement = _INSERTS.get((table, columns)) or _INSERTS.setdefault((table, columns), _insert(table, columns))
    return [row_id for (row_id,) in run(statement, {"rows": records(rows)})]


_INSERTS: Final[dict[tuple[str, tuple[str, ...]], str]] = {}


def _insert(table: str, columns: Sequence[str]) -> str:
    names = ", ".join(columns)
    rows = f"json_populate_recordset(null::{table}, %(rows)s::json)"
    return f"insert into {table} ({names}) select {names} from {rows} returning id"  # noqa: S608 - constants
