"""Which numbers are barred until they are allowed."""

from __future__ import annotations

import pytest

from carillon.logic.destinations import NAMES, DestinationClass, destination_class


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+19005550123", "premium"),
        ("+449012345678", "premium"),
        ("+499001234567", "premium"),
        ("+979123456789", "premium"),
        ("+447012345678", "personal"),
        ("+8781012345678", "personal"),
        ("+870773123456", "satellite"),
        ("+881612345678", "satellite"),
        ("+88216123456", "satellite"),
        ("+8821012345", "international"),
        ("+883510012345", "international"),
        ("+80812345678", "shared_cost"),
        ("+491801234567", "shared_cost"),
    ],
)
def test_a_dear_number_has_its_class(number: str, kind: str) -> None:
    assert destination_class(number) == DestinationClass(kind)


@pytest.mark.parametrize(
    "number",
    [
        "+442079460101",
        "+447700900123",
        "+18005550123",
        "+80012345678",
        "+4915112345678",
        "+33199001234",
        "+12125550123",
    ],
)
def test_an_ordinary_number_has_none(number: str) -> None:
    assert destination_class(number) is None


def test_a_digit_too_many_does_not_pass_as_ordinary() -> None:
    assert destination_class("+4990012345678") is DestinationClass.PREMIUM


@pytest.mark.parametrize("text", ["", "+", "0", "+9", "garbage", "+88"])
def test_what_is_no_number_has_none(text: str) -> None:
    assert destination_class(text) is None


def test_every_class_has_a_name() -> None:
    assert set(NAMES) == set(DestinationClass)
