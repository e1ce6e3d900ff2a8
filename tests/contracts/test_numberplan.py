"""The generated number plan against the library it is generated from: example numbers of every country."""

from __future__ import annotations

import phonenumbers
import pytest

from carillon.logic.numbers import DialledKind, normalise, plan_of

TYPES = (
    phonenumbers.PhoneNumberType.FIXED_LINE,
    phonenumbers.PhoneNumberType.MOBILE,
    phonenumbers.PhoneNumberType.TOLL_FREE,
)
MOBILE_15 = "AR"  # Argentina dials mobiles with 15 inside the number, which only a + or 0054 9 form tells us


def examples(country: str) -> list[phonenumbers.PhoneNumber]:
    """One number of each type that the country has."""
    found = (phonenumbers.example_number_for_type(country, kind) for kind in TYPES)
    return [number for number in found if number is not None]


def written(number: phonenumbers.PhoneNumber, style: int) -> str:
    text: str = phonenumbers.format_number(number, style)
    return text


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_a_countrys_numbers_are_understood_at_home_and_abroad(country: str) -> None:
    for number in examples(country):
        e164 = written(number, phonenumbers.PhoneNumberFormat.E164)
        assert normalise(written(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL), "").number == e164
        assert normalise(phonenumbers.format_out_of_country_calling_number(number, "FR"), "FR").number == e164
        assert normalise(phonenumbers.format_out_of_country_calling_number(number, "US"), "US").number == e164
        at_home = normalise(written(number, phonenumbers.PhoneNumberFormat.NATIONAL), country)
        is_short = at_home.kind is DialledKind.EXTENSION  # small islands' numbers have no more digits than extensions
        assert at_home.number == e164 or is_short or country == MOBILE_15


def test_every_country_is_there() -> None:
    assert all(plan_of(country) for country in phonenumbers.SUPPORTED_REGIONS)
