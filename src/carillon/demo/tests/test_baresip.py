"""Our user agent and baresip hear each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from carillon.demo.baresip import Baresip, is_installed
from carillon.useragent import Account, UserAgent


@pytest.mark.engines
async def test_baresip_answers_and_both_sides_hear_the_others_tone(tmp_path: Path) -> None:
    assert is_installed(), "Install baresip-core: ./carillon test does it."
    async with (
        UserAgent(Account("alice", "a.test"), ("127.0.0.1", 9), tone_hz=440) as alice,
        Baresip(Account("bob", "b.test", "x"), ("127.0.0.1", alice.port), tmp_path) as bob,
    ):
        alice.proxy = (bob.host, bob.port)
        call = await alice.call(f"sip:bob@127.0.0.1:{bob.port}")
        await call.answered()
        await call.hears(bob.tone_hz)
        await bob.hears(alice.tone_hz)
        await call.hang_up()


@pytest.mark.engines
async def test_two_baresips_at_once_find_ports(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    account = Account("bob", "b.test", "x")
    async with (
        Baresip(account, ("127.0.0.1", 9), folders[0]) as one,
        Baresip(account, ("127.0.0.1", 9), folders[1]) as two,
    ):
        assert one.port != two.port
