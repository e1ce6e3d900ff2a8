"""The documents of the read contract: which view holds which type.

`callfeed.<kind>_doc(key text, doc jsonb)`; `doc` is the JSON form (`carillon.logic.documents`) of the type named here.
The publisher (`callfeed_sql`) and the readers (`callpath`, jobs, tests) share nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from carillon.logic.callflow.feed import (
    BlacklistEntry,
    Customer,
    DestinationGroup,
    Domain,
    Endpoint,
    Gateway,
    Number,
    Partner,
    Route,
    User,
)
from carillon.logic.callflow.terms import ExchangeRate, FallbackRule
from carillon.logic.documents import DocumentError, from_document

TYPES: Final[Mapping[str, type[Any]]] = {
    "domain": Domain,
    "endpoint": Endpoint,
    "customer": Customer,
    "user": User,
    "extension": User,
    "number": Number,
    "partner": Partner,
    "gateway": Gateway,
    "route": Route,
    "blacklist": BlacklistEntry,
    "group": DestinationGroup,
    "exchange": ExchangeRate,
    "markup": FallbackRule,
}
REFERENCE_KINDS: Final = frozenset({"partner", "gateway", "route", "rate", "blacklist", "group", "exchange", "markup"})
"""Held whole as a snapshot; the other kinds are read one by one through a cache."""

NOTIFY_CHANNEL: Final = "callfeed"
MONEY_CHANNEL: Final = "callfeed_money"
"""Tells the id of an account whose holder may spend more than before: by a payment or a higher credit limit."""
NOTIFIED_KINDS: Final = (
    *("domain", "endpoint", "customer", "user", "number"),
    *("partner", "gateway", "route", "rate", "blacklist", "group", "exchange", "markup"),
)
"""Payloads of the channel; each has a sequence `callfeed.generation_<kind>`. `user` covers `extension` too."""


def view_of(kind: str) -> str:
    """The view of a kind with its schema: `callfeed.endpoint_doc`. Raises KeyError for an unknown kind."""
    if kind not in TYPES:
        raise KeyError(kind)
    return f"callfeed.{kind}_doc"


def decode(kind: str, doc: Mapping[str, Any]) -> Any:
    """The value of a document of `kind`. Raises DocumentError when it does not fit, KeyError for an unknown kind."""
    try:
        return from_document(TYPES[kind], doc)
    except DocumentError as error:
        raise DocumentError(f"A document of callfeed.{kind}_doc does not fit: {error}.") from error


def endpoint_key(username: str, domain: str) -> str:
    """The key of `endpoint_doc`; SIP host names compare without case (RFC 3261, 19.1.4), user names with it."""
    return f"{username}@{domain.lower()}"


def extension_key(customer_id: int, extension: str) -> str:
    """The key of `extension_doc`."""
    return f"{customer_id}/{extension}"
