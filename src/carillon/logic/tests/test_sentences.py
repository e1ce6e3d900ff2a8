"""Kept sentences are known again, with what stands in them."""

from __future__ import annotations

import re

import pytest

from carillon.logic.sentences import PATTERNS, WORDS, pattern_of

PLACE = re.compile(r"%\(([a-z]+)\)s")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_pattern_is_known_again(pattern: str) -> None:
    values = {name: f"-{name}-" if name in WORDS else f"-{name} Ltd-" for name in PLACE.findall(pattern)}
    assert pattern_of(pattern % values) == (pattern, values)


def test_sentences_in_sentences() -> None:
    found = pattern_of("Forwarded by Bob (no answer) to “0044 20”: +4420, dialled with 00.")
    assert found is not None and found[1]["why"] == "no answer" and found[1]["then"] == "+4420, dialled with 00."


@pytest.mark.parametrize("text", ["", "Somebody wrote this by hand.", "%(name)s", "carrier"])
def test_what_is_not_ours_stays(text: str) -> None:
    assert pattern_of(text) is None
