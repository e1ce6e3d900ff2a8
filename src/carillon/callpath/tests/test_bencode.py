"""The language of rtpengine's ng protocol."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carillon.callpath.control import bencode

values: st.SearchStrategy[Any] = st.recursive(
    st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(values)
def test_what_is_encoded_is_decoded_the_same(value: Any) -> None:
    assert bencode.decode(bencode.encode(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_named_error(data: bytes) -> None:
    try:
        bencode.decode(data)
    except bencode.BencodeError as error:
        assert "bencode" in str(error) or "follows" in str(error)
