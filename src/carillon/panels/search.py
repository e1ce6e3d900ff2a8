"""Text search on panels: which rows hold a text, by trigram indexes, past row-level security yet inside its scope.

`LIKE` is not leakproof, so under row-level security PostgreSQL reads every row of the tenant; `public.carillon_search`
(callfeed_sql/sql/05_search.sql) obeys the same scope and uses the index.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

MOST = 200  # of public.carillon_search
SHORTEST = 2  # one letter is in most rows: not worth asking
COLUMNS = {  # what each kind of row is searched by
    "customers": ("name", "email"),
    "users": ("name", "email"),
    "numbers": ("e164",),
    "endpoints": ("username", "label"),
}


def matches(kind: str, text: str, most: int = MOST) -> list[int]:
    """Return ids of rows within the open scope that hold `text`, at most `most`, in no order; one query.

    Args:
        kind: "customers", "users", "numbers", "endpoints", or "calls": CDRs by call id, SIP Call-ID or end of a number.
    """
    with connection.cursor() as cursor:
        cursor.execute("select id from public.carillon_search(%s, %s, %s)", [kind, text, most])
        return [row[0] for row in cursor.fetchall()]


def narrowed(rows: QuerySet[Any], kind: str, text: str) -> QuerySet[Any]:
    """Return the `rows` that may hold `text`; the caller's own condition decides among them.

    Args:
        kind: "customers", "users", "numbers" or "endpoints"; "" (not searchable): all rows.

    Texts that very many rows hold narrow nothing: then the rows' own order finds a page of them soon.
    Cost: one query.
    """
    if kind not in COLUMNS or len(text) < SHORTEST:
        return rows
    found = matches(kind, text)
    return rows if len(found) >= MOST else rows.filter(pk__in=found)


def lookup(rows: QuerySet[Any], kind: str, column: str, text: str) -> QuerySet[Any]:
    """Return the `rows` that a person who types `text` may mean.

    Args:
        kind: as for `narrowed`: then the text may stand anywhere in what such rows are searched by.
        column: searched by its beginning when there is no such kind, or too little text.

    Cost: one query for searchable kinds.
    """
    if kind not in COLUMNS or len(text) < SHORTEST:
        return rows.filter(**{f"{column}__istartswith": text})
    holds = functools.reduce(operator.or_, (Q(**{f"{name}__icontains": text}) for name in COLUMNS[kind]))
    return narrowed(rows, kind, text).filter(holds)
