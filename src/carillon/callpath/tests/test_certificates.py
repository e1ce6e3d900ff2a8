"""Which certificate each SIP domain gets."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from carillon.callpath.control.certificates import Certificates, Pair, fault_of
from carillon.callpath.control.evapi import Edge, EdgeRefused
from carillon.callpath.control.tables import EdgeTables


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    (tmp_path / "run").mkdir()
    return Certificates(tmp_path, tmp_path / "run", "192.0.2.5")


def test_every_domain_gets_one_and_nothing_changes_until_something_does(
    certificates: Certificates, tmp_path: Path
) -> None:
    written = certificates.write(["a.test", "b.test"])
    assert certificates.write(["b.test", "a.test"]) == written == certificates.config.read_bytes()
    text = written.decode()
    for domain in ("a.test", "b.test"):
        made = Pair.of(tmp_path / "tls" / "made" / domain)
        assert f"certificate = {made.certificate}\nprivate_key = {made.key}\nserver_name = {domain}\n" in text
        assert fault_of(made) == ""
        assert made.key.stat().st_mode & 0o077 == 0
    assert certificates.write(["a.test"]) != written


def test_what_is_brought_is_used_unless_it_is_broken(certificates: Certificates, tmp_path: Path) -> None:
    certificates.write(["a.test", "b.test"])
    brought, spare = tmp_path / "tls" / "a.test", tmp_path / "tls" / "made" / "b.test"
    brought.mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (brought / name).write_bytes((spare / name).read_bytes())
    assert certificates.write(["a.test", "b.test"])
    assert str(brought / "fullchain.pem") in certificates.config.read_text()
    (brought / "privkey.pem").write_bytes((tmp_path / "tls" / "made" / "a.test" / "privkey.pem").read_bytes())
    assert certificates.write(["a.test", "b.test"])
    assert str(brought) not in certificates.config.read_text()


def test_a_broken_file_of_authorities_is_left_out(certificates: Certificates, tmp_path: Path) -> None:
    certificates.write(())
    authorities = tmp_path / "tls" / "ca.pem"
    authorities.write_text("nobody")
    assert b"ca_list" not in certificates.write(())
    authorities.write_bytes((tmp_path / "tls" / "made" / "default" / "fullchain.pem").read_bytes())
    assert f"ca_list = {authorities}\n".encode() in certificates.write(())


@pytest.mark.parametrize(
    ("bits", "password", "others_key", "words"),
    [
        (2048, b"", False, ""),
        (2048, b"", True, "the key is not the certificate's"),
        (2048, b"secret", False, "not a PEM certificate and an unencrypted PEM key"),
        (1024, b"", False, "the key is too short to be safe"),
    ],
)
def test_what_is_wrong_with_a_pair_is_said(
    tmp_path: Path, bits: int, password: bytes, others_key: bool, words: str
) -> None:
    key, other = (rsa.generate_private_key(65537, bits) for _ in range(2))
    (tmp_path / "fullchain.pem").write_bytes(self_signed(key))
    (tmp_path / "privkey.pem").write_bytes(pem(other if others_key else key, password))
    assert fault_of(Pair.of(tmp_path)) == words


def test_half_a_pair_is_said_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "fullchain.pem").write_bytes(self_signed(rsa.generate_private_key(65537, 2048)))
    assert fault_of(Pair.of(tmp_path)) == "fullchain.pem or privkey.pem: No such file or directory"


def test_a_restart_keeps_what_was_known(certificates: Certificates) -> None:
    certificates.prepare()
    assert "server:default" in certificates.config.read_text()
    certificates.write(["a.test"])
    certificates.prepare()
    assert "a.test" in certificates.config.read_text()


class Stubborn:
    """An edge that refuses the first reload."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def rpc(self, method: str) -> Any:
        self.asked.append(method)
        if len(self.asked) == 1:
            raise EdgeRefused(500, "Error while loading TLS configuration file")


async def test_a_reload_is_asked_for_until_kamailio_has_done_it(certificates: Certificates) -> None:
    edge = Stubborn()
    tables = EdgeTables(cast(Edge, edge), "192.0.2.5", str, certificates)
    for times in (1, 2, 2):
        await tables.tell_certificates()
        assert edge.asked == ["tls.reload"] * times


def self_signed(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.test")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def pem(key: rsa.RSAPrivateKey, password: bytes) -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
