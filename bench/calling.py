"""What benches with calls share: room for them, and a carrier that answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.sipp import Load, Sipp
from carillon.server.installation import Installation

PATH = ("rtpengine", "kamailio", "control", "worker")  # what a call meets beside PostgreSQL, in starting order
SHORT_MS = 1000
SETTINGS = {
    "CARILLON_CHUNK_SECONDS": "10",
    # a thousand calls at once need more than a session's ports; rtpengine passes over those that others have
    "CARILLON_PORT_RTP_MIN": "40000",
    "CARILLON_PORT_RTP_MAX": "49999",
}


@contextmanager
def carrier(installed: Installation, *, echo_port: int = 0) -> Iterator[None]:
    """A carrier that answers every call, where the demo world's cheapest gateway points."""
    port = installed.config.ports.carrier_a
    installed.sql("update routing_gateway set is_probed = false")  # sipp takes an OPTIONS for a call that fails
    answering = Sipp(Load("answer", port, "127.0.0.1", 0, 0, echo_port=echo_port), installed.logs / "carrier")
    try:
        yield
    finally:
        answering.stop()
