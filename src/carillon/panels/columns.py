"""Which columns of a panel a person sees, and in what order."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from django.utils.translation import gettext as _

from carillon.base.errors import InvalidInput
from carillon.panels.declaration import Column, Panel

MOST_CHOSEN = 60


@functools.cache
def offered_columns(panel: Panel) -> Mapping[str, Column]:
    """Return the columns to choose from, by name: the grid's own, then what REST has beside them, without bare ids."""
    more = [column for column in panel.api if column.in_grid and not column.name.endswith("_id")]
    return {column.name: column for column in (*own_columns(panel), *more)}


@functools.cache
def own_columns(panel: Panel) -> tuple[Column, ...]:
    """Return the columns that the grid has before anybody chooses."""
    return tuple(column for column in panel.columns if column.in_grid)


def order_of_column(panel: Panel, column: Column) -> str:
    """Return which of the panel's orders sorts `column`, "" when none does."""
    orders = {name.removeprefix("-") for name in panel.order}
    wanted = (column.name, column.order, "id" if column.name == "created_at" else "")
    return next((name for name in wanted if name in orders), "")


def chosen_columns(panel: Panel, asked: str, *, for_customer: bool = False) -> tuple[Column, ...]:
    """Return the columns of `asked`, names with commas between them, in that order; "": the panel's own.

    `for_customer`: without those that are in the grid alone: customers have no grid and may not know them.

    Raises:
        InvalidInput: there is no such column, or one is there twice.
    """
    offered = {name: one for name, one in offered_columns(panel).items() if one.in_api or not for_customer}
    if not asked:
        return tuple(column for column in own_columns(panel) if column.name in offered)
    names = asked.split(",")
    if len(names) > MOST_CHOSEN or len(set(names)) < len(names) or not set(names) <= set(offered):
        raise InvalidInput(fields={"columns": _("These are not columns of this panel, or one is there twice.")})
    return tuple(offered[name] for name in names)
