"""Source addresses by which calls are believed: each is one owner's over the whole platform."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from django.db import connection


def split_port(text: str) -> tuple[str, str]:
    """`192.0.2.1:5060` or `[2001:db8::1]:5060` as address and port; the port empty when there is none."""
    block, _, port = text.rpartition(":")
    is_port = port.isascii() and port.isdigit() and 0 < int(port) <= 65_535
    is_block = ("." in block and ":" not in block) or (block.startswith("[") and block.endswith("]"))
    return (block.strip("[]"), port) if is_port and is_block else (text.strip("[]"), "")


def written_source(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: str) -> str:
    """The one spelling of a source address with its port, if any."""
    if not port:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def is_source_taken(sources: Sequence[str], *, endpoint_id: int | None = None, with_gateways: bool = False) -> bool:
    """Tell whether an account but `endpoint_id` (or, on demand, a gateway) anywhere has an address that overlaps these.

    Until the transaction ends nobody else is told about theirs. One query past row-level security.
    """
    if not sources:
        return False
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_source_taken(%s, %s, %s)", [list(sources), endpoint_id, with_gateways])
        return bool(cursor.fetchone()[0])
