"""Networks that somebody may come from: blocks of addresses, IPv4 and IPv6 (RFC 4632, RFC 4291)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

WIDEST = {4: 8, 6: 16}  # whoever trusts more than that trusts the whole internet

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def written_network(text: str) -> str | None:
    """Return the one spelling of an address or a block of addresses; None: it is none, or too wide to be trusted."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    if network.prefixlen < WIDEST[network.version]:
        return None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Tell whether an address is in one of the networks; what is no address is in none."""
    try:
        wanted = _plain(ipaddress.ip_address(address))
    except ValueError:
        return False
    blocks = (ipaddress.ip_network(one) for one in networks)
    return any(wanted.version == block.version and wanted in block for block in blocks)


def _plain(address: Address) -> Address:
    """IPv4 that came over an IPv6 socket is IPv4 (RFC 4291, 2.5.5.2)."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
