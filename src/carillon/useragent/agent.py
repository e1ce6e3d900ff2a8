"""The user agent: one SIP identity on one UDP port or one connection, its registration and its calls."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from carillon.useragent import sdp
from carillon.useragent.call import Call, IncomingCall, OutgoingCall
from carillon.useragent.digest import DigestClient, parse_challenge
from carillon.useragent.media import REPORT_S, PortRange, RtpStream
from carillon.useragent.message import Message, new_branch, new_tag
from carillon.useragent.transaction import ClientTransaction, ServerTransaction, Timers, Transactions
from carillon.useragent.transport import Address, Connection, Recorded, Transport, bracketed

CallHandler = Callable[[IncomingCall], Awaitable[None]]
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"


@dataclass(frozen=True, slots=True)
class Account:
    """Who the agent is. An empty password: no credentials are ever sent (a gateway known by address)."""

    username: str
    domain: str
    password: str = ""
    display: str = ""

    @property
    def uri(self) -> str:
        return f"sip:{self.username}@{self.domain}"


class UserAgent:
    """Registers, calls and is called, through one proxy.

    `on_call` is run as a task for each incoming call; without it calls are refused with 480. An INVITE that `ignores`
    says yes to gets no reply whatever. `transport` is udp, tcp or tls; `tls` says whom to trust. Use as
    `async with UserAgent(account, proxy) as phone`. `messages` is the record of the wire.
    """

    def __init__(
        self,
        account: Account,
        proxy: Address,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tone_hz: int = 440,
        name: str = "Carillon demo phone",
        rtp: PortRange = PortRange(),  # noqa: B008 - a frozen value
        timers: Timers = Timers(),  # noqa: B008 - a frozen value
        on_call: CallHandler | None = None,
        transport: str = "udp",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.account, self.proxy, self.host, self.port = account, proxy, host, port
        self.tone_hz, self.name, self.on_call, self._rtp = tone_hz, name, on_call, rtp
        self.calls: list[Call] = []
        self.ignores: Callable[[Message], bool] = lambda _: False
        self.reports_every_s = REPORT_S  # 0: a phone without RTCP
        self.is_forgetful = False  # a long-running carrier keeps neither calls that ended nor the wire's record
        self._digest = DigestClient(account.username, account.password)
        wire: Transport | Connection = Transport(_unheard)
        if transport != "udp":
            wire = Connection(_unheard, proxy=proxy, tls=tls, server_name=account.domain)
        self._transactions = Transactions(timers, self._on_request, wire)
        self._awaiting_ack: dict[tuple[str, int], ServerTransaction] = {}
        self._cancelled: set[str] = set()  # branches whose CANCEL came before the call was made of their INVITE
        self._tasks: set[asyncio.Task[None]] = set()
        self._registration = (secrets.token_hex(8), new_tag(), 0)  # Call-ID, From tag, CSeq
        self.last_authorization = ""

    @property
    def messages(self) -> list[Recorded]:
        return self._transactions.transport.messages

    @property
    def contact(self) -> str:
        name = self._transactions.transport.name
        parameter = "" if name == "udp" else f";transport={name}"
        return f"<sip:{self.account.username}@{bracketed(self.host)}:{self.port}{parameter}>"

    async def __aenter__(self) -> UserAgent:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def open(self) -> None:
        """Bind the SIP port. Raises OSError when it is taken."""
        self._transactions.transport.is_recording = not self.is_forgetful
        await self._transactions.transport.open((self.host, self.port))
        self.port = self._transactions.transport.address[1]

    def close(self) -> None:
        """Stop at once, as if the plug was pulled: nobody is told."""
        for task in self._tasks:
            task.cancel()
        for call in self.calls:
            call.stream.close()
        self._transactions.close()

    # ------------------------------------------------------------ what a phone does

    async def register(self, expires_s: int = 600) -> Message:
        """Register our contact (0: take it back), with digest when asked. Returns the final response."""
        call_id, tag, cseq = self._registration
        authorization = ("", "")
        for _ in range(3):  # plain, with credentials, once more when the nonce was stale
            cseq += 1
            self._registration = (call_id, tag, cseq)
            request = Message(method="REGISTER", uri=f"sip:{self.account.domain}")
            request.add("Max-Forwards", "70")
            request.add("From", f"<{self.account.uri}>;tag={tag}")
            request.add("To", f"<{self.account.uri}>")
            request.add("Call-ID", call_id)
            request.add("CSeq", f"{cseq} REGISTER")
            request.add("Contact", f"{self.contact};expires={expires_s}")
            request.add("User-Agent", self.name)
            if authorization[0]:
                request.add(*authorization)
            final = await self.transact(request, self.proxy)
            answer = self.credentials(final, request)
            if answer is None or (authorization[0] and "stale=true" not in final.get("WWW-Authenticate").lower()):
                return final
            authorization = answer
        return final

    async def call(
        self,
        target: str,
        *,
        identity: str = "",
        headers: Sequence[tuple[str, str]] = (),
        call_id: str = "",
        offers: bool = True,
    ) -> OutgoingCall:
        """Send INVITE to `target` (a SIP URI, or what a person dials, sent to our own domain).

        `identity` replaces the From value and `headers` are added, which is how a test lies about who calls. Unless it
        `offers` a session the called side does, and our answer goes with ACK (RFC 3264).
        """
        stream = RtpStream(self.tone_hz, self.reports_every_s)
        await stream.open(self.host, self._rtp)
        uri = target if target.startswith("sip:") else f"sip:{target}@{self.account.domain}"
        display = f'"{self.account.display}" ' if self.account.display else ""
        invite = Message(method="INVITE", uri=uri)
        invite.add("Max-Forwards", "70")
        invite.add("From", f"{identity or f'{display}<{self.account.uri}>'};tag={new_tag()}")
        invite.add("To", f"<{uri}>")
        invite.add("Call-ID", call_id or secrets.token_hex(12))
        invite.add("CSeq", "1 INVITE")
        for name, value in headers:
            invite.add(name, value)
        self.describe(invite, sdp.Session(self.host, stream.port).build() if offers else b"")
        call = OutgoingCall(self, stream, invite)
        self.attach(call)
        self._invite(call)
        return call

    async def options(self, target: str = "") -> Message:
        """Ask a server whether it lives. Returns the final response (our own 408 when nobody answers)."""
        request = Message(method="OPTIONS", uri=target or f"sip:{self.account.domain}")
        request.add("Max-Forwards", "70")
        request.add("From", f"<{self.account.uri}>;tag={new_tag()}")
        request.add("To", f"<{request.uri}>")
        request.add("Call-ID", secrets.token_hex(8))
        request.add("CSeq", "1 OPTIONS")
        return await self.transact(request, self.proxy)

    # ------------------------------------------------------------ what calls need

    async def transact(self, request: Message, destination: Address) -> Message:
        """Send a request and wait for its final response (our own 408 when nothing came)."""
        final: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def on_response(response: Message) -> None:
            if response.status >= 200 and not final.done():
                final.set_result(response)

        self._send(request, destination, on_response)
        return await final

    def describe(self, message: Message, body: bytes) -> None:
        """Contact, our name and, when there is one, a session description."""
        message.add("Contact", self.contact)
        message.add("Allow", ALLOW)
        message.add("User-Agent" if message.is_request else "Server", self.name)
        if body:
            message.add("Content-Type", "application/sdp")
            message.body = body

    def credentials(self, challenged: Message, request: Message) -> tuple[str, str] | None:
        """Header and value that answer a 401 or 407; None when it is neither or we have no password."""
        if challenged.status not in (401, 407) or not self.account.password:
            return None
        asks, answers = (
            ("WWW-Authenticate", "Authorization")
            if challenged.status == 401
            else ("Proxy-Authenticate", "Proxy-Authorization")
        )
        challenge = parse_challenge(challenged.get(asks))
        self.last_authorization = self._digest.authorization(challenge, request.method, request.uri)
        return answers, self.last_authorization

    def retry_with_credentials(self, call: OutgoingCall, challenged: Message) -> bool:
        """Send a challenged INVITE again with digest, once. False when that was tried or can't be."""
        answer = None if call.is_challenged else self.credentials(challenged, call.invite)
        if answer is None:
            return False
        call.is_challenged = True
        call.invite.remove("Via")
        call.invite.replace("CSeq", f"{call.invite.cseq[0] + 1} INVITE")
        call.invite.add(*answer)
        self._invite(call)
        return True

    def send_cancel(self, transaction: ClientTransaction) -> None:
        self._transactions.send(transaction.cancel(), transaction.destination, lambda _: None)

    def send_ack(self, ack: Message, destination: Address) -> None:
        self._with_via(ack)
        self._transactions.transport.send(ack.build(), destination)

    def expect_ack(self, call: Call, transaction: ServerTransaction) -> None:
        """A 2xx of this transaction is repeated until ACK arrives; without one the call ends (RFC 3261, 13.3.1.4)."""
        self._awaiting_ack[call.call_id, transaction.request.cseq[0]] = transaction
        self.run(self._miss_ack(call, transaction))

    async def _miss_ack(self, call: Call, transaction: ServerTransaction) -> None:
        await asyncio.sleep(self._transactions.timers.give_up)
        if not transaction.is_acknowledged:
            self._awaiting_ack.pop((call.call_id, transaction.request.cseq[0]), None)
            await call.hang_up()

    def attach(self, call: Call) -> None:
        """From now on requests of this call's dialog reach it."""
        if self.is_forgetful:
            self.calls = [known for known in self.calls if not known.is_over]
            self._awaiting_ack = {key: sent for key, sent in self._awaiting_ack.items() if not sent.is_acknowledged}
        if call not in self.calls:
            self.calls.append(call)

    # ------------------------------------------------------------ the wire

    def _invite(self, call: OutgoingCall) -> None:
        call.transaction = self._send(call.invite, self.proxy, call.respond)

    def _send(
        self, request: Message, destination: Address, on_response: Callable[[Message], None]
    ) -> ClientTransaction:
        self._with_via(request)
        return self._transactions.send(request.copy(), destination, on_response)

    def _with_via(self, request: Message) -> None:
        branch = new_branch()
        sent_by = f"{self._transactions.transport.name.upper()} {bracketed(self.host)}:{self.port}"
        request.headers.insert(0, ("Via", f"SIP/2.0/{sent_by};branch={branch};rport"))

    def _on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if request.method == "CANCEL":
            self._on_cancel(transaction)
            return
        if request.method == "ACK" and (waiting := self._awaiting_ack.pop((request.call_id, request.cseq[0]), None)):
            waiting.acknowledge()
        call = next((call for call in self.calls if call.dialog is not None and call.dialog.matches(request)), None)
        if call is not None:
            call.receive(transaction)
        elif request.method == "INVITE":
            if not self.ignores(request):
                self.run(self._ring(transaction))
        elif request.method == "OPTIONS":
            transaction.reply(200, "OK", to_tag=new_tag())
        elif request.method != "ACK":
            transaction.reply(481, "Call/Transaction Does Not Exist", to_tag=new_tag())

    def _on_cancel(self, transaction: ServerTransaction) -> None:
        branch = transaction.request.branch
        for call in self.calls:
            if isinstance(call, IncomingCall) and call.invite.branch == branch:
                if not call.is_over:
                    call.cancelled()
                return
        self._cancelled.add(branch)

    async def _ring(self, transaction: ServerTransaction) -> None:
        if self.on_call is None:
            transaction.reply(480, "Temporarily Unavailable", to_tag=new_tag())
            return
        transaction.reply(100, "Trying")
        stream = RtpStream(self.tone_hz, self.reports_every_s)
        try:
            await stream.open(self.host, self._rtp)
        except OSError:
            transaction.reply(503, "No Port for Audio", to_tag=new_tag())
            return
        call = IncomingCall(self, stream, transaction)
        self.attach(call)
        if call.invite.branch in self._cancelled:
            self._cancelled.discard(call.invite.branch)
            call.cancelled()
            return
        await self.on_call(call)

    def run(self, work: Awaitable[None]) -> None:
        """Do something beside everything else, until it is done or the agent closes."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _unheard(_: bytes, __: Address) -> None:
    """Until the transactions listen."""
