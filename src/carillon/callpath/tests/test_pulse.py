"""What rtpengine's answer says of who is still heard."""

from __future__ import annotations

from typing import Any

import pytest

from carillon.callpath.control.pulse import sound_of
from carillon.logic.callflow.sound import Sound


def _side(last_s: int, packets: int, *, flags: tuple[str, ...] = ("send", "recv")) -> dict[str, Any]:
    rtp = {"last packet": last_s, "stats": {"packets": packets}}
    rtcp = {"last packet": 100, "stats": {"packets": 0}}
    return {"medias": [{"flags": ["initialized", *flags], "streams": [rtp, rtcp]}]}


def test_silence_counts_from_the_last_packet_of_anybody_and_parting_from_the_first_to_go() -> None:
    reply = {"created": 90, "tags": {"a": _side(170, 50), "b": _side(140, 20), "rung": _side(100, 0)}}
    assert sound_of(reply) == Sound(170_000, 140_000)


def test_a_call_without_any_packet_is_silent_since_it_began() -> None:
    assert sound_of({"created": 90, "tags": {"a": _side(100, 0), "b": _side(100, 0)}}) == Sound(100_000, 100_000)
    assert sound_of({"created": 90, "tags": {}}) == Sound(90_000, 90_000)


@pytest.mark.parametrize("flags", [("recv",), ("send",), ()])
def test_a_session_that_goes_one_way_is_held(flags: tuple[str, ...]) -> None:
    reply = {"tags": {"a": _side(170, 50, flags=flags), "b": _side(170, 50)}}
    assert sound_of(reply).is_held
