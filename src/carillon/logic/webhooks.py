"""What a webhook message carries, and which addresses may be called.

Signatures follow Standard Webhooks (https://www.standardwebhooks.com, specification 1.0.0).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from datetime import datetime

SECRET_MARK = "whsec_"  # noqa: S105 - lets secret scanners and people recognise the secrets
SECRET_BYTES = 32

# Global by IANA's registry, yet no host of the Internet's own: addresses that stand for others behind them.
_RELAYS = [ipaddress.ip_network(text) for text in ("2002::/16", "2001::/23", "64:ff9b::/96", "64:ff9b:1::/48")]
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


def make_secret() -> str:
    """Return a new signing secret: "whsec_" and 32 random bytes in base64."""
    return SECRET_MARK + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature, "v1," and the HMAC-SHA256 over id, time and body in base64.

    Args:
        secret: as `make_secret` gives it.
        message_id: what the header webhook-id says.
        timestamp: what webhook-timestamp says, Unix seconds.
        body: the bytes sent.

    Source: Standard Webhooks, "Signature scheme".
    """
    key = base64.b64decode(secret.removeprefix(SECRET_MARK))
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def signed_headers(secrets_in_use: Iterable[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers of a message; while a secret is being replaced, one signature by each."""
    timestamp = int(at.timestamp())
    signatures = [signature(secret, message_id, timestamp, body) for secret in secrets_in_use]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def is_public(address: str) -> bool:
    """Tell whether an IP address is a host of the public Internet, and nothing that leads into a network of somebody's.

    Private, loopback, link-local (cloud metadata among them), shared, multicast and reserved ones are not, nor IPv6
    addresses with an IPv4 address inside (mapped, 6to4, Teredo, NAT64): a translator would take us to the inner one.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if found.is_multicast or found.is_reserved or found.is_unspecified or not found.is_global:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return True
    return found in _GLOBAL_UNICAST and not any(found in relay for relay in _RELAYS)
