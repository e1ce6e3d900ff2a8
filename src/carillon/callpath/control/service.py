"""The composition root of control: one process beside one Kamailio."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import asyncpg
from cryptography.fernet import Fernet, InvalidToken

from carillon.callpath.control.bans import Bans
from carillon.callpath.control.carriers import Carriers
from carillon.callpath.control.certificates import Certificates
from carillon.callpath.control.channels import Channels
from carillon.callpath.control.decider import Decider, Settings
from carillon.callpath.control.evapi import Edge, EdgeGone, EdgeRefused
from carillon.callpath.control.feed import Knowledge
from carillon.callpath.control.forwarder import Forwarder
from carillon.callpath.control.live import Live, LiveCalls, now_ms
from carillon.callpath.control.pressure import Pressure
from carillon.callpath.control.pulse import Pulse
from carillon.callpath.control.quality import QualityMeter
from carillon.callpath.control.relay import Relay
from carillon.callpath.control.status import StatusServer
from carillon.callpath.control.store import (
    UNAVAILABLE,
    CallStore,
    CreditStore,
    Queries,
    connect_ahead,
    described,
    open_pool,
)
from carillon.callpath.control.sweeper import Sweeper
from carillon.callpath.control.tables import EdgeTables, blocked_networks, emergency_routes
from carillon.callpath.control.trace import Traces
from carillon.callpath.control.windows import CreditWindows
from carillon.config import Config
from carillon.logic.documents import DocumentError

log = logging.getLogger(__name__)
Json = dict[str, Any]

EDGE_NAME = "edge-1"  # calls belong to the Kamailio that carries them; there is one per installation yet
DRAIN_S = 5.0
RETRY_S = 1.0
CERTIFICATES_S = 5.0
EXPIRY_SLACK_S = 0.01
HEP_BUFFER = 4_000_000  # bytes: a burst of messages while the loop is busy
VERSION = "v1:"


def opener(key: bytes) -> Callable[[str], str]:
    """A function that opens secrets at rest (`v1:` + Fernet token); an empty one stays empty, a broken one is empty."""
    fernet = Fernet(key)

    @lru_cache(1024)  # each call to a carrier with a password asks
    def decrypt(secret: str) -> str:
        if not secret:
            return ""
        try:
            return fernet.decrypt(secret.removeprefix(VERSION).encode()).decode()
        except InvalidToken:
            log.error("A gateway's password can't be opened: was secrets/sip.key replaced?")
            return ""

    return decrypt


class Control:
    """All parts of control, wired. `run` lives until cancelled."""

    _has_told = False
    _registering: asyncio.Task[None] | None = None
    _expiry: asyncio.TimerHandle | None = None

    def __init__(self, config: Config, pool: asyncpg.Pool[asyncpg.Record], queries: Queries) -> None:
        decrypt = opener(config.sip_key)
        self.store = CallStore(queries)
        self.traces = Traces(self.store)
        self.edge = Edge(
            config.ports.evapi, config.control_token, on_message=self._hear, on_connect=self._tell_everything
        )
        self.windows = CreditWindows(EDGE_NAME, CreditStore(queries))
        self.knowledge = Knowledge(pool, queries, config.database("control"), config.home, self._changed)
        channels = Channels(self.knowledge.gateway)
        self.knowledge.fullness = channels.fullness
        self.live = LiveCalls(self.store, self.windows, lambda: self.edge, self.traces, channels)
        self.knowledge.on_money = self.live.money_came
        self.carriers = Carriers(self.store, lambda: self.edge, self.knowledge, config.advertised, self._turned)
        self.knowledge.condition = self.carriers.condition
        settings = Settings(EDGE_NAME, config.advertised, config.chunk_s, decrypt, config.most_decisions)
        self.decider = Decider(
            settings, self.knowledge, self.store, self.windows, self.live, self.traces, lambda: self.edge
        )
        self.forwarder = Forwarder(settings, self.knowledge, self.store, self.windows, self.live, lambda: self.edge)
        certificates = Certificates(config.home, config.runtime, config.advertised)
        self.tables = EdgeTables(self.edge, config.advertised, decrypt, certificates)
        self.pressure = Pressure(pool)
        self.decider.on_wait(self.pressure.calls_wait)
        self.bans = Bans(self.store, self.tables, self.live.background)
        self.relay = Relay(config.ports.rtpengine_ng)
        pulse = Pulse(self.relay, config.media_timeout_s)
        self.sweeper = Sweeper(settings, self.store, self.live, pulse, lambda: self.edge)
        self.live.on_stranger = self.sweeper.look_soon
        self.live.on_event, self.live.on_over = self.carriers.hear_call, self._over
        self._quality = QualityMeter(self.relay, self.live)
        self.status = StatusServer(
            config.control_token, self.live, lambda: self.edge, self.health, self.bans.lift, self.decider.decide
        )
        self.status.spendable, self.status.seconds_left = self.store.spendable, self.store.seconds_left
        self._ports, self._pool = config.ports, pool
        self._telling = asyncio.Lock()
        self._untold: set[str] = set()
        self._abroad: frozenset[tuple[str, str]] = frozenset()

    async def run(self) -> None:
        """Serve until cancelled; then write what is pending."""
        loop = asyncio.get_running_loop()
        hep, _ = await loop.create_datagram_endpoint(lambda: self.traces, ("127.0.0.1", self._ports.hep))
        hep.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HEP_BUFFER)
        server = await self.status.start(self._ports.control)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(connect_ahead(self._pool))  # meanwhile calls wait: better than no control
                group.create_task(self.knowledge.run())
                group.create_task(self.sweeper.count_channels())  # for this calls wait too
                group.create_task(self.edge.run())
                group.create_task(self.sweeper.run())
                group.create_task(self._keep_certificates())
                group.create_task(self.windows.run())
                group.create_task(self.pressure.run())
                group.create_task(self.carriers.run())
        finally:
            hep.close()
            server.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self.live.drain()
                    await self.traces.drain()
            self.relay.close()

    def health(self) -> dict[str, Any]:
        """What `GET /health` says."""
        return {
            "edge": self.edge.is_connected and self._has_told,
            "reference": self.knowledge.is_complete,
            "calls": len(self.live),
            "generations": self.knowledge.generations,
        }

    def _hear(self, message: Json) -> None:
        try:
            if message["op"] == "call":
                self.decider.hear(message)
            elif message["op"] == "forward":
                self.forwarder.hear(message)
            elif message["op"] == "late":
                self.decider.hear_late(message)
            elif message["op"] == "ban":
                self.bans.hear(message)
            elif message["op"] == "probed":
                self.carriers.hear(message)
            else:
                self.live.hear(message)
        except (KeyError, TypeError, ValueError) as error:
            log.error("Kamailio sent a message that can't be read: %r (%s)", message, error)

    def _over(self, live: Live) -> None:
        self._quality.measure_later(live)
        if live.state.answered_ms is not None:
            self.pressure.over(live.call_id)
        self.carriers.count_talk(live)

    def _turned(self) -> None:
        """A gateway went away or is back: emergency calls without us go by what we know."""
        self.live.background(self._changed(frozenset({"health"})))

    # ------------------------------------------------------------ what Kamailio must know

    async def _tell_everything(self) -> None:
        self.tables.forget()
        self.sweeper.edge_is_back()
        self._has_told = False
        await self._tell(frozenset({"domain", "gateway", "endpoint", "ban"}))
        self._has_told = True

    async def _changed(self, kinds: frozenset[str]) -> None:
        if self.edge.is_connected:  # else everything is told when it is back
            await self._tell(kinds)

    async def _tell(self, kinds: frozenset[str]) -> None:
        """Tell Kamailio what changed, until it knows or is gone."""
        self._untold |= kinds
        async with self._telling:
            while self._untold and self.edge.is_connected:
                kinds, self._untold = frozenset(self._untold), set()
                try:
                    await self._tell_kinds(kinds)
                except (*UNAVAILABLE, DocumentError) as error:
                    self._untold |= kinds
                    what = ", ".join(sorted(kinds))
                    log.error("Kamailio could not be told what changed (%s): %s", what, described(error))
                    await asyncio.sleep(RETRY_S)

    async def _tell_kinds(self, kinds: frozenset[str]) -> None:
        if "gateway" in kinds:
            await self.tables.tell_gateways(self.knowledge.gateways)
        if kinds & {"endpoint", "user", "customer", "number"}:
            await self.tables.forget_accounts()
        if kinds & {"endpoint", "domain", "customer"}:
            await self.tables.tell_trunks(await self.knowledge.trunks())
        if "ban" in kinds:
            await self.bans.restore()
        abroad = await self.knowledge.abroad() if kinds & {"domain", "customer"} else self._abroad
        if abroad != self._abroad:  # a SIP domain has its first customer in a country, or the last one has left it
            kinds |= {"health"}
        if kinds & {"domain", "gateway", "route", "partner", "blacklist", "health"}:
            await self._tell_by_domain(kinds, abroad)
        if "gateway" in kinds:
            self._registering = asyncio.create_task(self._register_again())  # nobody waits for it

    async def _tell_by_domain(self, kinds: frozenset[str], abroad: frozenset[tuple[str, str]]) -> None:
        feed, domains = self.knowledge.at(now_ms()), await self.knowledge.domains()
        if kinds != {"health"}:
            await self.tables.tell_domains(domains)
        if feed is None:
            return
        if kinds != {"health"}:
            await self.tables.tell_blocked(blocked_networks(feed, self.knowledge.blacklist, domains, now_ms()))
            self._tell_at_expiry()
        await self.tables.tell_emergency(emergency_routes(feed, domains, abroad))
        self._abroad = abroad  # only now: what could not be told is told again

    async def _keep_certificates(self) -> None:
        """Take up certificates that were renewed in their folder."""
        while True:
            await asyncio.sleep(CERTIFICATES_S)
            try:
                if self.edge.is_connected:
                    await self.tables.tell_certificates()
            except (EdgeGone, OSError) as error:
                log.warning("Certificates were not looked at: %s", error)

    def _tell_at_expiry(self) -> None:
        """Kamailio keeps no time for blocked networks: tell it again when the next one has served its term."""
        if self._expiry is not None:
            self._expiry.cancel()
        ahead = [entry.expires_ms for entry in self.knowledge.blacklist if (entry.expires_ms or 0) > now_ms()]
        if ahead:
            delay_s = (min(filter(None, ahead)) - now_ms()) / 1000 + EXPIRY_SLACK_S
            self._expiry = asyncio.get_running_loop().call_later(delay_s, self._expired)

    def _expired(self) -> None:
        self.live.background(self._changed(frozenset({"blacklist"})))

    async def _register_again(self) -> None:
        try:
            await self.tables.register_again()
        except EdgeRefused as error:
            log.error("Registrations at carriers were not renewed: %s", error)
        except EdgeGone:
            log.warning("Kamailio went away before it renewed its registrations; it reads them when it is back.")


async def serve(config: Config) -> None:
    """Run control until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, main.cancel if main else loop.stop)
    pool = await open_pool(config.database("control"))
    try:
        async with Queries(pool) as queries:
            await Control(config, pool, queries).run()
    except asyncio.CancelledError:
        log.info("control stops: it was asked to.")
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pool.close(), 2)
