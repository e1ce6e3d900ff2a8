"""SIP secrets: made at random, kept encrypted, and the digest hashes derived from them.

The key is `Config.sip_key`, a file outside the database, so a stolen backup holds no usable password. Endpoints and
gateways keep the same format (docs/architecture/contracts.md): "v1:" + Fernet token.
"""

from __future__ import annotations

import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from carillon.base.errors import CarillonError

VERSION = "v1:"
UNAMBIGUOUS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without 0 O o 1 l I
SECRET_LENGTH = 24


class SecretUnreadable(CarillonError):
    """A stored secret does not decrypt with this installation's key."""

    slug = "secret-unreadable"
    title = _(
        "The stored secret can't be read with this installation's key: restore secrets/sip.key or set a new secret."
    )
    status = 409


def make_secret(length: int = SECRET_LENGTH) -> str:
    """Return a random secret of `length` letters and digits that nobody misreads (5.8 bits each)."""
    return "".join(secrets.choice(UNAMBIGUOUS) for _ in range(length))


def encrypt(secret: str) -> str:
    """Return `secret` as it is stored: "v1:" + Fernet token."""
    return VERSION + _fernet().encrypt(secret.encode()).decode()


def decrypt(stored: str) -> str:
    """Return the secret behind a stored value.

    Raises:
        SecretUnreadable: another key encrypted it, or it is not in a known format.
    """
    if not stored.startswith(VERSION):
        raise SecretUnreadable
    try:
        return _fernet().decrypt(stored[len(VERSION) :].encode()).decode()
    except InvalidToken:
        raise SecretUnreadable from None


def _fernet() -> Fernet:
    return Fernet(settings.CONFIG.sip_key)


def ha1_md5(username: str, domain: str, secret: str) -> str:
    """Return H(A1) of RFC 2617 in lower-case hex; the realm is the SIP domain."""
    text = f"{username}:{domain}:{secret}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()  # what RFC 3261 phones speak


def ha1_sha256(username: str, domain: str, secret: str) -> str:
    """Return H(A1) of RFC 8760 in lower-case hex; the realm is the SIP domain."""
    return hashlib.sha256(f"{username}:{domain}:{secret}".encode()).hexdigest()
