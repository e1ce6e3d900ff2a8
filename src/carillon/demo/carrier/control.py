"""The carriers' HTTP control on loopback, JSON in and out, in the standard library.

| Request | Does |
|---|---|
| `GET /health` | name, mode, calls taken |
| `GET /calls` | live calls and the last fifty, with what was heard |
| `POST /call {"to": "+44...", "from": "+33...", "seconds": 2}` | calls the platform, answers when the call is over |
| `POST /mode {"mode": "normal" | "failing" | "silent" | "asking", "fail_every": 0}` | switches the whole carrier |
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping

from carillon.demo.carrier.behaviour import Mode
from carillon.demo.carrier.exchange import Exchange

_MAX_BODY = 65_536
_NUMBER = re.compile(r"\+?[0-9]{2,15}")
Answer = tuple[int, Mapping[str, object]]
Handler = Callable[[Exchange, Mapping[str, object]], Awaitable[Answer]]


class BadRequest(Exception):
    """The request can't be understood; the text says why."""


async def serve(exchange: Exchange, host: str, port: int) -> asyncio.Server:
    """Listen. Raises OSError when the port is taken."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            status, body = await _answer(exchange, reader)
        except (BadRequest, ValueError, asyncio.IncompleteReadError) as error:
            status, body = 400, {"error": str(error)}
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + data)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(connected, host, port)


async def _answer(exchange: Exchange, reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, path, _ = head.split("\r\n", 1)[0].split(" ", 2)
    handler = _HANDLERS.get((method, path))
    if handler is None:
        return 404, {"error": f"There is no {method} {path}; try {', '.join(' '.join(key) for key in _HANDLERS)}."}
    return await handler(exchange, await _body(head, reader) if method == "POST" else {})


async def _body(head: str, reader: asyncio.StreamReader) -> Mapping[str, object]:
    length = re.search(r"(?im)^content-length:\s*(\d{1,9})\s*$", head)
    size = int(length[1]) if length else 0
    if size > _MAX_BODY:
        raise BadRequest(f"The body has {size} bytes; {_MAX_BODY} are enough for everything here.")
    if not re.search(r"(?im)^content-type:\s*application/json", head):
        raise BadRequest("Send JSON with Content-Type: application/json.")  # which other sites' pages can't
    value = json.loads(await reader.readexactly(size) or b"{}")
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    return value


async def _health(exchange: Exchange, _: Mapping[str, object]) -> Answer:
    return 200, {"name": exchange.label, "mode": exchange.mode.value, "calls_taken": exchange.calls_taken}


async def _calls(exchange: Exchange, _: Mapping[str, object]) -> Answer:
    return 200, {"live": exchange.live(), "recent": exchange.recent()}


async def _call(exchange: Exchange, body: Mapping[str, object]) -> Answer:
    called, caller = str(body.get("to", "")), str(body.get("from", "+33142345678"))
    for number in (called, caller):
        if not _NUMBER.fullmatch(number):
            raise BadRequest(f"{number!r} is not a telephone number such as +442071234567.")
    seconds = body.get("seconds", 2)
    if not isinstance(seconds, int | float) or not 0 < seconds <= 600:
        raise BadRequest("seconds must be a number above 0, at most 600.")
    return 200, await exchange.place_call(called, caller, float(seconds))


async def _mode(exchange: Exchange, body: Mapping[str, object]) -> Answer:
    fail_every = body.get("fail_every", 0)
    if not isinstance(fail_every, int) or fail_every < 0:
        raise BadRequest("fail_every must be a whole number from 0.")
    try:
        exchange.mode = Mode(str(body.get("mode", "normal")))
    except ValueError:
        raise BadRequest(f"mode must be one of {', '.join(Mode)}.") from None
    exchange.fail_every = fail_every
    return await _health(exchange, body)


_HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/health"): _health,
    ("GET", "/calls"): _calls,
    ("POST", "/call"): _call,
    ("POST", "/mode"): _mode,
}
