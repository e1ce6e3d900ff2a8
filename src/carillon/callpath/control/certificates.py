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
import ssl
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
# what OpenSSL calls the faults that people make
_WORDS: dict[str | None, str] = {
    "KEY_VALUES_MISMATCH": "the key is not the certificate's",
    "EE_KEY_TOO_SMALL": "the key is too short to be safe",
}
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

    def write(self, domains: Iterable[str]) -> bytes:
        """Write the configuration; it is another one when a file it names is. Costs file reads."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        chosen = [self._pair(name) for name in (DEFAULT, *sorted(domains))]
        authorities, fault = self._authorities()
        text = _text({pair.certificate.parent.name: pair for pair, _ in chosen}, authorities).encode()
        if text != _read(self.config):
            for complaint in filter(None, (fault, *(each for _, each in chosen))):
                log.error(complaint)
        _replace(self.config, text)
        return text

    def _authorities(self) -> tuple[list[Path], str]:
        """The file of authorities to believe beside the system's, if there is one, and what is wrong with it."""
        own = self._folder / "ca.pem"
        if not own.exists():
            return [], ""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(own)
        except OSError as error:  # ssl.SSLError is one
            return [], f"{own} can't be read ({error}): only the system's authorities are believed."
        return [own], ""

    def _pair(self, name: str) -> tuple[Pair, str]:
        """The name's pair, and why it is not the one that was brought."""
        brought, made = Pair.of(self._folder / name), Pair.of(self._folder / "made" / name)
        is_brought = brought.certificate.exists() or brought.key.exists()
        fault = fault_of(brought) if is_brought else ""
        if is_brought and not fault:
            return brought, ""
        if fault_of(made):
            _make(made, name, self._address)
        return made, fault and f"The certificate of {name} can't be used ({fault}): a self-signed one stands in for it."


def _text(pairs: dict[str, Pair], authorities: list[Path]) -> str:
    """The newest change is named too, so that a renewed certificate is a change of this text."""
    files = [*authorities, *(path for pair in pairs.values() for path in (pair.certificate, pair.key))]
    newest = max(path.stat().st_mtime_ns for path in files)
    parts = [f"# written by control; newest file {newest}\n"]
    for name, pair in pairs.items():
        where = DEFAULT if name == DEFAULT else "any"
        parts.append(_SERVER.format(where=where, certificate=pair.certificate, key=pair.key))
        if name != DEFAULT:
            parts.append(f"server_name = {name}\nserver_name_mode = 0\n")
    parts.append(_CLIENT.format(authorities=SYSTEM_AUTHORITIES))
    parts += [f"ca_list = {path}\n" for path in authorities]
    return "".join(parts)


def fault_of(pair: Pair) -> str:
    """Why Kamailio could not use the pair, in words; "" when it can. A broken one would stop its start.

    OpenSSL is asked, as Kamailio does: it also refuses keys that are too weak for the system's policy.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair.certificate, pair.key, password="")
    except ssl.SSLError as error:
        return _WORDS.get(error.reason, error.reason or "not a PEM certificate and an unencrypted PEM key")
    except OSError as error:
        return f"{pair.certificate.name} or {pair.key.name}: {error.strerror}"
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
