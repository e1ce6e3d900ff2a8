"""Requests to addresses that partners choose, against real servers: what is refused, and that nothing holds us long."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.receiver import receiving

from carillon.business.notices.calling import KEPT_BYTES, post

NAME = "hooks.example.test"
BODY = b'{"type":"webhook.test"}'


def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_a_message_arrives_whole() -> None:
    with receiving() as receiver:
        answer = post(receiver.url, {"webhook-id": "msg_1"}, BODY, with_loopback=True)
        (request,) = receiver.requests
    assert (answer.status, answer.body, answer.error, answer.is_success) == (200, "thank you", "", True)
    assert (request.path, request.body, request.headers["webhook-id"]) == ("/hook", BODY, "msg_1")


def test_this_machine_is_refused_unless_a_test_allows_it() -> None:
    with receiving() as receiver:
        answer = post(receiver.url, {}, BODY)
        assert receiver.requests == []
    assert not answer.is_success
    assert answer.error == "127.0.0.1 leads to no address of the public Internet."


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.0.0.5", "100.64.0.1", "169.254.169.254", "::1", "::", "::ffff:127.0.0.1"),  # noqa: S104
        *("::ffff:169.254.169.254", "fd00:ec2::254", "fe80::1%lo", "64:ff9b::7f00:1", "2002:7f00:1::"),
    ],
)
def test_a_name_that_leads_into_a_private_network_is_refused(address: str) -> None:
    with receiving() as receiver:
        port = receiver.url.rsplit(":", 1)[1]
        answer = post(f"http://{NAME}:{port}", {}, BODY, lookup=lambda *_: [address])
        assert receiver.requests == []
    assert answer.error == f"{NAME} leads to no address of the public Internet."  # names of our network stay unknown


def test_a_public_address_beside_a_private_one_does_not_help() -> None:
    answer = post(f"http://{NAME}:1/", {}, BODY, lookup=lambda *_: ["93.184.216.34", "192.168.0.1"])
    assert "no address" in answer.error


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "0.0.0.0", "127.0.0.1.", "[::1]", "[::]"),  # noqa: S104
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost", "LOCALHOST", "localhost.localdomain"),
    ],
)
def test_other_spellings_of_this_machine_are_refused(host: str) -> None:
    with receiving() as receiver:
        port = receiver.url.split(":")[2].partition("/")[0]
        answer = post(f"http://{host}:{port}/hook", {}, BODY)
        assert receiver.requests == []
    assert not answer.is_success


def test_a_name_that_changes_its_address_gains_nothing() -> None:
    """DNS rebinding: the checked answer is the one connected to, and nobody asks again."""
    asked: list[str] = []

    def changing(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with receiving() as receiver:
        port = receiver.url.split(":")[2]
        assert post(f"http://{NAME}:{port}", {}, BODY, with_loopback=True, lookup=changing).is_success
        assert asked == [NAME]
        again = post(f"http://{NAME}:{port}", {}, BODY, with_loopback=True, lookup=changing)
        assert len(receiver.requests) == 1
    assert "no address" in again.error


def test_redirects_are_not_followed() -> None:
    with receiving() as other, receiving() as receiver:
        receiver.statuses, receiver.extra = [307], {"location": other.url}
        answer = post(receiver.url, {}, BODY, with_loopback=True)
        assert other.requests == []
    assert (answer.status, answer.is_success) == (307, False)
    assert answer.error == "It answered with a redirect, which is not followed."


def test_only_the_start_of_an_answer_is_kept() -> None:
    with receiving() as receiver:
        receiver.answer = b"\x00\xff" + b"x" * 200_000
        answer = post(receiver.url, {}, BODY, with_loopback=True)
    assert answer.is_success
    assert len(answer.body) == KEPT_BYTES
    assert answer.body.startswith("\ufffd\ufffdx")


@contextmanager
def dripping(first: bytes) -> Iterator[str]:
    """A server that sends `first` and then a byte now and then, for ever."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    connection.sendall(first)
                    while not over.wait(0.02):
                        connection.sendall(b"x")
                except OSError:
                    return  # the other side has had enough

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        over.set()
        thread.join()


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nx-long: ", b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n"]
)
def test_who_answers_drop_by_drop_is_left_after_the_time_there_is(first: bytes) -> None:
    with dripping(first) as url:
        started = time.monotonic()
        answer = post(url, {}, BODY, with_loopback=True, longest_s=0.4)
        assert time.monotonic() - started < 5
    assert answer.error in ("It did not answer within 0.4 seconds.", "The connection failed: illegal status line.") or (
        not first and answer.error.startswith("The connection failed")
    )


def test_nobody_there_is_an_answer_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = post(f"http://127.0.0.1:{port}/", {}, BODY, with_loopback=True)
    assert (answer.status, answer.is_success) == (None, False)
    assert answer.error.startswith("The connection failed: ")
    assert "name can't be found" in post("https://nowhere.invalid/", {}, BODY).error


# ---------------------------------------------------------------- TLS


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate of its own making for `name`, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "certificate.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return chain, context


def test_tls_is_checked_against_the_name_though_we_connect_to_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, context = certificate(tmp_path, NAME)
    with receiving(tls=context) as receiver:
        port = receiver.url.split(":")[2]
        unknown = post(f"https://{NAME}:{port}", {}, BODY, with_loopback=True, lookup=to_loopback)
        monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        known = post(f"https://{NAME}:{port}", {}, BODY, with_loopback=True, lookup=to_loopback)
        other = post(f"https://other.test:{port}", {}, BODY, with_loopback=True, lookup=to_loopback)
        assert len(receiver.requests) == 1
    assert known.is_success, known.error
    for refused in (unknown, other):
        assert not refused.is_success
        assert "certificate verify failed" in refused.error
