"""The generated classes of numbers against the library they are generated from, in every country."""

from __future__ import annotations

import random

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType as Kind

from carillon.business.brands.choices import DestinationKind
from carillon.logic.destinations import DestinationClass, destination_class

CLASSES = {
    Kind.PREMIUM_RATE: DestinationClass.PREMIUM,
    Kind.SHARED_COST: DestinationClass.SHARED_COST,
    Kind.PERSONAL_NUMBER: DestinationClass.PERSONAL,
}
ORDINARY = (Kind.FIXED_LINE, Kind.MOBILE, Kind.FIXED_LINE_OR_MOBILE, Kind.TOLL_FREE, Kind.VOIP)
VARIATIONS = 60


def e164(number: phonenumbers.PhoneNumber) -> str:
    text: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return text


def varied(country: str, kind: int) -> list[str]:
    """The country's example of a kind and numbers like it: some digits changed, the kind still the same."""
    example = phonenumbers.example_number_for_type(country, kind)
    if example is None:
        return []
    dice = random.Random(f"{country}{kind}")
    found = [e164(example)]
    for _ in range(VARIATIONS):
        digits = list(found[0])
        for place in dice.sample(range(len(digits) - 8, len(digits)), 4):
            digits[place] = dice.choice("0123456789")
        try:
            number = phonenumbers.parse("".join(digits))
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.number_type(number) == kind and e164(number) == "".join(digits):
            found.append("".join(digits))
    return found


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_dear_numbers_are_known_and_ordinary_ones_are_left_alone(country: str) -> None:
    for kind, wanted in CLASSES.items():
        assert {destination_class(number) for number in varied(country, kind)} <= {wanted}
    for kind in ORDINARY:
        assert {destination_class(number) for number in varied(country, kind)} <= {None}


def test_the_portal_names_every_class() -> None:
    assert set(DestinationKind.values) == {kind.value for kind in DestinationClass}
