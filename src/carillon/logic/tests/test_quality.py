"""Scores as words, and qualities that survive a document."""

from __future__ import annotations

from decimal import Decimal

import pytest

from carillon.logic.callflow.quality import CALLEE, CALLER, CallQuality, Grade, LegQuality, grade_of
from carillon.logic.documents import from_document, to_document


@pytest.mark.parametrize(
    ("mos", "grade"),
    [("4.4", "good"), ("4.0", "good"), ("3.9", "fair"), ("3.1", "fair"), ("3.0", "poor"), ("1.0", "poor")],
)
def test_a_score_has_a_word(mos: str, grade: str) -> None:
    assert grade_of(Decimal(mos)) == grade


def test_without_a_score_the_word_is_unknown() -> None:
    assert LegQuality(CALLER, 100).grade is Grade.UNKNOWN


def test_a_quality_survives_its_document() -> None:
    quality = CallQuality((LegQuality(CALLER, 100, "PCMA", Decimal("4.2"), Decimal("3.9"), 3, 1, 2, 40),))
    assert from_document(CallQuality, to_document(quality)) == quality
    assert quality.leg(CALLER) == quality.legs[0]
    assert quality.leg(CALLEE) is None
