"""Status over HTTP on the loopback: health, live calls, hang up, test calls. A few routes do not need a framework."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from carillon.callpath.control.decider import NoAnswer, without_passwords
from carillon.callpath.control.evapi import Edge, EdgeGone, EdgeRefused
from carillon.callpath.control.live import Live, LiveCalls, now_ms
from carillon.callpath.control.store import UNAVAILABLE, described
from carillon.callpath.control.wire import dialled_user
from carillon.logic.callflow import signals, states
from carillon.logic.callflow.remaining import remaining
from carillon.logic.callflow.values import CallRequest, Decision
from carillon.logic.documents import to_document

log = logging.getLogger(__name__)

REQUEST_S = 5.0
MAX_HEADERS = 16_384
NOT_FOUND = 404
LOOPBACK = "127.0.0.1"
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}
Answer = tuple[int, Any]
Ask = Callable[[Sequence[int]], Awaitable[dict[int, int]]]
Decide = Callable[[CallRequest, int], Awaitable[Decision]]


class StatusServer:
    """`GET /health` for the supervisor; the rest with the bearer token.

    `GET /calls`, `POST /calls/<uuid>/hangup`, `POST /locations/<address of record>/<contact>/drop`,
    `POST /bans/<whom>/lift` (`lift` does it), `GET /decisions/<username@domain>/<dialled>/<ms>`: what `decide` would do
    with that device's call at that moment; `GET /remaining/...` likewise: its price and for how long the money lasts,
    for announcements. `spendable` and `seconds_left` say what accounts and bundles have left.
    """

    def __init__(
        self,
        token: str,
        live: LiveCalls,
        edge: Callable[[], Edge],
        health: Callable[[], dict[str, Any]],
        lift: Callable[[str], None],
        decide: Decide,
    ) -> None:
        self._token, self._live, self._edge, self._health, self._lift = token, live, edge, health, lift
        self._decide = decide
        self.spendable: Ask = _nothing
        self.seconds_left: Ask = _nothing

    async def start(self, port: int) -> asyncio.Server:
        """Listen on the loopback. Raises OSError when the port is taken."""
        return await asyncio.start_server(self._serve, LOOPBACK, port, limit=MAX_HEADERS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                status, body = await self._answer(head)
                payload = json.dumps(body).encode()
                writer.write(
                    f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode()
                    + payload
                )
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone or talks something else
        finally:
            writer.close()

    async def _answer(self, head: str) -> Answer:
        line, *headers = head.split("\r\n")
        parts = line.split(" ")
        if len(parts) != 3:
            return 400, {"detail": "The request line is not HTTP."}
        method, path = parts[0], parts[1].split("?")[0]
        if path == "/health":
            return 200, self._health()
        if not self._is_authorised(headers):
            return 401, {"detail": "The bearer token is missing or wrong."}
        match [method, *path.strip("/").split("/")]:
            case ["GET", "calls"]:
                return 200, {"calls": [describe(live) for live in self._live.all()]}
            case ["POST", "calls", call_id, "hangup"]:
                return self._hang_up(call_id)
            case ["POST", "locations", address, contact, "drop"]:
                return await self._drop_contact(unquote(address), unquote(contact))
            case ["POST", "bans", whom, "lift"]:
                self._lift(unquote(whom))
                return 200, {"detail": f"The ban on {unquote(whom)} is being lifted."}
            case ["GET", "decisions", account, dialled, at_ms] if at_ms.isdecimal():
                return await self._try(_request(unquote(account), unquote(dialled), int(at_ms)), int(at_ms))
            case ["GET", "remaining", account, dialled, at_ms] if at_ms.isdecimal():
                return await self._remaining(_request(unquote(account), unquote(dialled), int(at_ms)), int(at_ms))
        return 404, {"detail": f"There is no {method} {path}."}

    async def _remaining(self, request: CallRequest, at_ms: int) -> Answer:
        """Decide as for a test call and ask what the accounts that pay have left."""
        try:
            decision = await self._decide(request, at_ms)
            tiers = {charge.tier.account_id for chain in decision.chains for charge in chain.tiers}
            allowances = {each.id for chain in decision.chains for each in chain.allowances}
            spendable = await self.spendable(sorted(tiers)) if decision.refusal is None and tiers else {}
            seconds_left = await self.seconds_left(sorted(allowances)) if allowances else {}
        except (NoAnswer, *UNAVAILABLE) as error:
            return 503, {"detail": f"There is no answer now: {described(error)}"}
        return 200, {"remaining": to_document(remaining(decision, spendable, at_ms, seconds_left))}

    async def _try(self, request: CallRequest, at_ms: int) -> Answer:
        """Decide and nothing else: nobody is called, nothing is held, and no gateway's count changes."""
        try:
            decision = await self._decide(request, at_ms)
        except (NoAnswer, *UNAVAILABLE) as error:
            return 503, {"detail": f"There is no decision now: {described(error)}"}
        return 200, {"decision": to_document(without_passwords(decision))}

    async def _drop_contact(self, address: str, contact: str) -> Answer:
        try:
            await self._edge().rpc("ul.rm_contact", "location", address, contact)
        except EdgeRefused as error:
            return (404 if error.code == NOT_FOUND else 503), {"detail": str(error)}
        except EdgeGone as error:
            return 503, {"detail": str(error)}
        log.info("%s of %s is dropped by the operator.", contact, address)
        return 200, {"detail": f"{contact} of {address} is dropped."}

    def _is_authorised(self, headers: list[str]) -> bool:
        for header in headers:
            name, _, value = header.partition(":")
            if name.strip().lower() == "authorization":
                return hmac.compare_digest(value.strip().encode(), f"Bearer {self._token}".encode())
        return False

    def _hang_up(self, text: str) -> Answer:
        try:
            live = self._live.get(UUID(text))
        except ValueError:
            return 400, {"detail": f"{text} is not a call id."}
        if live is None:
            return 404, {"detail": f"Call {text} is not live."}
        log.info("Call %s is hung up by the operator.", text)
        self._live.feed(live, signals.Hangup(now_ms()))
        return 200, {"detail": f"Call {text} is being ended."}


async def _nothing(ids: Sequence[int]) -> dict[int, int]:
    return {}


def _request(account: str, dialled: str, at_ms: int) -> CallRequest:
    """The call that a device might make."""
    username, _, domain = account.rpartition("@")
    return CallRequest(f"test-{at_ms}@{domain}", LOOPBACK, 0, "udp", username, domain, dialled_user(dialled), domain)


def describe(live: Live) -> dict[str, Any]:
    """A live call for the portal; times in milliseconds of the Unix epoch, money in micro-units."""
    state, decision = live.state, live.decision
    return {
        "call": str(live.call_id),
        "sip_call_id": live.sip_call_id,
        "state": str(state.phase),
        "direction": str(decision.direction),
        "partner_id": decision.partner_id,
        "customer_id": decision.customer_id,
        "user_id": decision.user_id,
        "callee_partner_id": decision.callee_partner_id,
        "callee_customer_id": decision.callee_customer_id,
        "caller": decision.caller,
        "callee": decision.callee or decision.dialled,
        "started_ms": state.offered_ms,
        "answered_ms": state.answered_ms,
        "target": state.answered_target,
        "held_micro": states.held_micro(state),
        "funded_until_ms": states.funded_until_ms(state),
    }
