"""A demo carrier that asks for a password (RFC 8760): by SHA-256 first, then by MD5."""

from __future__ import annotations

import hashlib
import re

from carillon.useragent import Message
from carillon.useragent.digest import digest_response, parse_challenge

USERNAME, PASSWORD = "carillon", "a carrier's word"
_REALM = "carrier.test"


def challenges(invite: Message) -> list[tuple[str, str]]:
    """The header fields of the 407 to an INVITE; each call has a nonce of its own."""
    nonce = hashlib.sha256(invite.call_id.encode()).hexdigest()[:16]
    asked = f'Digest realm="{_REALM}", nonce="{nonce}", qop="auth"'
    return [("Proxy-Authenticate", f"{asked}, algorithm={algorithm}") for algorithm in ("SHA-256", "MD5")]


def is_proven(invite: Message) -> bool:
    """Whether an INVITE holds the answer to one of its `challenges`."""
    answer = invite.get("Proxy-Authorization")
    if not answer:
        return False
    fields = dict(re.findall(r'(\w+)="?([^",]*)', answer))
    wanted = [
        digest_response(challenge, USERNAME, PASSWORD, "INVITE", invite.uri, fields.get("nc", ""), fields["cnonce"])
        for challenge in (parse_challenge(value) for _, value in challenges(invite))
        if "cnonce" in fields
    ]
    return fields.get("username") == USERNAME and fields.get("response") in wanted
