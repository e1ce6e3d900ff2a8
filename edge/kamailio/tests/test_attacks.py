"""The tools that attackers use, run against the edge while a customer's call goes on: nothing falls, nobody gets in."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from tests.support.bystanders import entries, undisturbed
from tests.support.platform import Platform, eventually
from tests.support.wire import wire

pytestmark = pytest.mark.engines
TOOL_S = 25

# Runs a tool from an address of its own, under another name than the one that gives it away.
DISGUISE = """
import runpy, socket, sys
source, name, tool = sys.argv[1:4]
del sys.argv[1:4]
bind, send = socket.socket.bind, socket.socket.sendto
socket.socket.bind = lambda self, address: bind(self, (source, address[1]))
socket.socket.sendto = lambda self, data, *to: send(self, data.replace(b"friendly-scanner", name.encode()), *to)
runpy.run_module(f"sipvicious.{tool}", run_name="__main__")
"""


async def attack(platform: Platform, home: Path, tool: str, source: str, name: str, *options: str) -> str:
    """What one of SIPVicious' tools says, from an address of its own; it is stopped when it goes on too long."""
    target = "127.0.0.1/32" if tool == "svmap" else "127.0.0.1"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DISGUISE, source, name, tool, "-p", str(platform.config.ports.sip), "-v"),
        *(*options, target),
        env={**os.environ, "HOME": str(home)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), TOOL_S)
    except TimeoutError:
        process.kill()
        said, _ = await process.communicate()
    return said.decode(errors="replace")


def is_banned(platform: Platform, source: str) -> bool:
    return bool(platform.sql("select 1 from endpoints_ban where source = %s and until > now()", source))


WAR = ("-e", "100-400", "--force", "--domain", "northwind.test")
CRACK = ("-u", "alice", "-r", "1-500", "--domain", "northwind.test")


@pytest.mark.parametrize(
    ("name", "tool", "options", "source"),
    [
        ("friendly-scanner", "svmap", ("-m", "OPTIONS"), "127.0.0.81"),
        ("friendly-scanner", "svwar", ("-m", "REGISTER", *WAR), "127.0.0.82"),
        ("friendly-scanner", "svcrack", CRACK, "127.0.0.83"),
        ("Telephone 1.2", "svwar", ("-m", "REGISTER", "-e", "100-400", "--force"), "127.0.0.84"),
        ("Telephone 1.2", "svwar", ("-m", "INVITE", *WAR), "127.0.0.85"),
        ("Telephone 1.2", "svcrack", CRACK, "127.0.0.86"),
    ],
)
async def test_sipvicious_gets_in_nowhere_and_disturbs_nobody(
    platform: Platform, tmp_path: Path, name: str, tool: str, options: tuple[str, ...], source: str
) -> None:
    async with undisturbed(platform):
        said = await attack(platform, tmp_path, tool, source, name, *options)
    assert "Traceback" not in said, said
    if tool == "svcrack":
        assert "found nothing" in said, said
    if "INVITE" not in options:  # a few hundred calls without credentials are 407 each, whoever is asked for
        await eventually(lambda: is_banned(platform, source), 10)
    assert entries(platform, source) == []


async def test_floods_of_every_kind_at_once_disturb_nobody(platform: Platform) -> None:
    """Three strangers: calls without credentials, registrations, and rubbish, as fast as the machine sends.

    They go on until they are banned: how much of a flood arrives is the kernel's business.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + 30
    async with undisturbed(platform):
        calls, registrations, rubbish = [await wire(f"127.0.0.{number}") for number in (91, 92, 93)]
        while loop.time() < until and not all(is_banned(platform, source) for source in ("127.0.0.91", "127.0.0.92")):
            for number in range(500):
                call = calls.request("INVITE", "sip:0019005550123@northwind.test")
                calls.transport.sendto(call.encode(), platform.proxy)
                registration = registrations.request("REGISTER", "sip:northwind.test")
                registrations.transport.sendto(registration.encode(), platform.proxy)
                rubbish.transport.sendto(b"\xff\x00" * (number % 700), platform.proxy)
                if number % 50 == 0:
                    await asyncio.sleep(0)
    for source in ("127.0.0.91", "127.0.0.92"):
        assert is_banned(platform, source)
        assert entries(platform, source) == []
