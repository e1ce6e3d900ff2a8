"""SIP transactions (RFC 3261, section 17): retransmission, time-outs, ACK of refusals.

`Transactions` sits between the socket and the agent. A client transaction reports every response to its `on_response`;
when nothing final comes, that is a response 408 of our own making, told by the missing Via. A server transaction
repeats its last response when the request is repeated, and a final response to INVITE until ACK comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from carillon.useragent.message import MalformedMessage, Message, parse, response_to
from carillon.useragent.transport import Address, Connection, Transport

ResponseHandler = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Timers:
    """Round-trip estimate and the longest interval between repetitions, in seconds (RFC 3261, 17.1.1.1)."""

    t1: float = 0.5
    t2: float = 4.0

    @property
    def give_up(self) -> float:
        """Timers B, F and H: how long a party is waited for."""
        return 64 * self.t1


@dataclass(eq=False)
class ClientTransaction:
    """One request of ours and the responses to it."""

    request: Message
    destination: Address
    owner: Transactions
    on_response: ResponseHandler
    final: Message | None = None
    provisional: list[Message] = field(default_factory=list)
    _timers: list[asyncio.TimerHandle] = field(default_factory=list)

    @property
    def is_invite(self) -> bool:
        return self.request.method == "INVITE"

    def start(self) -> None:
        timers = self.owner.timers
        self._send_again(timers.t1)
        self._timers.append(asyncio.get_running_loop().call_later(timers.give_up, self._timed_out))

    def _send_again(self, interval: float) -> None:
        if self.final is not None or (self.is_invite and self.provisional):
            return
        self.owner.transport.send(self.request.build(), self.destination)
        if self.owner.transport.name != "udp":
            return
        following = interval * 2 if self.is_invite else min(interval * 2, self.owner.timers.t2)
        self._timers.append(asyncio.get_running_loop().call_later(interval, self._send_again, following))

    def _timed_out(self) -> None:
        if self.final is None and not (self.is_invite and self.provisional):
            self.receive(Message(status=408, reason="Request Timeout (nothing came back)"))

    def receive(self, response: Message) -> None:
        """A response of this transaction, or our own 408. Repeated refusals are acknowledged and go no further."""
        if response.status < 200:
            self.provisional.append(response)
            self.on_response(response)
            return
        is_repeated, self.final = self.final is not None, self.final or response
        if not is_repeated:
            self._stop()
            self.owner.forget_later(self)
        if self.is_invite and response.status >= 300 and response.get("Via"):
            self.owner.transport.send(self._ack(response).build(), self.destination)
        if not is_repeated or (self.is_invite and response.status < 300):
            self.on_response(response)

    def _ack(self, response: Message) -> Message:
        """ACK of a refusal: same branch, same route, To of the response (RFC 3261, 17.1.1.3)."""
        ack = Message(method="ACK", uri=self.request.uri)
        ack.add("Via", self.request.all("Via")[0])
        ack.add("Max-Forwards", "70")
        for route in self.request.all("Route"):
            ack.add("Route", route)
        ack.add("From", self.request.get("From"))
        ack.add("To", response.get("To"))
        ack.add("Call-ID", self.request.call_id)
        ack.add("CSeq", f"{self.request.cseq[0]} ACK")
        return ack

    def cancel(self) -> Message:
        """The CANCEL of this INVITE (RFC 3261, 9.1)."""
        cancel = Message(method="CANCEL", uri=self.request.uri)
        cancel.add("Via", self.request.all("Via")[0])
        cancel.add("Max-Forwards", "70")
        for route in self.request.all("Route"):
            cancel.add("Route", route)
        for name in ("From", "To", "Call-ID"):
            cancel.add(name, self.request.get(name))
        cancel.add("CSeq", f"{self.request.cseq[0]} CANCEL")
        return cancel

    def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    close = _stop


@dataclass(eq=False)
class ServerTransaction:
    """One request of the other side and our responses to it."""

    request: Message
    source: Address
    owner: Transactions
    last: bytes = b""
    status: int = 0
    is_acknowledged: bool = False
    _timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def respond(self, response: Message) -> None:
        """Send a response; a final one to INVITE is repeated until `acknowledge` (timers G and H)."""
        self.last, self.status = response.build(), response.status
        self.owner.transport.send(self.last, self.source)
        if response.status >= 200:
            self.owner.forget_later(self)
        if self.request.method == "INVITE" and response.status >= 200:
            timers = self.owner.timers
            loop = asyncio.get_running_loop()
            self._timers.append(loop.call_later(timers.t1, self._repeat, 2 * timers.t1))
            self._timers.append(loop.call_later(timers.give_up, self.close))

    def reply(self, status: int, reason: str, *, to_tag: str = "") -> None:
        """A response without anything special in it."""
        self.respond(response_to(self.request, status, reason, to_tag=to_tag))

    def _repeat(self, interval: float) -> None:
        if not self.is_acknowledged:
            self.owner.transport.send(self.last, self.source)
            following = min(interval * 2, self.owner.timers.t2)
            self._timers.append(asyncio.get_running_loop().call_later(interval, self._repeat, following))

    def receive_again(self) -> None:
        """The request was repeated: so is the last response."""
        if self.last:
            self.owner.transport.send(self.last, self.source)

    def acknowledge(self) -> None:
        """ACK came: stop repeating."""
        self.is_acknowledged = True
        self.close()

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


@dataclass(eq=False)
class Transactions:
    """All transactions of one socket. `on_request` gets new requests and the ACKs of 2xx responses."""

    timers: Timers
    on_request: Callable[[ServerTransaction], None]
    transport: Transport | Connection
    on_malformed: Callable[[bytes, MalformedMessage], None] | None = None
    _clients: dict[tuple[str, str], ClientTransaction] = field(default_factory=dict)
    _servers: dict[tuple[str, str], ServerTransaction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.transport.on_message = self._receive

    def send(self, request: Message, destination: Address, on_response: ResponseHandler) -> ClientTransaction:
        """Start a client transaction; the request has its Via already."""
        transaction = ClientTransaction(request, destination, self, on_response)
        self._clients[request.branch, request.method] = transaction
        transaction.start()
        return transaction

    def forget_later(self, transaction: ClientTransaction | ServerTransaction) -> None:
        """Drop a finished transaction once no repetition of it can arrive any more."""
        key = (transaction.request.branch, transaction.request.method)
        known: dict[tuple[str, str], Any] = (
            self._clients if isinstance(transaction, ClientTransaction) else self._servers
        )
        asyncio.get_running_loop().call_later(self.timers.give_up, known.pop, key, None)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        for server in self._servers.values():
            server.close()
        self.transport.close()

    def _receive(self, data: bytes, source: Address) -> None:
        try:
            message = parse(data)
        except MalformedMessage as error:
            if self.on_malformed is not None:
                self.on_malformed(data, error)
            return
        if message.is_request:
            self._request(message, source)
        elif transaction := self._clients.get((message.branch, message.cseq[1])):
            transaction.receive(message)

    def _request(self, request: Message, source: Address) -> None:
        if request.method == "ACK" and (invite := self._servers.get((request.branch, "INVITE"))):
            invite.acknowledge()
            return
        if known := self._servers.get((request.branch, request.method)):
            known.receive_again()
            return
        transaction = ServerTransaction(request, source, self)
        if request.method == "ACK":
            self.on_request(transaction)
            return
        self._servers[request.branch, request.method] = transaction
        if request.method == "CANCEL":
            self._cancel(transaction)
            return
        self.on_request(transaction)

    def _cancel(self, cancel: ServerTransaction) -> None:
        invite = self._servers.get((cancel.request.branch, "INVITE"))
        if invite is None:
            cancel.reply(481, "Call/Transaction Does Not Exist")
            return
        cancel.reply(200, "OK")
        if invite.status < 200:
            self.on_request(ServerTransaction(cancel.request, cancel.source, self, status=200))
