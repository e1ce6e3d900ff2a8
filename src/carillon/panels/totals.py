"""Totals of the rows that filters leave: money by currency, durations, figures; a column says what of it is added up.

What it may cost is bounded twice: no more than MOST_ROWS rows are read, and PostgreSQL stops after LONGEST_MS. Then the
answer is that there are too many, never half a sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import F, QuerySet
from psycopg.errors import QueryCanceled

from carillon.panels.cells import duration_text, money_text, rest_name
from carillon.panels.declaration import Column, Panel

MOST_ROWS = 50_000
LONGEST_MS = 2000


@dataclass(frozen=True, slots=True)
class Totals:
    """`sums`: by column name, and there by currency ("" of what is no money). Not complete: there are too many rows."""

    count: int = 0
    is_complete: bool = True
    sums: Mapping[str, Mapping[str, int | Decimal]] = field(default_factory=dict)


def totalled(panel: Panel) -> tuple[Column, ...]:
    """Return the columns of grid and REST that have a total."""
    return tuple(column for column in (*panel.columns, *panel.api) if column.total)


def totals_of(panel: Panel, rows: QuerySet[Any]) -> Totals:
    """Return what `rows` of `panel` add up to. Cost: two queries of at most 50,000 rows and two seconds each."""
    columns = totalled(panel)
    rows = rows.order_by()
    try:
        with _bounded():
            count = rows.values("pk")[: MOST_ROWS + 1].count()
            if count > MOST_ROWS:
                return Totals(is_complete=False)
            sums = _sums(columns, rows) if columns else {}
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return Totals(is_complete=False)
        raise
    return Totals(count, sums=sums)


def _sums(columns: Sequence[Column], rows: QuerySet[Any]) -> dict[str, dict[str, int | Decimal]]:
    added = {f"sum_{number}": F(column.total) for number, column in enumerate(columns)}
    paths = {column.currency.replace(".", "__") for column in columns if column.kind == "money"}
    names = {path: f"currency_{number}" for number, path in enumerate(sorted(paths))}
    apart = {name: F(path) for path, name in names.items()}
    inner, parameters = rows.annotate(**added, **apart).values(*added, *apart)[:MOST_ROWS].query.sql_with_params()
    groups = ", ".join(names.values())
    outer = ", ".join([*names.values(), *(f"sum({name})" for name in added)])
    statement = f"select {outer} from ({inner}) as found" + (f" group by {groups}" if groups else "")  # noqa: S608 - our own names
    found: dict[str, dict[str, int | Decimal]] = {column.name: {} for column in columns}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for line in cursor.fetchall():
            _add(found, columns, dict(zip(names, line, strict=False)), line[len(names) :])
    return found


def _add(
    found: dict[str, dict[str, int | Decimal]], columns: Sequence[Column], currencies: Mapping[str, Any], sums: Any
) -> None:
    for column, value in zip(columns, sums, strict=True):
        currency = str(currencies[column.currency.replace(".", "__")] or "") if column.kind == "money" else ""
        if value is not None:
            exact = value if column.kind == "decimal" else int(value)
            found[column.name][currency] = found[column.name].get(currency, 0) + exact


@contextmanager
def _bounded() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select current_setting('statement_timeout')")
            before = cursor.fetchone()[0]
            cursor.execute("select set_config('statement_timeout', %s, true)", [str(LONGEST_MS)])
        yield
        with connection.cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, true)", [before])


def shown_totals(panel: Panel, totals: Totals) -> dict[str, list[list[str]]]:
    """Return by column what the grid's foot shows: [amount, currency] for each currency."""
    kinds = {column.name: column.kind for column in totalled(panel)}
    return {
        name: [[_text(kinds[name], value), currency] for currency, value in sorted(sums.items())]
        for name, sums in totals.sums.items()
    }


def _text(kind: str, value: int | Decimal) -> str:
    if kind == "money":
        return money_text(int(value))
    return duration_text(int(value)) if kind == "duration" else f"{value:,}"


def rest_totals(panel: Panel, totals: Totals) -> dict[str, Any]:
    """Return totals as REST gives them: exact, money by currency; null when there are too many rows."""
    if not totals.is_complete:
        return {"count": None, "is_complete": False, "sums": None}
    columns = [column for column in totalled(panel) if column.in_api]
    sums = {rest_name(column): _exact(column, totals.sums[column.name]) for column in columns}
    return {"count": totals.count, "is_complete": True, "sums": sums}


def _exact(column: Column, sums: Mapping[str, int | Decimal]) -> Any:
    if column.kind == "money":
        return dict(sums)
    value = sums.get("", 0)
    return f"{value:f}" if isinstance(value, Decimal) else value
