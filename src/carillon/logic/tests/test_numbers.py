from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.numbers import (
    DialledKind,
    calling_code_of,
    is_emergency,
    is_extension,
    national_form,
    normalise,
    plan_of,
)


@pytest.mark.parametrize(
    ("dialled", "country", "number"),
    [
        ("020 7123 4567", "GB", "+442071234567"),
        ("+44 (0)20 7123-4567", "GB", "+442071234567"),
        ("0044 20 7123 4567", "GB", "+442071234567"),
        ("442071234567", "GB", "+442071234567"),
        ("2071234567", "GB", "+442071234567"),
        ("0033.1.23.45.67.89", "GB", "+33123456789"),
        ("01 23 45 67 89", "FR", "+33123456789"),
        ("(212) 555-1234", "US", "+12125551234"),
        ("1-212-555-1234", "US", "+12125551234"),
        ("011 44 20 7123 4567", "US", "+442071234567"),
        ("2125551234", "CA", "+12125551234"),
        ("06 698 12345", "IT", "+390669812345"),
        ("+39 06 698 12345", "GB", "+390669812345"),
        ("8 495 123 45 67", "RU", "+74951234567"),
        ("8 10 33 1 23 45 67 89", "RU", "+33123456789"),
        ("06 1 234 5678", "HU", "+3612345678"),
        ("12345678", "DK", "+4512345678"),
        ("8 0152 45-09-11", "BY", "+375152450911"),
        ("8 612 34567", "LT", "+37061234567"),
        ("0011 44 20 7123 4567", "AU", "+442071234567"),
        ("612 345 678", "ES", "+34612345678"),
        ("+870 773 111 632", "", "+870773111632"),
        ("+44 20\u00a07123\u20114567", "", "+442071234567"),
    ],
)
def test_numbers_are_read_as_dialled_in_the_country(dialled: str, country: str, number: str) -> None:
    found = normalise(dialled, country)
    assert (found.kind, found.number) == (DialledKind.E164, number), found.reason


@pytest.mark.parametrize(
    ("dialled", "country"),
    [("999", "GB"), ("112", "GB"), ("911", "US"), ("15", "FR"), ("17", "FR"), ("18", "FR"), ("112", "FR"),
     ("110", "DE"), ("+112", "GB"), ("000", "AU"), ("113", "IT"), ("119", "JP"), ("112", ""), ("9-9-9", "gb")],
)  # fmt: skip
def test_emergency_numbers_are_those_of_the_country(dialled: str, country: str) -> None:
    assert normalise(dialled, country).kind is DialledKind.EMERGENCY


@pytest.mark.parametrize(("dialled", "country"), [("101", "FR"), ("911", "GB"), ("12345", "GB"), ("20", "")])
def test_two_to_five_digits_are_an_extension(dialled: str, country: str) -> None:
    found = normalise(dialled, country)
    assert (found.kind, found.number) == (DialledKind.EXTENSION, dialled)


@pytest.mark.parametrize(
    ("dialled", "country"),
    [
        ("", "GB"), ("+", "GB"), ("garbage", "GB"), ("*97", "GB"), ("+44 20 x", "GB"), ("1", "GB"), ("++44", "GB"),
        ("+999123456", "GB"), ("+4420", "GB"), ("123456", "GB"), ("020712345678", "GB"),
        ("1234567890", "US"), ("2121551234", "US"), ("2071234567", ""), ("1" * 41, "GB"),
        ("+" + "4" * 16, "GB"), ("٠٢٠٧١٢٣٤٥٦٧", "GB"),
        ("442071234567;ext=1", "GB"), ("<script>", "GB"), ("\x00", "GB"), ("0", "XX"),
    ],
)  # fmt: skip
def test_garbage_is_invalid_with_a_reason(dialled: str, country: str) -> None:
    found = normalise(dialled, country)
    assert (found.kind, found.number) == (DialledKind.INVALID, "")
    assert found.reason.endswith(".")


@given(
    st.text(st.sampled_from("+0123456789 -()"), max_size=18), st.sampled_from(["GB", "US", "IT", "RU", "DE", "CI", ""])
)
def test_a_number_read_once_reads_the_same_again(dialled: str, country: str) -> None:
    once = normalise(dialled, country)
    assert (normalise(once.number, country).kind, normalise(once.number, country).number) == (once.kind, once.number)


@given(st.text(max_size=50), st.text(max_size=3))
def test_nothing_a_device_sends_breaks_it(dialled: str, country: str) -> None:
    assert normalise(dialled, country).reason


def test_every_country_has_a_plan_with_an_emergency_number() -> None:
    assert all(calling_code_of(f"+{code}12345") == code for code in ("44", "1", "39", "7", "800"))
    for country in ("GB", "US", "FR", "DE", "IT", "ES", "NL", "SE", "PL", "BR", "IN", "ZA", "JP", "AU"):
        plan = plan_of(country)
        assert plan is not None
        assert plan.emergency
        assert plan.lengths
    assert plan_of("XX") is None


def test_an_extension_must_not_hide_an_emergency_number() -> None:
    assert is_emergency("999", "GB")
    assert not is_extension("999", "GB")
    assert is_extension("999", "US")
    assert not is_extension("1", "US")
    assert not is_extension("123456", "US")


@pytest.mark.parametrize(
    ("country", "form"),
    [("GB", "02071234567"), ("FR", "00442071234567"), ("US", "011442071234567"), ("", "+442071234567")],
)
def test_national_form_is_what_one_dials_there(country: str, form: str) -> None:
    assert national_form("+442071234567", country) == form


def test_calling_codes_are_found() -> None:
    assert [calling_code_of(number) for number in ("+12125551234", "+442071234567", "+3531234567", "+999")] == [
        "1", "44", "353", "",
    ]  # fmt: skip
