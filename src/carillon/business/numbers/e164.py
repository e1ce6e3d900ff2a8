"""Reading telephone numbers of the stock: E.164, country and kind from the number plan (ITU E.164, by phonenumbers)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from django.utils.translation import gettext as _
from phonenumbers import PhoneNumberType

from carillon.business.numbers.choices import NumberKind

NON_GEOGRAPHIC = "ZZ"  # CLDR's "unknown region": +800, +870 and other numbers of no country
MAX_NUMBERS_AT_ONCE = 1000

_LIST = re.compile(r"[,;\n\r]+")
_RANGE = re.compile(r"\s+[-–]\s+|\s*–\s*|\s*-\s*(?=\+)|\.\.+")
_KINDS = {
    PhoneNumberType.FIXED_LINE: NumberKind.GEOGRAPHIC,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberKind.GEOGRAPHIC,
    PhoneNumberType.MOBILE: NumberKind.MOBILE,
    PhoneNumberType.TOLL_FREE: NumberKind.TOLL_FREE,
    PhoneNumberType.UNKNOWN: NumberKind.GEOGRAPHIC,  # reserved for drama and tests, such as +44 20 7946 0xxx
}


@dataclass(frozen=True, slots=True)
class StockNumber:
    """A number that can exist: E.164 with plus, ISO 3166-1 alpha-2 country (ZZ: none) and kind."""

    e164: str
    country: str
    kind: NumberKind


class NotANumber(ValueError):
    """A text is not an E.164 number; the message says why."""


def read_number(text: str) -> StockNumber:
    """Return the number that `text` writes in international form; separators are allowed, the plus is required.

    Raises:
        NotANumber: with a sentence that says what is wrong.
    """
    written = text.strip()
    if not written.startswith("+"):
        raise NotANumber(_("“%(written)s” must begin with + and the country code.") % {"written": written[:30]})
    try:
        number = phonenumbers.parse(written)
    except phonenumbers.NumberParseException:
        raise NotANumber(_("“%(written)s” begins with no calling code in use.") % {"written": written[:30]}) from None
    if number.extension or not phonenumbers.is_possible_number(number):
        raise NotANumber(
            _("“%(written)s” is too short, too long or not a number of that country.") % {"written": written[:30]}
        )
    region = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(
        number.country_code or 0
    )
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    kind = _KINDS.get(phonenumbers.number_type(number), NumberKind.NATIONAL)
    return StockNumber(e164, region if len(region) == 2 else NON_GEOGRAPHIC, kind)


def read_row(first: str, count: int) -> list[StockNumber]:
    """Return `count` numbers in a row, beginning with `first`. Raises NotANumber."""
    start = read_number(first)
    digits = int(start.e164[1:])
    return [start, *(read_number(f"+{digits + offset}") for offset in range(1, count))]


def read_numbers(text: str) -> list[StockNumber]:
    """Return the numbers of a list: separated by commas, semicolons or new lines, each a number or a range.

    A range is "+442079460000 - +442079460099", or with the last digits alone: "+44 20 7946 0000 – 0099". Numbers that
    come twice are returned once.

    Raises:
        NotANumber: one is none, a range runs backwards, or there are more than 1000.
    """
    found: dict[str, StockNumber] = {}
    for part in filter(None, (part.strip() for part in _LIST.split(text))):
        first, _dash, last = (piece.strip() for piece in _RANGE.sub("\n", part, count=1).partition("\n"))
        row = read_row(first, _count(first, last)) if last else [read_number(first)]
        found |= {number.e164: number for number in row}
        if len(found) > MAX_NUMBERS_AT_ONCE:
            raise NotANumber(
                _("These are more than %(most)s numbers: add them in parts.") % {"most": MAX_NUMBERS_AT_ONCE}
            )
    if not found:
        raise NotANumber(_("There is no number."))
    return list(found.values())


def _count(first: str, last: str) -> int:
    start = read_number(first).e164
    digits = "".join(filter(str.isdigit, last))
    if not digits:
        raise NotANumber(_("“%(last)s” does not end a range.") % {"last": last[:30]})
    end = read_number(last).e164 if last.startswith("+") else start[: -len(digits)] + digits
    count = int(end[1:]) - int(start[1:]) + 1
    if len(end) != len(start) or count < 1:
        raise NotANumber(
            _("The range %(first)s – %(last)s runs backwards, or its ends differ in length.")
            % {"first": first[:30], "last": last[:30]}
        )
    if count > MAX_NUMBERS_AT_ONCE:
        raise NotANumber(
            _("The range %(first)s – %(last)s has more than %(most)s numbers.")
            % {"first": first[:30], "last": last[:30], "most": MAX_NUMBERS_AT_ONCE}
        )
    return count
