"""Somebody calls for help and the partner's people have a mail of it, through a mail server of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from carillon.callpath.control.certificates import Certificates, Pair
from carillon.server import engines
from carillon.server.throwaway import spare_ports
from tests.support.platform import Platform, eventually

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")]

LOGIN = LoginPassword(b"noc@level.example", b"p@ss/word")
SENDER = "alarms@level.example"


@dataclass
class Mailbox:
    """What the mail server was given: envelopes' recipients and messages."""

    port: int
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope.rcpt_tos, BytesParser(policy=default).parsebytes(envelope.content)))
        return "250 OK"


def logged_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data == LOGIN)


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[tuple[Mailbox, Path]]:
    """A mail server on loopback that wants TLS from the first byte and a password, and its certificate."""
    certificates = Certificates(tmp_path, tmp_path, "127.0.0.1")
    certificates.write(())
    pair = Pair.of(tmp_path / "tls" / "made" / "default")
    tls = SSLContext(PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    found = Mailbox(spare_ports()[2])
    server = Controller(
        found,
        hostname="127.0.0.1",
        port=found.port,
        ssl_context=tls,
        authenticator=logged_in,
        auth_required=True,
        auth_require_tls=False,  # of STARTTLS, that is; this is TLS already
    )
    server.start()
    yield found, pair.certificate
    server.stop()


@pytest.fixture
def mailing(platform: Platform, mailbox: tuple[Mailbox, Path]) -> Iterator[Mailbox]:
    """The platform's worker, which sends its mail there."""
    box, certificate = mailbox
    worker = engines.processes(platform.config)["worker"]
    settings = {
        "CARILLON_SMTP_URL": f"smtps://noc%40level.example:p%40ss%2Fword@127.0.0.1:{box.port}",
        "CARILLON_MAIL_FROM": SENDER,
        "SSL_CERT_FILE": str(certificate),
    }
    platform.run(replace(worker, environ={**worker.environ, **settings}))
    yield box
    platform.stop("worker")


async def test_partner_has_a_mail_of_an_emergency_call(platform: Platform, mailing: Mailbox) -> None:
    async with platform.phone("alice") as alice:
        await alice.register()
        call = await alice.call("999")
        await call.answered()
        await call.hang_up()
        await alice.register(0)
    (wanted,) = platform.sql("select id from calls_call where sip_call_id = %s", call.call_id)[0]
    query = "select id, mailed_to from notices_alert where call_id = %s and mailed_at is not null"
    ((alert_id, told),) = await eventually(lambda: platform.sql(query, wanted))
    sent = "select id from notices_mail where message_id = %s and sent_at is not null"
    message_id = f"<alert-{alert_id}@carillon>"
    await eventually(lambda: platform.sql(sent, message_id))
    recipients, mail = next(each for each in mailing.mails if each[1]["Message-ID"] == message_id)
    assert recipients == told == ["paul@northwind.example"]
    assert (mail["From"], mail["Subject"]) == (f"Northwind Telecom <{SENDER}>", "Emergency call: Acme Ltd")
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Alice of Acme Ltd called 999" in body.get_content()
