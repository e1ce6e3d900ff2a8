"""Digest authentication of a client (RFC 2617 and RFC 8760): MD5 and SHA-256 with qop auth and a nonce count."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Challenge:
    """What WWW-Authenticate or Proxy-Authenticate asked for."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: str = ""
    opaque: str = ""
    is_stale: bool = False


def parse_challenge(value: str) -> Challenge:
    """A Digest challenge. Raises ValueError for another scheme or an unknown algorithm."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        raise ValueError(f"The server asks for {scheme} authentication; only Digest is spoken here.")
    fields = {
        name.lower(): quoted or plain
        for name, quoted, plain in re.findall(r'([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', rest)
    }
    algorithm = fields.get("algorithm", "MD5").upper()
    if algorithm not in ("MD5", "SHA-256"):
        raise ValueError(f"The server asks for digest algorithm {algorithm}; MD5 and SHA-256 are spoken here.")
    offered = [option.strip() for option in fields.get("qop", "").split(",")]
    return Challenge(
        realm=fields.get("realm", ""),
        nonce=fields.get("nonce", ""),
        algorithm=algorithm,
        qop="auth" if "auth" in offered else "",
        opaque=fields.get("opaque", ""),
        is_stale=fields.get("stale", "").lower() == "true",
    )


@dataclass(slots=True)
class DigestClient:
    """Credentials of one account, and how often each nonce was used."""

    username: str
    password: str
    _counts: dict[str, int] = field(default_factory=dict)

    def authorization(self, challenge: Challenge, method: str, uri: str) -> str:
        """The value of (Proxy-)Authorization for one request; counts the nonce's use."""
        count = self._counts[challenge.nonce] = self._counts.get(challenge.nonce, 0) + 1
        cnonce, nc = secrets.token_hex(8), f"{count:08x}"
        response = digest_response(challenge, self.username, self.password, method, uri, nc, cnonce)
        fields = [
            f'username="{self.username}"',
            f'realm="{challenge.realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{uri}"',
            f'response="{response}"',
            f"algorithm={challenge.algorithm}",
        ]
        if challenge.qop:
            fields += [f"qop={challenge.qop}", f"nc={nc}", f'cnonce="{cnonce}"']
        if challenge.opaque:
            fields.append(f'opaque="{challenge.opaque}"')
        return "Digest " + ", ".join(fields)


def digest_response(
    challenge: Challenge, username: str, password: str, method: str, uri: str, nc: str, cnonce: str
) -> str:
    """The response of RFC 2617, section 3.2.2.1, in hexadecimal."""
    secret = _hash(challenge.algorithm, f"{username}:{challenge.realm}:{password}")
    subject = _hash(challenge.algorithm, f"{method}:{uri}")
    if challenge.qop:
        return _hash(challenge.algorithm, f"{secret}:{challenge.nonce}:{nc}:{cnonce}:{challenge.qop}:{subject}")
    return _hash(challenge.algorithm, f"{secret}:{challenge.nonce}:{subject}")


def _hash(algorithm: str, text: str) -> str:
    if algorithm == "SHA-256":
        return hashlib.sha256(text.encode()).hexdigest()
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
