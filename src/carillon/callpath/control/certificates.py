"""Certificates of SIP over TLS: one per SIP domain, chosen by the name that the phone asks for (SNI, RFC 6066).

`<home>/tls/<domain>/` holds what you bring, named as certbot does: `fullchain.pem` and `privkey.pem`; `default` in the
place of a domain serves phones that ask for no name. What is missing or broken is replaced by a self-signed one,
kept in `<home>/tls/made`. `<home>/tls/ca.pem` names authorities to believe beside the system's when we call a carrier.
"""

from __future__ import annotations

import datetime
import ipaddress
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

log = logging.getLogger(__name__)

DEFAULT = "default"
SYSTEM_AUTHORITIES = Path("/etc/ssl/certs")  # a folder is searched when needed; Kamailio reads a file once per process
LASTS = datetime.timedelta(days=3650)
_SERVER = """[server:{where}]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
certificate = {certificate}
private_key = {key}
"""
_CLIENT = """[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
ca_path = {authorities}
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its chain, and its private key: two PEM files."""

    certificate: Path
    key: Path

    @classmethod
    def of(cls, folder: Path) -> Pair:
        return cls(folder / "fullchain.pem", folder / "privkey.pem")


class Certificates:
    """What Kamailio's TLS module reads: `<runtime>/tls.cfg`, made from the folder `tls` in the home."""

    def __init__(self, home: Path, runtime: Path, address: str) -> None:
        self._folder, self._address = home / "tls", address
        self.config = runtime / "tls.cfg"

    def prepare(self) -> None:
        """Something to start with, before anybody knows our domains."""
        if not self.config.exists():
            self.write(())

    def write(self, domains: Iterable[str]) -> bool:
        """Write the configuration; whether it, or a file it names, is another one than before. Costs file reads."""
        before = _read(self.config)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pairs = {name: self._pair(name) for name in (DEFAULT, *sorted(domains))}
        text = self._text(pairs).encode()
        _replace(self.config, text)
        return text != before

    def _text(self, pairs: dict[str, Pair]) -> str:
        """The newest change is named too, so that a renewed certificate is a change of this text."""
        own = self._folder / "ca.pem"
        files = [own] if own.exists() else []
        files += [path for pair in pairs.values() for path in (pair.certificate, pair.key)]
        newest = max(path.stat().st_mtime_ns for path in files)
        parts = [f"# written by control; newest file {newest}\n"]
        for name, pair in pairs.items():
            where = DEFAULT if name == DEFAULT else "any"
            parts.append(_SERVER.format(where=where, certificate=pair.certificate, key=pair.key))
            if name != DEFAULT:
                parts.append(f"server_name = {name}\nserver_name_mode = 0\n")
        parts.append(_CLIENT.format(authorities=SYSTEM_AUTHORITIES))
        parts += [f"ca_list = {own}\n"] if own.exists() else []
        return "".join(parts)

    def _pair(self, name: str) -> Pair:
        brought = Pair.of(self._folder / name)
        if brought.certificate.exists() or brought.key.exists():
            why = fault_of(brought)
            if not why:
                return brought
            log.error("The certificate of %s can't be used (%s): a self-signed one stands in for it.", name, why)
        made = Pair.of(self._folder / "made" / name)
        if fault_of(made):
            _make(made, name, self._address)
        return made


def fault_of(pair: Pair) -> str:
    """Why Kamailio could not use the pair, in words; "" when it can. A broken one would stop its start."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    except (TypeError, ValueError):
        return "not a PEM certificate and an unencrypted PEM key"
    shape = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*shape) != key.public_key().public_bytes(*shape):
        return "the key is not the certificate's"
    return ""


def _make(pair: Pair, name: str, address: str) -> None:
    """A self-signed certificate for the domain, or for our address."""
    key = ec.generate_private_key(ec.SECP256R1())
    alternative: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == DEFAULT:
        alternative = [x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName("localhost")]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address if name == DEFAULT else name[:64])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LASTS)
        .add_extension(x509.SubjectAlternativeName(alternative), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pair.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    _replace(pair.key, key.private_bytes(pem, pkcs8, plain))
    _replace(pair.certificate, certificate.public_bytes(pem))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _replace(path: Path, content: bytes) -> None:
    """Write a file that only we may read, whole or not at all; an equal one stays as it is."""
    if _read(path) == content:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_bytes(content)
    temporary.replace(path)
