"""`python -m carillon.demo.carrier --name a`: one demo carrier, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal

from carillon.config import Config
from carillon.demo.carrier.control import serve
from carillon.demo.carrier.exchange import Exchange, Place
from carillon.useragent import PortRange


def main() -> None:
    """Read the command line (ports default to the configuration's) and run."""
    config = Config.from_env(os.environ)
    ports = config.ports
    parser = argparse.ArgumentParser(prog="carillon.demo.carrier", description="A demo carrier: SIP with audio.")
    parser.add_argument("--name", choices=("a", "b"), required=True)
    parser.add_argument("--port", type=int, help="UDP port for SIP")
    parser.add_argument("--http", type=int, help="TCP port of the control")
    parser.add_argument("--fail-every", type=int, default=0, help="each n-th call gets 503 (0: none)")
    arguments = parser.parse_args()
    is_a = arguments.name == "a"
    rtp = (
        PortRange(ports.carrier_a_rtp_min, ports.carrier_a_rtp_max)
        if is_a
        else PortRange(ports.carrier_b_rtp_min, ports.carrier_b_rtp_max)
    )
    place = Place(
        "127.0.0.1",
        arguments.port or (ports.carrier_a if is_a else ports.carrier_b),
        rtp,
        (config.advertised, ports.sip),
    )
    http = arguments.http or (ports.carrier_a_http if is_a else ports.carrier_b_http)
    asyncio.run(run(Exchange(arguments.name, place, fail_every=arguments.fail_every), http))


async def run(exchange: Exchange, http_port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with exchange.agent:
        server = await serve(exchange, "127.0.0.1", http_port)
        await stop.wait()
        server.close()


if __name__ == "__main__":
    main()
