"""Reading telephone numbers of the stock: E.164, country and kind from the number plan (ITU E.164, by phonenumbers)."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberType

from carillon.business.numbers.choices import NumberKind

NON_GEOGRAPHIC = "ZZ"  # CLDR's "unknown region": +800, +870 and other numbers of no country
MAX_NUMBERS_AT_ONCE = 1000

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
        raise NotANumber(f"“{written[:30]}” must begin with + and the country code.")
    try:
        number = phonenumbers.parse(written)
    except phonenumbers.NumberParseException:
        raise NotANumber(f"“{written[:30]}” begins with no calling code in use.") from None
    if number.extension or not phonenumbers.is_possible_number(number):
        raise NotANumber(f"“{written[:30]}” is too short, too long or not a number of that country.")
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
