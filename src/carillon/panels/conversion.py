"""From what people and programs send to the typed values that actions take: the door where everything is checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from itertools import zip_longest
from typing import Any, BinaryIO, cast

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import validate_email
from django.http import QueryDict
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.logic.money import MICRO, AmountError, parse_amount
from carillon.panels.declaration import Rows, Upload
from carillon.panels.inputs import Input
from carillon.panels.manner import read_day, read_number

THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
MAX_ITEMS = 200
MOST_PLACES = 30
UNCHECKED = ("", "false", "off", "no", "0")
MAX_UPLOAD_BYTES = 20 * 1024 * 1024
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|[\ud800-\udfff]")
Finder = Callable[[str, Actor, Any], bool]  # (panel slug, actor, id) -> whether the actor may see that row


class Wrong(ValueError):
    """One value is not right; the text is for the person who typed it."""


def from_form(
    inputs: Iterable[Input], post: QueryDict, files: MultiValueDict[str, UploadedFile[bytes]]
) -> dict[str, Any]:
    """Gather what an HTML form sent, in the shapes that `convert` takes from JSON too (texts stay texts)."""
    given: dict[str, Any] = {}
    for one in inputs:
        if one.type is Upload and one.many:
            given[one.name] = [_uploaded(file) for file in files.getlist(one.name)]
        elif one.type is Upload:
            file = files.get(one.name)
            if file is not None:
                given[one.name] = _uploaded(file)
        elif one.field.rows is not None and f"{one.name}.{one.field.rows.columns[0][0]}" in post:
            given[one.name] = one.field.rows.join(cells_of(one.name, one.field.rows, post))
        elif one.type is bool:
            given[one.name] = str(post.get(one.name, "")).lower() not in UNCHECKED
        elif one.many:
            values = post.getlist(one.name)
            chosen = [value for value in values if value]
            given[one.name] = chosen if one.field.choices else parts_of(values[0] if values else "")
        elif one.name in post:
            given[one.name] = typed(one, str(post[one.name]))
    return given


def cells_of(name: str, rows: Rows, post: QueryDict) -> list[tuple[str, ...]]:
    """Return the rows that a form sent, "name.column" for each cell, those with nothing in them left out."""
    columns = [post.getlist(f"{name}.{column}") for column, _title in rows.columns]
    found = []
    for cells in zip_longest(*columns, fillvalue=""):
        texts = zip(rows.columns, (str(cell).strip() for cell in cells), strict=True)
        row = tuple(read_number(text) if column in rows.numbers else text for (column, _title), text in texts)
        found += [row] if any(row) else []
    return found[:MAX_ITEMS]


def typed(one: Input, text: str) -> Any:
    """Return a text of a form or file as `convert` takes it: dates and numbers are in the person's own manner."""
    if one.is_money:
        return major_units(read_number(text))
    if one.type is Decimal:
        return read_number(text)
    return read_day(text) if one.type in (date, datetime) else text


def convert(
    data: type,
    inputs: Iterable[Input],
    given: Mapping[str, Any],
    actor: Actor,
    *,
    base: Mapping[str, Any] | None = None,
    visible: Finder | None = None,
) -> Any:
    """Return an instance of the data class `data` made of `given`.

    Args:
        given: texts of a form, or values of a JSON object; money as integer micro-units.
        base: values of the existing row (an update); what is not given keeps its value. None: a new object.
        visible: tells whether a looked-up row may be seen by the actor.

    Raises:
        InvalidInput: `fields` names every value that is not right.

    Cost: one query per looked-up id.
    """
    inputs = tuple(inputs)
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {name: _("There is no such field.") for name in set(given) - {one.name for one in inputs}}
    for one in inputs:
        if one.name in given and one.field.only == ("create" if base is not None else "update"):
            wrong[one.name] = _("This cannot be changed.") if base is not None else _("This is set later.")
        elif one.name in given:
            try:
                values[one.name] = _checked(one, given[one.name], actor, visible)
            except Wrong as error:
                wrong[one.name] = str(error)
        elif base is not None and one.name in base:
            values[one.name] = base[one.name]
        elif one.is_required:
            wrong[one.name] = _("This is needed.")
    if wrong:
        raise InvalidInput(fields=wrong)
    return data(**values)


def _checked(one: Input, value: Any, actor: Actor, visible: Finder | None) -> Any:
    if one.many:
        if not isinstance(value, (list, tuple)):
            raise Wrong(_("This must be a list."))
        if len(value) > MAX_ITEMS:
            raise Wrong(_("There may be at most %(most)d.") % {"most": MAX_ITEMS})
        if not value and one.is_required:
            raise Wrong(_("This is needed."))
        return tuple(_single(one, item, actor, visible) for item in value)
    if value is None or (isinstance(value, str) and not value.strip()):
        return _empty(one)
    return _single(one, value, actor, visible)


def _empty(one: Input) -> Any:
    if one.optional:
        return None
    if one.type is str and not one.is_required:
        return ""
    if one.type is not str and not one.is_required:
        return one.default
    raise Wrong(_("This is needed."))


def _single(one: Input, value: Any, actor: Actor, visible: Finder | None) -> Any:
    result = _reader(one)(one, value)
    choices = one.choices(actor)
    if choices and str(getattr(result, "value", result)) not in {str(key) for key, _label in choices}:
        raise Wrong(_("This is not one of the choices."))
    if one.field.lookup and visible is not None and not visible(one.field.lookup, actor, result):
        raise Wrong(_("There is no such object."))
    return result


def _reader(one: Input) -> Callable[[Input, Any], Any]:
    if issubclass(one.type, Enum):
        return _enum
    return READERS[one.type]


def _text(one: Input, value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong(_("This must be text."))
    text = value if one.field.kind == "password" else value.strip()
    if CONTROL_CHARACTERS.search(text):
        raise Wrong(_("This holds characters that are not text."))
    if len(text) > one.max_length:
        raise Wrong(_("This is longer than %(most)d characters.") % {"most": one.max_length})
    if one.field.kind == "email":
        try:
            validate_email(text)
        except ValidationError:
            raise Wrong(_("This is not an e-mail address.")) from None
    return text


def _integer(one: Input, value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,19}", value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(_("This must be an amount such as 12.50.") if one.is_money else _("This must be a whole number."))
    return int(_bounded(one, value))


def _decimal(one: Input, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)) or len(str(value)) > 40:
        raise Wrong(_("This must be a number such as 0.0125."))
    number = _number(str(value).strip())
    if number is None:
        raise Wrong(_("This must be a number such as 0.0125."))
    exponent = number.normalize().as_tuple().exponent
    if one.decimals is not None and isinstance(exponent, int) and -exponent > one.decimals:
        raise Wrong(_("At most %(most)d decimals are possible.") % {"most": one.decimals})
    return Decimal(_bounded(one, number))


def _number(text: str) -> Decimal | None:
    """A finite number of a sane size; "1e400000000" is neither and would break later arithmetic."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= MOST_PLACES else None


def _bounded(one: Input, number: Any) -> Any:
    scale = MICRO if one.is_money else 1
    if one.minimum is not None and number < one.minimum:
        raise Wrong(_("This must be at least %(least)s.") % {"least": _plain(one.minimum, scale)})
    if one.maximum is not None and number > one.maximum:
        raise Wrong(_("This must be at most %(most)s.") % {"most": _plain(one.maximum, scale)})
    return number


def _plain(bound: Any, scale: int) -> str:
    return f"{(Decimal(bound) / scale).normalize():f}"


def _bool(one: Input, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "on", "yes", "1", "false", "off", "no", "0"):
        return value.lower() in ("true", "on", "yes", "1")
    raise Wrong(_("This must be true or false."))


def _date(one: Input, value: Any) -> date:
    try:
        found = parse_date(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None:
        raise Wrong(_("This must be a date such as 2026-01-31."))
    return found


def _datetime(one: Input, value: Any) -> datetime:
    found = None
    if isinstance(value, str):
        try:
            found = parse_datetime(value) or datetime.combine(_date(one, value), datetime.min.time())
        except ValueError:
            found = None
    if found is None:
        raise Wrong(_("This must be a date and time such as 2026-01-31T08:00:00Z."))
    if not 1 < found.year < 9999:  # time zone shifts of the outermost years fail
        raise Wrong(_("This date is out of range."))
    return (found if timezone.is_aware(found) else timezone.make_aware(found)).astimezone(UTC)


def _enum(one: Input, value: Any) -> Any:
    try:
        return one.type(value) if isinstance(value, (str, int)) else one.type("")
    except ValueError:
        raise Wrong(_("This is not one of the choices.")) from None


def _upload(one: Input, value: Any) -> Upload:
    if isinstance(value, UploadedFile):
        value = _uploaded(value)
    if not isinstance(value, Upload):
        raise Wrong(_("This must be a file."))
    most = int(one.maximum or MAX_UPLOAD_BYTES)
    if value.size > most:
        raise Wrong(_("This file is larger than %(most)d MB.") % {"most": most // 2**20})
    return value


READERS: Mapping[type, Callable[[Input, Any], Any]] = {
    str: _text,
    int: _integer,
    bool: _bool,
    Decimal: _decimal,
    date: _date,
    datetime: _datetime,
    Upload: _upload,
}


def _uploaded(file: UploadedFile[bytes]) -> Upload:
    return Upload(str(file.name or ""), cast(BinaryIO, file), int(file.size or 0))


def parts_of(text: str) -> list[str]:
    """Return several texts of one line or several lines."""
    return [part.strip() for part in re.split(r"[\n,]", text) if part.strip()]


def major_units(text: str) -> Any:
    """Return an amount typed in major units as micro-units; what is not an amount stays text and is refused later."""
    if not text.strip():
        return ""
    plain = text.replace(",", "") if THOUSANDS.fullmatch(text.strip()) else text  # "12,50" must not become 1250
    try:
        return parse_amount(plain)
    except AmountError:
        return text + "?"


def defaults(inputs: Iterable[Input], actor: Actor) -> dict[str, Any]:
    """Return the values a form for a new object starts with."""
    values: dict[str, Any] = {}
    for one in inputs:
        if one.field.suggest is not None:
            values[one.name] = one.field.suggest(actor)
        elif not one.is_required:
            values[one.name] = one.default
    return values
