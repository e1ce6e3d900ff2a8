"""Which prefixes the numbers of a country and kind have ("UK mobile"): the number plan by phonenumbers (ITU E.164).

The plan says it by regular expressions. A prefix is told when any digits may follow it, as many as its numbers have.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Union

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from carillon.business.pricing.choices import NumberSet

_DESCRIPTIONS = {
    NumberSet.ALL: "general_desc",
    NumberSet.MOBILE: "mobile",
    NumberSet.FIXED: "fixed_line",
    NumberSet.TOLL_FREE: "toll_free",
    NumberSet.PREMIUM: "premium_rate",
    NumberSet.SHARED_COST: "shared_cost",
    NumberSet.PERSONAL: "personal_number",
    NumberSet.VOIP: "voip",
}
_DIGITS = frozenset("0123456789")
# One digit of these, or one of several ways to go on.
Part = Union[frozenset[str], "tuple[Sequence, ...]"]
Sequence = tuple[Part, ...]
State = frozenset[Sequence]  # all that may still come
_ENDED: State = frozenset({()})


@lru_cache(maxsize=64)
def prefixes_of(country: str, kind: NumberSet) -> tuple[str, ...]:
    """Return the prefixes, digits without plus, of a country's numbers of a kind; empty: there are none.

    Args:
        country: ISO 3166-1 alpha-2, capital letters.
    """
    plan = PhoneMetadata.metadata_for_region(country, None)
    if plan is None or plan.country_code is None:
        return ()
    code = str(plan.country_code)
    if kind == NumberSet.ALL and len(COUNTRY_CODE_TO_REGION_CODE.get(plan.country_code, ())) == 1:
        return (code,)
    description = getattr(plan, _DESCRIPTIONS[kind], None)
    pattern = description.national_number_pattern if description else None
    if not pattern or pattern == "NA":
        return ()
    return tuple(sorted({f"{code}{prefix}"[:15] for prefix in _prefixes("", _read(pattern))}))


def _prefixes(prefix: str, state: State) -> Iterator[str]:
    if prefix and (state == _ENDED or _is_open(state)):
        yield prefix
        return
    for digit in sorted(_DIGITS):
        after = _after(state, digit)
        if after:
            yield from _prefixes(prefix + digit, after)


@cache
def _is_open(state: State) -> bool:
    """Whether what follows is told by its length alone."""
    after = {_after(state, digit) for digit in _DIGITS}
    if len(after) > 1:
        return False
    rest = after.pop() - _ENDED
    return not rest or _is_open(rest)


@cache
def _after(state: State, digit: str) -> State:
    return frozenset(rest for sequence in state for rest in _steps(sequence, digit))


def _steps(sequence: Sequence, digit: str) -> Iterator[Sequence]:
    if not sequence:
        return
    head, rest = sequence[0], sequence[1:]
    if isinstance(head, frozenset):
        if digit in head:
            yield rest
        return
    for way in head:
        yield from _steps(way + rest, digit)


# ---------------------------------------------------------------- regular expressions, as far as number plans use them


def _read(pattern: str) -> State:
    ways, end = _ways(pattern, 0)
    if end != len(pattern):
        raise ValueError(f"“{pattern}” is no pattern of a number plan.")
    return frozenset(ways)


def _ways(pattern: str, place: int) -> tuple[tuple[Sequence, ...], int]:
    ways: list[Sequence] = [()]
    while place < len(pattern) and pattern[place] != ")":
        if pattern[place] == "|":
            ways.append(())
            place += 1
            continue
        part, place = _part(pattern, place)
        least, most, place = _count(pattern, place)
        ways[-1] += (part,) * least + _up_to(part, most - least)
    return tuple(ways), place


def _part(pattern: str, place: int) -> tuple[Part, int]:
    if pattern.startswith("(?:", place):
        ways, end = _ways(pattern, place + 3)
        return ways, end + 1
    if pattern[place] == "[":
        end = pattern.index("]", place)
        return _set(pattern[place + 1 : end]), end + 1
    if pattern.startswith("\\d", place):
        return _DIGITS, place + 2
    return frozenset(pattern[place]), place + 1


def _set(text: str) -> frozenset[str]:
    found: set[str] = set()
    for place, sign in enumerate(text):
        if sign == "-":
            found |= {str(number) for number in range(int(text[place - 1]), int(text[place + 1]))}
        elif sign == "d":
            return _DIGITS
        elif sign != "\\":
            found.add(sign)
    return frozenset(found)


def _count(pattern: str, place: int) -> tuple[int, int, int]:
    if pattern.startswith("?", place):
        return 0, 1, place + 1
    if not pattern.startswith("{", place):
        return 1, 1, place
    end = pattern.index("}", place)
    least, _comma, most = pattern[place + 1 : end].partition(",")
    return int(least), int(most or least), end + 1


def _up_to(part: Part, most: int) -> Sequence:
    found: Sequence = ()
    for _again in range(most):
        found = (((), (part, *found)),)
    return found
