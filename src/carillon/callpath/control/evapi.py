"""The wire to Kamailio: one evapi connection, kept up, and requests that wait for their answer."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from carillon.callpath.control import netstring
from carillon.logic import jsontext

log = logging.getLogger(__name__)
Json = dict[str, Any]

RECONNECT_S = 0.2
ANSWER_S = 3.0
# Kamailio reads evapi through a buffer of 32 KiB
MAX_MESSAGE = 30_000


class EdgeGone(ConnectionError):
    """Kamailio is not connected, or did not answer in time."""


class EdgeRefused(RuntimeError):
    """Kamailio answered a JSON-RPC command with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"Kamailio answered {code}: {message}")
        self.code = code


class Edge:
    """Kamailio as control sees it.

    `on_message` gets each message of a call as a dict, on the event loop; `on_connect` runs after each (re)connection,
    before calls are taken by anybody else.
    """

    def __init__(
        self,
        port: int,
        secret: str,
        *,
        on_message: Callable[[Json], None],
        on_connect: Callable[[], Awaitable[None]],
    ) -> None:
        self._port, self._secret = port, secret
        self._on_message, self._on_connect = on_message, on_connect
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._ids = itertools.count(1)
        self._is_welcome = False

    @property
    def is_connected(self) -> bool:
        return self._is_welcome

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        was_connected = True
        while True:
            try:
                await self._live()
            except (OSError, netstring.FramingError) as error:
                if was_connected:
                    log.warning("Kamailio can't be reached at port %d (%s); trying again.", self._port, error)
                was_connected = False
            else:
                was_connected = True
                log.warning("Kamailio closed the connection; connecting again.")
            self._drop()
            await asyncio.sleep(RECONNECT_S)

    async def _live(self) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._write({"op": "hello", "secret": self._secret})
        decoder = netstring.Decoder()
        while data := await reader.read(65536):
            for payload in decoder.feed(data):
                self._take(payload)

    def _take(self, payload: bytes) -> None:
        try:
            message = jsontext.decode(payload)
        except ValueError:
            log.error("Kamailio sent something that is not JSON: %r", payload[:200])
            return
        match message.get("op"):
            case "answer":
                future = self._answers.pop(message["id"], None)
                if future and not future.done():  # it may have been given up in this very moment
                    future.set_result(message)
            case "welcome":
                self._is_welcome = True
                log.info("Kamailio is connected.")
                self._greeting = asyncio.create_task(self._greet())
            case _:
                self._on_message(message)

    async def _greet(self) -> None:
        try:
            await self._on_connect()
        except EdgeGone as error:
            log.warning("Kamailio went away while it was being told domains and gateways: %s", error)

    def _drop(self) -> None:
        self._is_welcome = False
        if self._writer:
            self._writer.close()
            self._writer = None
        for future in self._answers.values():
            if not future.done():
                future.set_exception(EdgeGone("Kamailio went away."))
        self._answers.clear()

    def send(self, message: Json) -> None:
        """Send without waiting for anything. Raises EdgeGone."""
        if not self._is_welcome:
            raise EdgeGone("Kamailio is not connected.")
        self._write(message)

    def _write(self, message: Json) -> None:
        payload = jsontext.encode(message)
        if len(payload) > MAX_MESSAGE:
            raise ValueError(f"A message of {len(payload)} bytes is too long for Kamailio.")
        if self._writer is None:
            raise EdgeGone("Kamailio is not connected.")
        self._writer.write(netstring.encode(payload))

    async def ask(self, message: Json) -> Json:
        """Send and wait for the answer. Raises EdgeGone after 3 s."""
        number = next(self._ids)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        try:
            self.send({**message, "id": number})
            return await asyncio.wait_for(future, ANSWER_S)
        except TimeoutError:
            raise EdgeGone("Kamailio did not answer within 3 s.") from None
        finally:
            self._answers.pop(number, None)

    async def rpc(self, method: str, *params: object) -> Any:
        """A JSON-RPC command of Kamailio; its result. Raises EdgeRefused, EdgeGone."""
        request = {"jsonrpc": "2.0", "method": method, "params": list(params), "id": 1}
        reply = (await self.ask({"op": "rpc", "request": request})).get("reply", {})
        if error := reply.get("error"):
            raise EdgeRefused(int(error.get("code", 0)), str(error.get("message", "")))
        return reply.get("result")
