"""What a data class asks for: its fields with their types and limits, one `Input` each, for forms, REST and CSV."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from django.db import connection, models

from carillon.base.actor import Actor
from carillon.panels.declaration import Field, Upload

PLAIN = (str, int, bool, Decimal, date, datetime, Upload)
INTEGER_BOUNDS = (-(2**63), 2**63 - 1)


class _Needed:
    """Stands where a default would be, for values that must be given."""


NEEDED = _Needed()


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a data class. `type` is the item's type when `many`; `default` is NEEDED when required."""

    name: str
    type: type
    field: Field
    many: bool = False
    optional: bool = False
    default: Any = NEEDED
    max_length: int = 500
    minimum: int | float | Decimal | None = None
    maximum: int | float | Decimal | None = None
    decimals: int | None = None

    @property
    def is_required(self) -> bool:
        """Whether a new object needs this value."""
        return self.default is NEEDED

    @property
    def is_money(self) -> bool:
        return self.field.kind == "money"

    def choices(self, actor: Actor) -> tuple[tuple[Any, str], ...]:
        """Return the values to choose from with their labels; empty: anything goes."""
        given = self.field.choices
        pairs: Iterable[tuple[Any, Any]] = given(actor) if callable(given) else given
        found = tuple((value, str(label)) for value, label in pairs)
        if not found and issubclass(self.type, Enum):
            return tuple((one.value, str(getattr(one, "label", one.value))) for one in self.type)
        return found


def inputs(data: type, fields: Iterable[Field] = (), model: type[models.Model] | None = None) -> tuple[Input, ...]:
    """Return the inputs of `data` in the order of `fields`, those without a declaration last.

    `model`: its column of the same name narrows the limits, so that no value fails in the database.
    """
    hints = typing.get_type_hints(data)
    declared = {field.name: field for field in fields}
    own = {field.name: field for field in dataclasses.fields(data)}
    unknown = set(declared) - set(own)
    if unknown:
        raise TypeError(f"{data.__name__} has no field called {', '.join(sorted(unknown))}.")
    ordered = [*declared, *(name for name in own if name not in declared)]
    return tuple(
        _input(own[name], hints[name], declared.get(name) or Field(name, name.replace("_", " ").capitalize()), model)
        for name in ordered
    )


def _input(own: dataclasses.Field[Any], hint: Any, field: Field, model: type[models.Model] | None) -> Input:
    kind, many, optional = _unwrap(hint)
    if not (kind in PLAIN or issubclass(kind, Enum)):
        raise TypeError(f"The kit does not know how to read {own.name}: {hint}.")
    default = NEEDED if own.default is dataclasses.MISSING else own.default
    if own.default_factory is not dataclasses.MISSING:
        default = own.default_factory()
    if default is NEEDED and optional:
        default = None
    length, low, high, decimals = _limits(field, kind, many, model)
    return Input(own.name, kind, field, many, optional, default, length, low, high, decimals)


def _unwrap(hint: Any) -> tuple[type, bool, bool]:
    optional = False
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        parts = [part for part in typing.get_args(hint) if part is not type(None)]
        hint, optional = parts[0], len(parts) < len(typing.get_args(hint))
    if typing.get_origin(hint) in (tuple, list):
        return typing.get_args(hint)[0], True, optional
    return hint, False, optional


def _limits(
    field: Field, kind: type, many: bool, model: type[models.Model] | None
) -> tuple[int, int | float | Decimal | None, int | float | Decimal | None, int | None]:
    column = None
    if model is not None:
        column = next((one for one in model._meta.concrete_fields if field.name in (one.name, one.attname)), None)
    low: int | float | Decimal | None = field.minimum
    high: int | float | Decimal | None = field.maximum
    length, decimals = field.max_length, None
    if kind is str and column is not None and getattr(column, "max_length", None) and not many:
        length = min(length, int(column.max_length or length))
    if kind is int:
        least, most = _bounds(column)
        low, high = _greater(low, least), _smaller(high, most)
    if kind is Decimal and isinstance(column, models.DecimalField):
        decimals = int(column.decimal_places)
        top = Decimal(10) ** (int(column.max_digits) - decimals) - Decimal(1).scaleb(-decimals)
        low, high = _greater(low, -top), _smaller(high, top)
    return length, low, high, decimals


def _bounds(column: Any) -> tuple[int, int]:
    if not isinstance(column, models.IntegerField) or isinstance(column, models.AutoField):
        return INTEGER_BOUNDS
    low, high = connection.ops.integer_field_range(column.get_internal_type())
    return (INTEGER_BOUNDS[0] if low is None else low, INTEGER_BOUNDS[1] if high is None else high)


def _greater(given: Any, own: Any) -> Any:
    return own if given is None or own > given else given


def _smaller(given: Any, own: Any) -> Any:
    return own if given is None or own < given else given
