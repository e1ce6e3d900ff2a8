"""What every action does with a row before it trusts it: find what an id names, check values, save without clashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput, NotFound, Text

M = TypeVar("M", bound=models.Model)
M_co = TypeVar("M_co", bound=models.Model, covariant=True)


class Scoped(Protocol[M_co]):
    """A model's `objects`: anything whose rows can be cut to what an actor sees."""

    def visible_to(self, actor: Actor) -> models.QuerySet[M_co]:
        """Return the rows that the actor sees; no query yet."""


def named(rows: Scoped[M], actor: Actor, row_id: int, field: str) -> M:
    """Return the row that input `field` names by id; a foreign tenant's id looks like one that does not exist.

    Raises:
        InvalidInput: the actor sees no such row.

    Cost: one query.
    """
    visible = rows.visible_to(actor)
    row = visible.filter(pk=row_id).first()
    if row is None:
        what = visible.model._meta.verbose_name
        raise InvalidInput(
            _("There is no %(what)s %(row_id)s.") % {"what": what, "row_id": row_id},
            fields={field: _("There is no %(what)s %(row_id)s.") % {"what": what, "row_id": row_id}},
        )
    return row


def named_or_none(rows: Scoped[M], actor: Actor, row_id: int | None, field: str) -> M | None:
    """Like `named`; None stays None."""
    return None if row_id is None else named(rows, actor, row_id, field)


def locked(rows: Scoped[M], actor: Actor, row_id: int) -> M:
    """Return the row as it is now, locked until the transaction ends.

    Raises:
        NotFound: the actor sees no such row (any more).

    Cost: one query.
    """
    visible = rows.visible_to(actor)
    row = visible.select_for_update(of=("self",)).filter(pk=row_id).first()
    if row is None:
        raise NotFound(
            _("There is no %(verbose_name)s %(row_id)s.")
            % {"verbose_name": visible.model._meta.verbose_name, "row_id": row_id}
        )
    return row


def check_values(row: models.Model) -> None:
    """Hold a row's own columns against its fields: lengths, choices, blanks, ranges. References are not looked up.

    Raises:
        InvalidInput: with one sentence per field at fault.
    """
    columns = row._meta.concrete_fields
    absent = {field.name for field in columns if field.null and getattr(row, field.attname) is None}
    references = {field.name for field in columns if field.is_relation}
    try:
        row.clean_fields(exclude=references | absent)
    except ValidationError as error:
        fields = {name: " ".join(messages) for name, messages in error.message_dict.items()}
        raise InvalidInput(fields=fields) from None


@contextmanager
def once(clashes: Mapping[str, tuple[str, Text]]) -> Iterator[None]:
    """Turn a broken unique constraint inside the block into an input error; nothing done inside stays then.

    Args:
        clashes: constraint name -> (input at fault, sentence).

    Raises:
        InvalidInput: one of `clashes` happened. Other integrity errors pass through.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        clash = clashes.get(getattr(diagnosis, "constraint_name", None) or "")
        if clash is None:
            raise
        raise InvalidInput(clash[1], fields={clash[0]: clash[1]}) from None
