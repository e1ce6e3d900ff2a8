"""Our user agent and baresip hear each other."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from carillon.demo.baresip import Baresip, is_installed
from carillon.demo.useragent import Account, UserAgent


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.engines
async def test_baresip_answers_and_both_sides_hear_the_others_tone(tmp_path: Path) -> None:
    assert is_installed(), "Install baresip-core: ./carillon test does it."
    port = _free_port()
    async with (
        UserAgent(Account("alice", "a.test"), ("127.0.0.1", port), tone_hz=440) as alice,
        Baresip(Account("bob", "b.test", "x"), ("127.0.0.1", alice.port), port, tmp_path) as bob,
    ):
        await bob.says(b"baresip is ready")
        call = await alice.call(f"sip:bob@127.0.0.1:{port}")
        await call.answered()
        await call.hears(bob.tone_hz)
        await bob.hears(alice.tone_hz)
        await call.hang_up()
