"""JSON of control: what another reader of JSON reads, and what phones may send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic import jsontext

texts = st.text(st.characters(codec="utf-8"))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[Any] = st.recursive(
    numbers | texts | st.booleans() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(values)
def test_what_is_written_means_the_same_to_any_reader(value: Any) -> None:
    assert jsontext.decode(jsontext.encode(value)) == value
    assert json.loads(jsontext.encode(value)) == value
    assert jsontext.decode(json.dumps(value).encode()) == value


def test_whole_numbers_stay_exact_at_any_size() -> None:
    assert jsontext.decode(b"[12345678901234567890123]") == [12345678901234567890123]


@pytest.mark.parametrize(
    ("sent", "read"), [(b'"a\xffb"', "a\ufffdb"), (b'"\\ud800"', "\ud800"), ('"Zoë"'.encode(), "Zoë")]
)
def test_texts_that_phones_choose_are_read(sent: bytes, read: str) -> None:
    assert jsontext.decode(sent) == read


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_value_error(data: bytes) -> None:
    try:
        jsontext.decode(data)
    except ValueError:
        assert data != b"{}"
