"""Frozen dataclasses to JSON-able documents and back.

Decimals travel as strings, tuples as arrays, enums as their value. A document may carry keys this version does not
know (they are ignored) and may lack keys that have a default, so that the two sides of a contract can be updated one
after the other. Codecs are built once per class.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from carillon.logic.copies import twin_of

T = TypeVar("T")
Codec = Callable[[Any], Any]


class DocumentError(ValueError):
    """A document does not fit its type; the message names the place, e.g. `Endpoint.id: 'x' is not a whole number`."""

    slug = "bad-document"


def to_document(value: object) -> dict[str, Any]:
    """The JSON-able form of a frozen dataclass.

    Keys are in field order, so equal values give equal documents. Raises TypeError for anything but a dataclass.
    """
    encoded: dict[str, Any] = _class_encoder(_class_of(value))(value)
    return encoded


def to_brief_document(value: object) -> dict[str, Any]:
    """Like `to_document`, but without the fields that have their default: half as long for a decision, which each call
    keeps. Who reads one outside `from_document` must know the defaults.
    """
    encoded: dict[str, Any] = _brief_encoder(_class_of(value))(value)
    return encoded


def _class_of(value: object) -> type:
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} is not a dataclass value.")
    return type(value)


def from_document(cls: type[T], doc: Mapping[str, Any]) -> T:
    """The value of dataclass `cls` that `doc` describes. Raises DocumentError naming the field that does not fit."""
    decode: Codec = _class_decoder(cls)  # type: ignore[arg-type]  # a class with a type variable is hashable too
    value: T = decode(doc)
    return value


# ---------------------------------------------------------------- encoding


def _identity(value: Any) -> Any:
    return value


@cache
def _class_encoder(cls: type) -> Codec:
    return _written(cls, _class_encoder, is_brief=False)


@cache
def _brief_encoder(cls: type) -> Codec:
    return _written(cls, _brief_encoder, is_brief=True)


def _written(cls: type, of_class: Callable[[type], Codec], *, is_brief: bool) -> Codec:
    """Generated like a decoder: it writes a decision in a third of the time of a loop over fields."""
    hints = get_type_hints(cls)
    scope: dict[str, Any] = {}
    lines = ["def encode(value):", " doc = {}"]
    for place, item in enumerate(fields(cls)):
        condition = ""
        if is_brief and item.default is not MISSING:
            scope[f"default{place}"] = item.default
            condition = f"if v is not default{place} and v != default{place}: "
        kept = _writing(place, hints[item.name], of_class, scope)
        lines += [f" v = value.{item.name}", f" {condition}doc[{item.name!r}] = {kept}"]
    exec("\n".join([*lines, " return doc"]), scope)  # noqa: S102 - of names of fields alone
    encode: Codec = scope["encode"]
    return encode


def _writing(place: int, hint: Any, of_class: Callable[[type], Codec], scope: dict[str, Any]) -> str:
    """The expression for the value of a field, `v`: the usual cases without a call."""
    inner, is_optional = _without_none(hint)
    encode = _plain_encoder(inner, of_class)
    if encode is _identity:
        return "v"
    scope[f"write{place}"] = encode
    if isinstance(inner, type) and issubclass(inner, Enum):
        value = "v._value_"
    elif get_origin(inner) is tuple:
        value = f"(write{place}(v) if v else [])"
    else:
        value = f"write{place}(v)"
    return f"None if v is None else {value}" if is_optional else value


@cache
def _encoder(hint: Any, of_class: Callable[[type], Codec] = _class_encoder) -> Codec:
    inner, is_optional = _without_none(hint)
    encode = _plain_encoder(inner, of_class)
    if is_optional and encode is not _identity:
        return lambda value: None if value is None else encode(value)
    return encode


def _plain_encoder(hint: Any, of_class: Callable[[type], Codec]) -> Codec:
    if get_origin(hint) is tuple:
        return _tuple_encoder(get_args(hint), of_class)
    if is_dataclass(hint):
        return _late(of_class, hint)
    if hint is Decimal:
        return str
    if isinstance(hint, type) and issubclass(hint, Enum):
        return attrgetter("_value_")  # documented, and without the call that `value` is
    return _identity


def _tuple_encoder(args: tuple[Any, ...], of_class: Callable[[type], Codec]) -> Codec:
    if len(args) == 2 and args[1] is Ellipsis:
        encode = _encoder(args[0], of_class)
        return list if encode is _identity else lambda value: [encode(item) for item in value]
    encoders = tuple(_encoder(arg, of_class) for arg in args)
    return lambda value: [encode(item) for encode, item in zip(encoders, value, strict=True)]


# ---------------------------------------------------------------- decoding


@cache
def _class_decoder(cls: type[Any]) -> Codec:
    """Generated, as dataclasses' own methods are: it reads a decision in a third of the time of a loop over fields."""
    hints = get_type_hints(cls)
    parts = tuple((item.name, _decoder(hints[item.name]), _is_required(item)) for item in fields(cls))
    scope: dict[str, Any] = {"cls": cls, "faults": (ValueError, TypeError, KeyError, InvalidOperation)}
    scope["located"] = lambda doc, error: _located(cls, parts, doc, error)
    given = []
    for place, item in enumerate(fields(cls)):
        scope[f"read{place}"] = parts[place][1]
        value = _reading(place, item.name, hints[item.name], scope)
        if item.default is not MISSING:
            scope[f"default{place}"] = item.default
            value = f"{value} if {item.name!r} in doc else default{place}"
        elif item.default_factory is not MISSING:
            scope[f"default{place}"] = item.default_factory
            value = f"{value} if {item.name!r} in doc else default{place}()"
        given.append(f"{item.name}={value}")
    scope["twin"] = twin_of(cls)[0]  # type: ignore[arg-type]  # a class with a type variable is hashable too
    made = f"twin({', '.join(given)})" if scope["twin"] else f"cls({', '.join(given)})"
    frozen = ["  made.__class__ = cls"] if scope["twin"] else []
    lines = ["def decode(doc):", " try:", f"  made = {made}", *frozen, "  return made", " except faults as error:"]
    exec("\n".join([*lines, "  raise located(doc, error) from error"]), scope)  # noqa: S102 - of names of fields alone
    decode: Codec = scope["decode"]
    return _keeping(cls, decode) if cls in _kept else decode


def _reading(place: int, name: str, hint: Any, scope: dict[str, Any]) -> str:
    """The expression for a field: the usual cases without a call, all others by `read<place>`, which refuses too."""
    inner, is_optional = _without_none(hint)
    read, value, none = f"read{place}", f"(v := doc[{name!r}])", " or v is None" if is_optional else ""
    if inner in _SCALARS:
        return f"(v if {value}.__class__ is {inner.__name__}{none} else {read}(v))"
    if isinstance(inner, type) and issubclass(inner, Enum):
        scope[f"members{place}"] = {member.value: member for member in inner}
        return f"(members{place}[v] if {value} in members{place} else {read}(v))"
    if get_origin(inner) is tuple:
        return (
            f"(() if {value} == [] else {read}(v))" if get_args(inner)[1:] == (Ellipsis,) else f"{read}(doc[{name!r}])"
        )
    return f"(None if {value} is None else {read}(v))" if is_optional else f"{read}(doc[{name!r}])"


MOST_KEPT = 10_000
_kept: set[type] = set()


def keep(*classes: type) -> None:
    """Have equal documents of these classes become one object, and what is worked out of it be worked out once.

    For values of which documents name few different ones again and again. Call it before the first is read.
    """
    _kept.update(classes)


def _keeping(cls: type, decode: Codec) -> Codec:
    made: dict[Any, Any] = {}

    def kept(doc: Any) -> Any:
        try:
            key = (*doc.items(), *map(type, doc.values()))  # True and 1 are equal
            found = made.get(key)
        except (TypeError, AttributeError):  # something nested, or no document at all
            return decode(doc)
        if found is None:
            if len(made) >= MOST_KEPT:
                made.clear()
            found = made[key] = decode(doc)
        return found

    return kept


def _is_required(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _located(cls: type, parts: tuple[tuple[str, Codec, bool], ...], doc: Any, error: Exception) -> DocumentError:
    """The error with the field's name: found by decoding again, so that the good case pays nothing for it."""
    if not isinstance(doc, Mapping):
        return DocumentError(f"{cls.__name__}: {doc!r:.60} is not an object")
    for name, codec, _ in parts:
        if name in doc:
            try:
                codec(doc[name])
            except (ValueError, TypeError, InvalidOperation) as cause:
                return DocumentError(f"{cls.__name__}.{name}: {cause}")
    missing = [name for name, _, is_required in parts if is_required and name not in doc]
    return DocumentError(f"{cls.__name__}: {', '.join(missing)} missing" if missing else f"{cls.__name__}: {error}")


@cache
def _decoder(hint: Any) -> Codec:
    inner, is_optional = _without_none(hint)
    decode = _plain_decoder(inner)
    if is_optional and decode is not _identity:
        return lambda value: None if value is None else decode(value)
    return decode


def _plain_decoder(hint: Any) -> Codec:
    if get_origin(hint) is tuple:
        return _tuple_decoder(get_args(hint))
    if is_dataclass(hint):
        return _late(_class_decoder, hint)
    if hint is Decimal:
        return _decimal
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return _SCALARS.get(hint, _identity)


def _tuple_decoder(args: tuple[Any, ...]) -> Codec:
    if len(args) == 2 and args[1] is Ellipsis:
        decode = _decoder(args[0])
        return lambda value: tuple([decode(item) for item in _array(value)])
    decoders = tuple(_decoder(arg) for arg in args)
    return lambda value: tuple([decode(item) for decode, item in zip(decoders, _array(value), strict=True)])


def _array(value: Any) -> list[Any] | tuple[Any, ...]:
    if isinstance(value, list | tuple):
        return value
    raise DocumentError(f"{value!r:.60} is not an array")


@lru_cache(MOST_KEPT, typed=True)
def _decimal(value: Any) -> Decimal:
    if isinstance(value, float | bool):
        raise DocumentError(f"{value!r} is not an exact decimal; write it as a string")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise DocumentError(f"{value!r:.60} is not a decimal number") from error
    if not number.is_finite():
        raise DocumentError(f"{value!r} is not a finite number")
    return number


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    raise DocumentError(f"{value!r:.60} is not a whole number")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise DocumentError(f"{value!r:.60} is not a text")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise DocumentError(f"{value!r:.60} is not true or false")


_SCALARS: dict[Any, Codec] = {int: _integer, str: _text, bool: _boolean}


# ---------------------------------------------------------------- type hints


def _late(build: Callable[[Any], Codec], cls: Any) -> Codec:
    """A codec looked up at first use, so that types may nest in themselves."""
    found: list[Codec] = []

    def code(value: Any) -> Any:
        if not found:
            found.append(build(cls))
        return found[0](value)

    return code


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        inner = [arg for arg in get_args(hint) if arg is not types.NoneType]
        return (inner[0] if len(inner) == 1 else object), len(inner) < len(get_args(hint))
    return hint, False
