"""rtpengine as control sees it: what it has heard of a call (ng protocol in JSON, command `query`)."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from typing import Any

from carillon.logic import jsontext

log = logging.getLogger(__name__)
Json = dict[str, Any]

ANSWER_S = 1.0
UNKNOWN = "Unknown call-id"


class RelayGone(ConnectionError):
    """rtpengine does not answer."""


class Relay(asyncio.DatagramProtocol):
    """Questions to rtpengine; answers find their question by its cookie."""

    def __init__(self, port: int) -> None:
        self._port = port
        # rtpengine answers a cookie that it has seen within seconds with what it said then, also to a control before us
        self._cookies = (b"%s-%d" % (secrets.token_hex(6).encode(), number) for number in itertools.count(1))
        self._answers: dict[bytes, asyncio.Future[Json]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    async def ask(self, sip_call_id: str) -> Json | None:
        """rtpengine's whole answer about a call; None when it does not know it. Raises RelayGone."""
        reply = await self._ask({"command": "query", "call-id": sip_call_id})
        if reply.get("result") == "ok":
            return reply
        if reply.get("error-reason") != UNKNOWN:
            raise RelayGone(f"rtpengine answered {reply.get('error-reason')}")
        return None

    async def _ask(self, question: Json) -> Json:
        transport = await self._connected()
        cookie = next(self._cookies)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[cookie] = future
        try:
            transport.sendto(cookie + b" " + jsontext.encode(question))
            return await asyncio.wait_for(future, ANSWER_S)
        except TimeoutError:
            raise RelayGone("rtpengine did not answer") from None
        finally:
            self._answers.pop(cookie, None)

    async def _connected(self) -> asyncio.DatagramTransport:
        if self._transport is None or self._transport.is_closing():
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: self, remote_addr=("127.0.0.1", self._port)
            )
        return self._transport

    def close(self) -> None:
        """Let go of the socket."""
        if self._transport is not None:
            self._transport.close()

    # ------------------------------------------------------------ asyncio's side

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        cookie, _, payload = data.partition(b" ")
        future = self._answers.get(cookie)
        if future is None or future.done():
            return
        try:
            future.set_result(jsontext.decode(payload))
        except ValueError as error:
            log.error("rtpengine sent something that can't be read: %s", error)

    def error_received(self, exc: Exception) -> None:
        for future in self._answers.values():  # nobody listens there: no need to wait
            if not future.done():
                future.set_exception(RelayGone(str(exc)))
