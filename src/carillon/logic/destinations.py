"""Kinds of destinations that are barred until somebody allows them: where stolen accounts are turned into money.

International revenue share fraud calls numbers whose owner is paid per minute: premium-rate and shared-cost numbers,
satellites, international networks, personal numbers that point anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Final

from carillon.logic.numberclasses import CLASSES
from carillon.logic.numbers import calling_code_of

_LONGEST_SERVICE = 5


class DestinationClass(StrEnum):
    """A kind of number that costs more than its neighbours."""

    PREMIUM = "premium"
    SATELLITE = "satellite"
    SHARED_COST = "shared_cost"
    INTERNATIONAL = "international"
    PERSONAL = "personal"


NAMES: Final[Mapping[DestinationClass, str]] = {
    DestinationClass.PREMIUM: "a premium-rate number",
    DestinationClass.SATELLITE: "a satellite telephone",
    DestinationClass.SHARED_COST: "a shared-cost number",
    DestinationClass.INTERNATIONAL: "a number of an international network",
    DestinationClass.PERSONAL: "a personal number, which can lead anywhere",
}
"""Each class as it is called in a sentence."""

_LINES = [line.split() for line in CLASSES.replace("\n  ", "").split("\n") if line]
_SERVICES = {code: DestinationClass(kind) for code, kind, pattern in _LINES if pattern == "-"}


@cache
def _patterns(calling_code: str) -> tuple[tuple[DestinationClass, re.Pattern[str]], ...]:
    """Compiled when the first call to a country is made: most countries are never called."""
    found = ((kind, pattern) for code, kind, pattern in _LINES if code == calling_code and pattern != "-")
    return tuple((DestinationClass(kind), re.compile(pattern)) for kind, pattern in found)


def destination_class(e164: str) -> DestinationClass | None:
    """The class of a number (E.164 with plus), or None for an ordinary one.

    A number that only begins like a premium number is one: carriers cut digits off that are too many.
    """
    digits = e164.removeprefix("+")
    for size in range(_LONGEST_SERVICE, 2, -1):
        if digits[:size] in _SERVICES:
            return _SERVICES[digits[:size]]
    code = calling_code_of(digits)
    national = digits[len(code) :]
    return next((kind for kind, pattern in _patterns(code) if pattern.match(national)), None)
