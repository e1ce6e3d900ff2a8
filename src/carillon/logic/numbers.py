"""What a person or a device dialled: an extension, an emergency number or a number of the world (E.164).

The same string means different things in different countries; `numberplan` says how each one dials. Numbers are
checked for a known calling code and a possible length, not for being in service: that is the network's answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from carillon.logic.numberplan import COUNTRIES

_SEPARATORS = re.compile(r"[\s\-./()\u00a0\u2010-\u2015]+")
_OPTIONAL_TRUNK = re.compile(r"\(0\)")
_MAX_DIALLED = 40
_E164_DIGITS = 15
_SHORTEST_EXTENSION, _LONGEST_EXTENSION = 2, 5


class DialledKind(StrEnum):
    """What a dialled string turned out to be."""

    E164 = "e164"
    EXTENSION = "extension"
    EMERGENCY = "emergency"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Dialled:
    """A dialled string understood: `number` is E.164 with plus, an extension or an emergency number ("" if invalid).

    `reason` is a sentence: how it was read, or what is wrong with it.
    """

    kind: DialledKind
    number: str
    reason: str


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """How one country dials; `lengths` are of numbers without a trunk prefix, the usual one of which is first."""

    country: str
    calling_code: str
    international_prefixes: tuple[str, ...]
    trunk_prefixes: tuple[str, ...]
    lengths: frozenset[int]
    emergency: frozenset[str]


# ---------------------------------------------------------------- the table


def _expand(column: str) -> tuple[str, ...]:
    """`7,9-11` as 7, 9, 10, 11; `-` as nothing."""
    if column == "-":
        return ()
    numbers: list[str] = []
    for part in column.split(","):
        first, _, last = part.partition("-")
        numbers += [f"{n:0{len(first)}d}" for n in range(int(first), int(last or first) + 1)]
    return tuple(numbers)


def _plan(line: str) -> NumberPlan:
    country, code, prefixes, trunks, lengths, emergency = line.split()
    longest_first = tuple(sorted(_expand(prefixes), key=len, reverse=True))
    sizes = frozenset(int(size) for size in _expand(lengths))
    return NumberPlan(country, code, longest_first, _expand(trunks), sizes, frozenset(_expand(emergency)))


_PLANS = tuple(_plan(line) for line in COUNTRIES.split("\n") if line)
_BY_COUNTRY = {plan.country: plan for plan in _PLANS if plan.country != "001"}
_LENGTHS_BY_CODE: dict[str, frozenset[int]] = {}
for _item in _PLANS:
    _LENGTHS_BY_CODE[_item.calling_code] = _LENGTHS_BY_CODE.get(_item.calling_code, frozenset()) | _item.lengths


def plan_of(country: str) -> NumberPlan | None:
    """The number plan of a country by ISO 3166-1 alpha-2 code, or None."""
    return _BY_COUNTRY.get(country.upper())


def is_emergency(number: str, country: str) -> bool:
    """Whether `number` as dialled is an emergency number of `country` (112 where the country is unknown)."""
    plan = plan_of(country)
    return number in plan.emergency if plan else number == "112"


def is_extension(text: str, country: str) -> bool:
    """Whether `text` may be an extension in `country`: 2 to 5 digits and not an emergency number there."""
    return (
        _SHORTEST_EXTENSION <= len(text) <= _LONGEST_EXTENSION
        and text.isascii()
        and text.isdigit()
        and not is_emergency(text, country)
    )


def calling_code_of(e164: str) -> str:
    """The calling code of an E.164 number (`44` of `+442071234567`), or "" when there is none such."""
    digits = e164.lstrip("+")
    return next((digits[:size] for size in (1, 2, 3) if digits[:size] in _LENGTHS_BY_CODE), "")


# ---------------------------------------------------------------- reading a dialled string


def normalise(dialled: str, country: str) -> Dialled:
    """What `dialled` means to a person in `country` (ISO 3166-1 alpha-2; "" allows only +, extensions and 112).

    Accepts separators (spaces, dashes, dots, slashes, brackets), a leading plus, the country's international prefix
    and its trunk prefix. Never raises: what cannot be understood is INVALID with a reason. Applied to its own result
    it returns the same number.
    """
    text = _SEPARATORS.sub("", _OPTIONAL_TRUNK.sub("", dialled) if dialled.strip()[:1] in "+0" else dialled)
    digits = text[1:] if text[:1] == "+" else text
    if not digits or len(digits) > _MAX_DIALLED or not (digits.isascii() and digits.isdigit()):
        return _invalid(f"“{dialled[:40]}” is not a telephone number.")
    if is_emergency(digits, country):  # with plus too: some phones keep it from a stored +112
        return Dialled(DialledKind.EMERGENCY, digits, f"{digits} is an emergency number in {country or 'any country'}.")
    if text[0] == "+":
        return _international(digits, "dialled with +")
    if is_extension(digits, country):
        return Dialled(DialledKind.EXTENSION, digits, f"{digits} is read as an extension.")
    plan = plan_of(country)
    if plan is None:
        return _invalid(f"{digits} needs a leading + because the caller's country is not known.")
    return _by_plan(digits, plan)


def _by_plan(digits: str, plan: NumberPlan) -> Dialled:
    refused: Dialled | None = None
    for prefix in plan.international_prefixes:
        if digits.startswith(prefix):
            found = _international(digits[len(prefix) :], f"dialled with {prefix}")
            if found.kind is DialledKind.E164:
                return found
            refused = refused or found
    return _national(digits, plan) or refused or _with_own_code(digits, plan)


def _national(digits: str, plan: NumberPlan) -> Dialled | None:
    """The national form, with a trunk prefix or without; None when the length fits neither."""
    trunks = sorted((trunk for trunk in plan.trunk_prefixes if digits.startswith(trunk)), key=len, reverse=True)
    candidates = [digits[len(trunk) :] for trunk in trunks]
    if "0" not in trunks:  # where 0 is the trunk prefix no national number begins with it
        candidates.append(digits)
    for national in candidates:
        if len(national) in plan.lengths and _is_possible(plan.calling_code, national):
            number = f"+{plan.calling_code}{national}"
            return Dialled(DialledKind.E164, number, f"{digits} is {number}, dialled as in {plan.country}.")
    return None


def _with_own_code(digits: str, plan: NumberPlan) -> Dialled:
    """The country's own numbers with calling code but without plus, as many trunks send them."""
    if digits.startswith(plan.calling_code):
        found = _international(digits, "sent without +")
        if found.kind is DialledKind.E164:
            return found
    return _invalid(f"{digits} cannot be a number as dialled in {plan.country}.")


def _international(digits: str, how: str) -> Dialled:
    code = calling_code_of(digits)
    if not code:
        return _invalid(f"+{digits} begins with no calling code in use.")
    national = digits[len(code) :]
    if len(digits) > _E164_DIGITS or len(national) not in _LENGTHS_BY_CODE[code]:
        return _invalid(f"+{digits} has {len(national)} digits after +{code}, which no number there has.")
    if not _is_possible(code, national):
        return _invalid(f"+{digits} has an area code that cannot exist.")
    return Dialled(DialledKind.E164, f"+{digits}", f"+{digits}, {how}.")


def _is_possible(calling_code: str, national: str) -> bool:
    """North America's area codes and exchanges begin with 2 to 9 (NANP, NXX-NXX-XXXX); elsewhere no rule is kept."""
    return calling_code != "1" or (national[0] in "23456789" and national[3] in "23456789")


def _invalid(reason: str) -> Dialled:
    return Dialled(DialledKind.INVALID, "", reason)


# ---------------------------------------------------------------- writing a number for a carrier


def national_form(e164: str, country: str) -> str:
    """The number as dialled in `country`: with the trunk prefix there, else international prefix and digits.

    Returns the number unchanged when the country is unknown.
    """
    plan = plan_of(country)
    if plan is None or not e164.startswith("+"):
        return e164
    if calling_code_of(e164) == plan.calling_code:
        return "".join(plan.trunk_prefixes[:1]) + e164[1 + len(plan.calling_code) :]
    prefix = plan.international_prefixes[-1] if plan.international_prefixes else "+"
    return prefix + e164[1:]
