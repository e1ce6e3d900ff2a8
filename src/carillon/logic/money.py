"""Amounts of money: integer micro-units with a currency, rounded in one place.

1 EUR is 1,000,000 micro-units. Rates and prices are exact and become micro-units only in `round_ratio`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal

MICRO = 1_000_000
MAX_DECIMALS = 6

# Wide enough that a product of two 20-digit numbers is exact and that dividing by 60 (digits end in 333... or 666...)
# can never look like a tie at the sixth decimal.
EXACT = Context(prec=60)

_STEPS = tuple(10 ** (MAX_DECIMALS - decimals) for decimals in range(MAX_DECIMALS + 1))  # micro-units of a last digit
_TRILLIONTHS = tuple(10 ** (12 - shift) for shift in range(13))
# by the quotient, twice the rest less the divisor, and the rest
_GOES_UP: Mapping[str, Callable[[int, int, int], bool]] = {
    "half_up": lambda whole, over_half, rest: over_half >= 0,
    "half_even": lambda whole, over_half, rest: over_half > 0 or (over_half == 0 and whole % 2 == 1),
    "up": lambda whole, over_half, rest: rest > 0,
    "down": lambda whole, over_half, rest: False,
}
_AMOUNT = re.compile(r"([+-]?)(\d{1,12})(?:\.(\d{1,6}))?", re.ASCII)

# ISO 4217, list one: the minor unit of each currency where it is not 2.
_ODD_MINOR_UNITS = {
    code: decimals
    for decimals, codes in (
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    )
    for code in codes.split()
}
_CODES = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
    MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND
    VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())


class AmountError(ValueError):
    """A text is not an amount of money; the message says what to write instead."""

    slug = "bad-amount"


def minor_units(currency: str) -> int:
    """Decimals of a currency's smallest coin by ISO 4217: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _ODD_MINOR_UNITS.get(currency, 2)


def round_ratio(numerator: int, denominator: int, mode: str = "half_up", decimals: int = MAX_DECIMALS) -> int:
    """`numerator / denominator` whole currency units, rounded once to `decimals` places, as micro-units.

    `denominator` is positive; `mode` is half_up, half_even, up (away from zero) or down (towards zero); more than 6
    decimals count as 6. Raises KeyError for another mode.
    """
    return round_micro(numerator * MICRO, denominator, mode, decimals)


def round_micro(numerator: int, denominator: int, mode: str = "half_up", decimals: int = MAX_DECIMALS) -> int:
    """`numerator / denominator` micro-units, else as `round_ratio`. The only place where a price loses digits."""
    step: int = _STEPS[decimals] if 0 <= decimals <= MAX_DECIMALS else 1
    denominator *= step
    whole, rest = divmod(abs(numerator), denominator)
    whole += _GOES_UP[mode](whole, 2 * rest - denominator, rest)
    return whole * step if numerator >= 0 else -whole * step


def parse_amount(text: str) -> int:
    """Micro-units of an amount as a person or a file writes it: `12`, `12.5`, `-0.000001`.

    Group separators and decimal commas are refused, because "1,234" means two things. Raises AmountError.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise AmountError(
            f"“{text.strip()[:40]}” is not an amount: write digits with a point and at most 6 decimals, like 12.50."
        )
    sign, whole, decimals = match.groups()
    micro = int(whole) * MICRO + int((decimals or "").ljust(MAX_DECIMALS, "0"))
    return -micro if sign == "-" else micro


def format_amount(amount_micro: int, currency: str) -> str:
    """The amount with its currency, losing nothing: `12.50 EUR`, `0.0123 EUR`, `500 JPY`, `-3.00 EUR`."""
    return f"{format_number(amount_micro, _ODD_MINOR_UNITS.get(currency, 2))} {currency}"


def format_number(amount_micro: int, least_decimals: int = 2) -> str:
    """The amount in digits with at least `least_decimals` decimals and no needless zeros after them."""
    digits = str(abs(amount_micro)).zfill(7)
    decimals = digits[-6:].rstrip("0").ljust(least_decimals, "0")
    sign = "-" if amount_micro < 0 else ""
    return f"{sign}{digits[:-6]}.{decimals}" if decimals else sign + digits[:-6]


def format_ratio(numerator: int, denominator: int, shift: int = 0) -> str:
    """`numerator / denominator`, not below zero, as `format_exact` writes it: cut at twelve places, half to even.

    The point is moved by `shift` places, at most twelve, to the left.
    """
    units, rest = divmod(numerator * _TRILLIONTHS[shift], denominator)
    if 2 * rest > denominator or (2 * rest == denominator and units % 2):
        units += 1
    digits = str(units).zfill(13)
    decimals = digits[-12:].rstrip("0")
    return f"{digits[:-12]}.{decimals}" if decimals else digits[:-12]


def format_exact(amount: Decimal, most_decimals: int = 12) -> str:
    """An exact decimal for an explanation: no exponent, no trailing zeros, cut at `most_decimals` places."""
    if -amount.as_tuple().exponent > most_decimals:  # type: ignore[operator]  # finite numbers only
        amount = amount.quantize(Decimal(1).scaleb(-most_decimals), ROUND_HALF_EVEN, EXACT)
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
