"""Colours that can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.contrast import (
    DARK_GROUND,
    LIGHT_GROUND,
    READABLE,
    contrast,
    is_colour,
    portal_shades_of,
    shades_of,
)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)
    assert contrast("#ffffff", "#ffffff") == 1


def test_a_colour_that_reads_stays_as_it_is() -> None:
    shades = shades_of("#0b5cad")
    assert (shades.fill, shades.on_fill, shades.light_link) == ("#0b5cad", "#ffffff", "#0b5cad")


def test_yellow_has_black_text_and_dark_links() -> None:
    shades = shades_of("#ffd700")
    assert shades.on_fill == "#000000" and shades.light_link != "#ffd700" and shades.dark_link == "#ffd700"


@pytest.mark.parametrize("text", ["", "red", "#fff", "#FFFFFF", "#12345g", "#1234567", "#ffffff\n", "url(x)"])
def test_only_six_hexadecimal_digits_are_a_colour(text: str) -> None:
    assert not is_colour(text)


@given(st.integers(0, 0xFFFFFF))
def test_whatever_the_brand_it_can_be_read(value: int) -> None:
    shades = shades_of(f"#{value:06x}")
    assert contrast(shades.fill, shades.on_fill) >= READABLE
    assert contrast(shades.light_link, LIGHT_GROUND) >= READABLE
    assert contrast(shades.dark_link, DARK_GROUND) >= READABLE
    portal = portal_shades_of(f"#{value:06x}")
    for ground in (LIGHT_GROUND, "#f5f7fa", portal.light_soft):
        assert contrast(portal.light_link, ground) >= READABLE
        assert contrast("#1f2a37", ground) >= READABLE
    for ground in (DARK_GROUND, "#121a24", portal.dark_soft):
        assert contrast(portal.dark_link, ground) >= READABLE
        assert contrast("#a5b1bf", ground) >= READABLE
