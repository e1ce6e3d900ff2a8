"""Calls as a phone sees them: one class for both directions' common life, one for each direction's start."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Container, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from carillon.useragent import sdp
from carillon.useragent.dialog import Dialog, as_called, as_caller
from carillon.useragent.media import AudioReport, RtpStream
from carillon.useragent.message import Message, new_tag, response_to, user_of
from carillon.useragent.transaction import ClientTransaction, ServerTransaction

if TYPE_CHECKING:
    from carillon.useragent.agent import UserAgent


Headers = Sequence[tuple[str, str]]


class State(StrEnum):
    """Where a call is; REFUSED and ENDED are final."""

    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    REFUSED = "refused"
    ENDED = "ended"


_OVER = (State.REFUSED, State.ENDED)


class CallRefused(Exception):
    """The call was answered with a failure; `status` and `reason` are the response's."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"The call was refused with {status} {reason}.")
        self.status, self.reason = status, reason


class Call:
    """One call: its dialog, its audio and what became of it."""

    def __init__(self, agent: UserAgent, stream: RtpStream, call_id: str) -> None:
        self.agent, self.stream, self.call_id = agent, stream, call_id
        self.state = State.CALLING
        self.dialog: Dialog | None = None
        self.status, self.reason = 0, ""  # of the final response to INVITE
        self.ended_by = ""  # "us" | "them"
        self.answered_at = self.ended_at = 0.0  # time.monotonic()
        self.remote_session: sdp.Session | None = None
        self._changed = asyncio.Event()
        self._version = 1
        self._is_changing = False  # our own re-INVITE has no answer yet (RFC 3261, 14.2)

    @property
    def is_over(self) -> bool:
        return self.state in _OVER

    @property
    def answered_s(self) -> float:
        """Seconds from answer to end, or to now."""
        return ((self.ended_at or time.monotonic()) - self.answered_at) if self.answered_at else 0.0

    def audio(self) -> AudioReport:
        return self.stream.report()

    async def until(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Wait until the condition holds; looked at whenever the call or its audio moves. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)

    async def _reaches(self, states: Container[State], timeout: float) -> None:
        """Wait for one of these states, of which every change is told. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while self.state not in states:
                self._changed.clear()
                await self._changed.wait()

    async def answered(self, timeout: float = 30.0) -> None:
        """Wait for the answer. Raises CallRefused, TimeoutError."""
        await self._reaches((State.ANSWERED, *_OVER), timeout)
        if self.state == State.REFUSED:
            raise CallRefused(self.status, self.reason)

    async def ended(self, timeout: float = 30.0) -> None:
        """Wait until the call is over, by whomever. Raises TimeoutError."""
        await self._reaches(_OVER, timeout)

    async def hears(self, frequency_hz: int, *, packets: int = 20, timeout: float = 30.0) -> AudioReport:
        """Wait until `packets` of a tone have come since now. Raises TimeoutError when the tone doesn't come."""
        self.stream.listen_afresh()
        wanted = self.stream.packets_received + packets
        await self.until(lambda: self.stream.packets_received >= wanted and self.audio().hears(frequency_hz), timeout)
        return self.audio()

    async def hang_up(self) -> None:
        """End an answered call with BYE and wait for the reply; a call already over stays as it is."""
        if self.state == State.ANSWERED and self.dialog is not None:
            self.over(State.ENDED, "us")
            await self.agent.transact(self.dialog.request("BYE"), self.dialog.next_hop())

    async def reinvite(self, direction: str = "sendrecv") -> Message:
        """Offer the session again, for example `sendonly` to hold. Returns the final response."""
        if self.dialog is None or self.state != State.ANSWERED:
            raise CallRefused(481, "Only an answered call can be changed")
        self._version += 1
        offer = sdp.Session(self.agent.host, self.stream.port, direction=direction)
        request = self.dialog.request("INVITE")
        self.agent.describe(request, offer.build(version=self._version))
        self._is_changing = True
        try:
            final = await self.agent.transact(request, self.dialog.next_hop())
        finally:
            self._is_changing = False
        if 200 <= final.status < 300:
            self.acknowledge(final)
            self.hear(final.body, is_sending=direction in ("sendrecv", "sendonly"))
        return final

    def acknowledge(self, response: Message, answer: bytes = b"") -> None:
        """ACK a 2xx response to our INVITE (again, when it is repeated), with our answer when it made the offer."""
        if self.dialog is not None:
            ack = self.dialog.request("ACK", cseq=response.cseq[0])
            if answer:
                ack.add("Content-Type", "application/sdp")
                ack.body = answer
            self.agent.send_ack(ack, self.dialog.next_hop())

    def hear(self, body: bytes, *, is_sending: bool = True) -> None:
        """Start or move our audio to where a session description says."""
        if (session := sdp.parse(body)) is not None and session.port:
            self.remote_session = session
            wants = session.direction in ("sendrecv", "recvonly")
            self.stream.play((session.host, session.port), session.payloads[0], is_sending=is_sending and wants)

    def over(self, state: State, by: str = "") -> None:
        """The call is over: audio stops, whoever waits is woken."""
        if not self.is_over:
            self.state, self.ended_by, self.ended_at = state, by, time.monotonic()
            self.stream.close()
        self._changed.set()

    def receive(self, transaction: ServerTransaction) -> None:
        """A request inside the dialog."""
        request = transaction.request
        if request.method == "BYE":
            transaction.reply(200, "OK")
            self.over(State.ENDED, "them")
        elif request.method == "INVITE":
            self._change(transaction)
        elif request.method in ("OPTIONS", "INFO", "UPDATE", "NOTIFY", "MESSAGE"):
            transaction.reply(200, "OK")
        elif request.method == "ACK":
            self.hear(request.body)  # the answer, when we made the offer
        else:
            transaction.reply(501, "Not Implemented")

    def _change(self, transaction: ServerTransaction) -> None:
        if self._is_changing:
            transaction.reply(491, "Request Pending")
            return
        offer = sdp.parse(transaction.request.body)
        if offer is None:
            transaction.reply(488, "Not Acceptable Here")
            return
        response = response_to(transaction.request, 200, "OK")
        self._version += 1
        answer = sdp.answer(offer, self.agent.host, self.stream.port)
        self.agent.describe(response, answer.build(version=self._version))
        self.agent.expect_ack(self, transaction)
        transaction.respond(response)
        self.hear(transaction.request.body)


class OutgoingCall(Call):
    """A call we make. `provisional` holds the 1xx responses in order."""

    def __init__(self, agent: UserAgent, stream: RtpStream, invite: Message) -> None:
        super().__init__(agent, stream, invite.call_id)
        self.invite = invite
        self.provisional: list[int] = []
        self.transaction: ClientTransaction | None = None
        self.is_challenged = False
        self._wants_cancel = False
        self._has_given_up = False

    async def ringing(self, timeout: float = 30.0) -> None:
        """Wait for a 18x. Raises CallRefused when the call ends before, TimeoutError."""
        await self.until(lambda: any(code > 100 for code in self.provisional) or self.is_over, timeout)
        if self.state == State.REFUSED:
            raise CallRefused(self.status, self.reason)

    def cancel(self) -> None:
        """Give up before the answer; sent once a provisional response has come (RFC 3261, 9.1).

        An answer that crosses it on the wire is hung up at once.
        """
        self._wants_cancel = self._has_given_up = True
        if self.transaction is not None and self.provisional and not self.is_over:
            self._wants_cancel = False
            self.agent.send_cancel(self.transaction)

    def respond(self, response: Message) -> None:
        """A response to our INVITE."""
        if response.status < 200:
            self._progress(response)
        elif response.status < 300:
            self._answer(response)
        elif response.status in (401, 407) and self.agent.retry_with_credentials(self, response):
            return
        else:
            self.status, self.reason = response.status, response.reason
            self.over(State.REFUSED, "them")

    def _progress(self, response: Message) -> None:
        self.provisional.append(response.status)
        if response.status > 100 and self.state == State.CALLING:
            self.state = State.RINGING
        if response.body:
            self.hear(response.body)
        if self._wants_cancel:
            self.cancel()
        self._changed.set()

    def _answer(self, response: Message) -> None:
        if self.state in (State.CALLING, State.RINGING):
            self.dialog = as_caller(self.invite, response, self.agent.proxy)
            self.status, self.reason = response.status, response.reason
            self.state, self.answered_at = State.ANSWERED, time.monotonic()
            self.agent.attach(self)
            self.hear(response.body)
        offer = None if self.invite.body else sdp.parse(response.body)
        self.acknowledge(response, sdp.answer(offer, self.agent.host, self.stream.port).build() if offer else b"")
        if self._has_given_up and not self.is_over:
            self.agent.run(self.hang_up())
        self._changed.set()


class IncomingCall(Call):
    """A call we get: ring it, then answer or reject it."""

    def __init__(self, agent: UserAgent, stream: RtpStream, transaction: ServerTransaction) -> None:
        super().__init__(agent, stream, transaction.request.call_id)
        self.transaction = transaction
        self.invite = transaction.request
        self.tag = new_tag()
        self.dialog = as_called(self.invite, self.tag, transaction.source)

    @property
    def caller(self) -> str:
        """The user part of From: what the phone shows."""
        return user_of(self.invite.get("From"))

    @property
    def called(self) -> str:
        """The user part of the request URI: what was dialled, as it arrives here."""
        return user_of(self.invite.uri)

    def ring(self) -> None:
        """180 Ringing."""
        self.state = State.RINGING
        self._respond(180, "Ringing")

    def progress(self) -> None:
        """183 Session Progress with early media: our tone is played before the answer."""
        self.state = State.RINGING
        self._respond(183, "Session Progress", self._session())

    def answer(self, headers: Headers = ()) -> None:
        """200 OK with our session and more header fields; the audio starts at once."""
        if self.is_over:
            return
        self.state, self.answered_at, self.status = State.ANSWERED, time.monotonic(), 200
        self.agent.expect_ack(self, self.transaction)
        self._respond(200, "OK", self._session(), headers)

    def reject(self, status: int, reason: str, headers: Headers = ()) -> None:
        """Refuse with a final response."""
        if not self.is_over:
            self.status, self.reason = status, reason
            self._respond(status, reason, headers=headers)
            self.over(State.REFUSED, "us")

    def redirect(self, uri: str) -> None:
        """302 Moved Temporarily: whoever asks should try `uri` instead."""
        if not self.is_over:
            self.status, self.reason = 302, "Moved Temporarily"
            response = response_to(self.invite, self.status, self.reason, to_tag=self.tag)
            response.add("Contact", f"<{uri}>")
            self.transaction.respond(response)
            self.over(State.REFUSED, "us")

    def cancelled(self) -> None:
        """The caller gave up: 487 to the INVITE."""
        self.status = 487
        self._respond(487, "Request Terminated")
        self.over(State.REFUSED, "them")

    def _session(self) -> bytes:
        offer = sdp.parse(self.invite.body)
        if offer is None:
            return sdp.Session(self.agent.host, self.stream.port).build()
        self.hear(self.invite.body)
        return sdp.answer(offer, self.agent.host, self.stream.port).build()

    def _respond(self, status: int, reason: str, body: bytes = b"", headers: Headers = ()) -> None:
        response = response_to(self.invite, status, reason, to_tag=self.tag)
        for name, value in headers:
            response.add(name, value)
        self.agent.describe(response, body)
        self.transaction.respond(response)
        self._changed.set()
