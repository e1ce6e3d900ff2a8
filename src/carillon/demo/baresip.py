"""Baresip as a demo phone: an implementation of SIP and RTP that is not ours, so both can't be wrong the same way.

It registers, answers every call by itself, plays a sine tone and writes down what it hears. Made for baresip 1.0 of
Debian 12 (package baresip-core): ausine insists on 48 kHz stereo, which it resamples; aubridge without a source is the
quiet loudspeaker; sndfile dumps the audio of each direction; ctrl_tcp takes orders (netstrings with JSON).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path

from carillon.useragent import Account, g711
from carillon.useragent.transport import Address

PROGRAM = "baresip"
MODULES = Path("/usr/lib/baresip/modules")
_WAV_HEADER_BYTES = 44
# One phone: SIP, SIP over TLS (which baresip opens whether it is wanted or not), orders, then audio. Below the range
# from which the system hands out ports to whoever asks for any; two phones may still want the same: it is tried again.
SLOTS = range(32_400, 32_752, 16)
TRIES = 8
_NEEDED = ("g711", "ausine", "aubridge", "sndfile", "account", "menu", "ctrl_tcp")

_CONFIG = """\
sip_listen {host}:{port}
rtp_ports {audio}
net_interface {host}
module_path {modules}
audio_player aubridge,nowhere
audio_source ausine,{tone_hz}
audio_alert aubridge,nowhere
ausrc_srate 48000
ausrc_channels 2
auplay_srate 8000
auplay_channels 1
snd_path {folder}
ctrl_tcp_listen {host}:{orders}
module g711.so
module ausine.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
"""


def is_installed() -> bool:
    """Whether baresip and the modules we need are on this machine."""
    return shutil.which(PROGRAM) is not None and all((MODULES / f"{name}.so").exists() for name in _NEEDED)


def is_free(host: str, port: int) -> bool:
    """Whether nobody has the port, neither for UDP nor for TCP."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1 if kind == socket.SOCK_STREAM else 0)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


@dataclass(eq=False)
class Baresip:
    """One running baresip; use as `async with Baresip(...) as phone`. `folder` is its own and exists.

    `transport` is how it reaches its proxy: udp, tcp or tls. (Over TLS this version of baresip names no server and
    believes every certificate.) `port` is where it listens, chosen at its start.
    """

    account: Account
    proxy: Address
    folder: Path
    tone_hz: int = 500
    host: str = "127.0.0.1"
    port: int = 0
    transport: str = "udp"
    _process: asyncio.subprocess.Process | None = None
    _seen: bytearray = field(default_factory=bytearray)
    _reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Baresip:
        slots = random.sample(SLOTS, len(SLOTS))
        free = [port for port in slots if is_free(self.host, port) and is_free(self.host, port + 1)]
        for port in free[:TRIES]:
            await self._start(port)
            if await self._is_ready():
                return self
            await self.__aexit__()
        last = self._seen[-400:].decode("utf-8", "replace")
        raise OSError(f"Baresip does not start; its last words: {last or 'none, no port of its range is free'}")

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 3)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def _start(self, port: int) -> None:
        self.port = port
        self._configure()
        self._seen.clear()
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "-f",
            str(self.folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reader = asyncio.create_task(self._read())

    def _configure(self) -> None:
        audio = f"{self.port + 4}-{self.port + SLOTS.step - 1}"
        (self.folder / "config").write_text(
            _CONFIG.format(
                host=self.host,
                port=self.port,
                audio=audio,
                orders=self._orders,
                modules=MODULES,
                tone_hz=self.tone_hz,
                folder=self.folder,
            )
        )
        accounts = self.folder / "accounts"
        accounts.touch(mode=0o600)
        accounts.write_text(
            f"<{self.account.uri}>;auth_user={self.account.username};auth_pass={self.account.password};regint=300;"
            f'outbound="sip:{self.proxy[0]}:{self.proxy[1]};transport={self.transport}";'
            f"answermode=auto;audio_codecs=PCMA\n"
        )

    async def _is_ready(self, timeout: float = 30.0) -> bool:
        """Whether it has started; no when it gave up, because somebody was faster at its port. Raises TimeoutError."""
        if self._process is None:
            return False
        process = self._process
        async with asyncio.timeout(timeout):
            while b"baresip is ready" not in self._seen and process.returncode is None:
                await asyncio.sleep(0.02)
        return process.returncode is None

    @property
    def _orders(self) -> int:
        return self.port + 2

    async def order(self, command: str, parameters: str = "") -> None:
        """Have it do what a person would: `dial` a SIP URI, `hangup`. Raises OSError, TimeoutError."""
        text = json.dumps({"command": command, "params": parameters, "token": command}).encode()
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection(self.host, self._orders)
            writer.write(b"%d:%s," % (len(text), text))
            while b'"token":"' + command.encode() + b'"' not in await reader.read(4096):
                pass  # it tells of its calls here too
            writer.close()

    async def registered(self, timeout: float = 20.0) -> None:
        """Wait for the registrar's 200. Raises TimeoutError, with baresip's last words in it."""
        await self.says(b"200 OK", timeout)

    async def says(self, words: bytes, timeout: float = 20.0) -> None:
        """Wait until baresip prints `words`. Raises TimeoutError, with its last words in it."""
        try:
            async with asyncio.timeout(timeout):
                while words not in self._seen:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            last = self._seen[-400:].decode("utf-8", "replace")
            raise TimeoutError(
                f"Baresip did not say {words.decode()!r} within {timeout} s; its last words: {last}"
            ) from None

    def heard(self) -> tuple[float, float, float]:
        """Frequency in Hz, its share of the power and the level in dBov of the newest call's last half second."""
        dumps = sorted(self.folder.glob("dump-*-dec.wav"))
        data = dumps[-1].read_bytes()[_WAV_HEADER_BYTES:] if dumps else b""
        data = data[: len(data) // 2 * 2][-8000:]
        samples = list(struct.unpack(f"<{len(data) // 2}h", data))
        return *g711.loudest(samples), g711.level_dbov(samples)

    async def hears(self, frequency_hz: int, timeout: float = 20.0) -> None:
        """Wait until the other side's tone arrives. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while True:
                heard_hz, purity, level = self.heard()
                if abs(heard_hz - frequency_hz) <= 20 and purity > 0.5 and level > -40:
                    return
                await asyncio.sleep(0.1)

    async def _read(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        while data := await self._process.stdout.read(4096):
            self._seen += data
