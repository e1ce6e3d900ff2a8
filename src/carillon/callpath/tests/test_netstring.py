from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callpath.control.netstring import Decoder, FramingError, encode


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 50))
def test_any_payloads_survive_any_cuts(payloads: list[bytes], cut: int) -> None:
    stream = b"".join(encode(payload) for payload in payloads)
    decoder = Decoder()
    found = []
    for start in range(0, len(stream), cut):
        found += decoder.feed(stream[start : start + cut])
    assert found == payloads


@pytest.mark.parametrize("stream", [b"x:a,", b"999999999", b"5:hello;", b"-1:,", b"99999999:"])
def test_garbage_is_refused(stream: bytes) -> None:
    with pytest.raises(FramingError):
        Decoder().feed(stream)
