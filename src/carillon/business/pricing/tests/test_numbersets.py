"""Prefixes from the number plan: exactly the numbers that it says."""

from __future__ import annotations

import random
import re

import pytest
from phonenumbers import PhoneMetadata

from carillon.business.pricing.choices import NumberSet
from carillon.business.pricing.numbersets import prefixes_of


@pytest.mark.parametrize("country", ["GB", "ES", "DE", "IT", "NO", "KZ", "BR"])
def test_numbers_under_the_prefixes_are_those_of_the_plan(country: str) -> None:
    plan = PhoneMetadata.metadata_for_region(country, None)
    assert plan is not None and plan.mobile is not None and plan.mobile.national_number_pattern
    pattern, code = re.compile(plan.mobile.national_number_pattern), str(plan.country_code)
    prefixes = [prefix.removeprefix(code) for prefix in prefixes_of(country, NumberSet.MOBILE)]
    dice = random.Random(country)
    for length in plan.mobile.possible_length:
        for _again in range(300):
            number = "".join(dice.choices("0123456789", k=length))
            near = (dice.choice(prefixes) + number)[:length]
            for one in (number, near):
                is_under = any(one.startswith(prefix) for prefix in prefixes)
                assert is_under >= bool(pattern.fullmatch(one)), one
                is_possible = any(pattern.fullmatch(near[:size]) for size in plan.mobile.possible_length)
                assert is_possible or len(near) < max(plan.mobile.possible_length), near


def test_a_country_with_a_code_of_its_own_is_its_code() -> None:
    assert prefixes_of("ES", NumberSet.ALL) == ("34",)
    assert {"4471", "44740"} <= set(prefixes_of("GB", NumberSet.MOBILE)) and "44" not in prefixes_of(
        "GB", NumberSet.ALL
    )
    assert prefixes_of("XX", NumberSet.ALL) == prefixes_of("AD", NumberSet.VOIP) == ()
