"""Everything control knows of the business: the document cache, the reference snapshot, and what keeps them current."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from carillon.callfeed.documents import (
    MONEY_CHANNEL,
    NOTIFIED_KINDS,
    NOTIFY_CHANNEL,
    REFERENCE_KINDS,
    decode,
    endpoint_key,
    extension_key,
)
from carillon.callfeed.snapshot import ImplausibleSnapshot, Snapshot
from carillon.callpath.control.documents import DocumentCache
from carillon.callpath.control.ratefiles import Approved, RateFiles
from carillon.callpath.control.reference import Reference, read_reference, restore, save
from carillon.callpath.control.store import DOCUMENTS, QUERY_S, UNAVAILABLE, Queries, described
from carillon.callpath.control.together import Together
from carillon.config import Database
from carillon.logic.callflow.feed import (
    UNKNOWN_CONDITION,
    BlacklistEntry,
    Condition,
    Customer,
    Domain,
    Endpoint,
    Fullness,
    Gateway,
    Number,
    Partner,
    Route,
    User,
)
from carillon.logic.documents import DocumentError
from carillon.logic.markup import Rules
from carillon.logic.rating import RatesAt

log = logging.getLogger(__name__)

RECONNECT_S = 1.0
RATES_RETRY_S = 5.0
CHECK_S = 5.0  # a broken connection without traffic is noticed by asking
_GENERATIONS = " union all ".join(
    f"select '{kind}' as kind, last_value as generation from callfeed.generation_{kind}"  # noqa: S608 - constants
    for kind in NOTIFIED_KINDS
)
Changed = Callable[[frozenset[str]], Awaitable[None]]
AskFullness = Callable[[Gateway], Fullness | None]
AskCondition = Callable[[Gateway], Condition]


class CallFeed:
    """Implements `callflow.feed.Feed` for one moment; cheap to make per call. Raises Missing for what is not loaded."""

    __slots__ = ("_at_ms", "_condition", "_documents", "_fullness", "_rates", "_snapshot")

    def __init__(
        self,
        documents: DocumentCache,
        snapshot: Snapshot,
        at_ms: int,
        fullness: AskFullness,
        condition: AskCondition,
    ) -> None:
        self._documents, self._snapshot, self._at_ms = documents, snapshot, at_ms
        self._fullness, self._condition = fullness, condition
        self._rates = snapshot.prices.at(at_ms)

    @property
    def rates(self) -> RatesAt:
        """The price lists in force."""
        return self._rates

    @property
    def at_ms(self) -> int:
        """The call's beginning."""
        return self._at_ms

    def domain(self, name: str) -> Domain | None:
        """The SIP domain, whatever its case."""
        found: Domain | None = self._documents.get("domain", name.lower())
        return found

    def endpoint(self, username: str, domain: str) -> Endpoint | None:
        """The SIP account."""
        found: Endpoint | None = self._documents.get("endpoint", endpoint_key(username, domain))
        return found

    def customer(self, customer_id: int) -> Customer | None:
        """The customer by id."""
        found: Customer | None = self._documents.get("customer", str(customer_id))
        return found

    def user(self, user_id: int) -> User | None:
        """The user by id."""
        found: User | None = self._documents.get("user", str(user_id))
        return found

    def user_at(self, customer_id: int, extension: str) -> User | None:
        """The customer's user with that extension."""
        found: User | None = self._documents.get("extension", extension_key(customer_id, extension))
        return found

    def number(self, e164: str) -> Number | None:
        """The number of our stock."""
        found: Number | None = self._documents.get("number", e164)
        return found

    def partner(self, partner_id: int) -> Partner | None:
        """The partner by id."""
        return self._snapshot.partner(partner_id)

    def gateway(self, gateway_id: int) -> Gateway | None:
        """The gateway by id."""
        return self._snapshot.gateway(gateway_id)

    def gateways_at(self, address: str, port: int) -> tuple[Gateway, ...]:
        """The gateways whose calls may come from there."""
        return self._snapshot.gateways_at(address, port)

    def fullness(self, gateway: Gateway) -> Fullness | None:
        """As the calls of this edge are now, not at the feed's moment."""
        return self._fullness(gateway)

    def condition(self, gateway: Gateway) -> Condition:
        """As the edge has found it by now, not at the feed's moment."""
        return self._condition(gateway)

    def routes(self, partner_id: int) -> tuple[Route, ...]:
        """The partner's own routes."""
        return self._snapshot.routes(partner_id)

    def blacklisted(self, partner_id: int, kind: str, value: str) -> BlacklistEntry | None:
        """The entry of the partner's own blacklist."""
        return self._snapshot.blacklisted(partner_id, kind, value, self._at_ms)

    def group_match(self, group_id: int, e164: str) -> int | None:
        """How long the longest prefix of the number in the group is, or None."""
        return self._snapshot.group_match(group_id, e164)

    def fallback(self, partner_id: int) -> Rules:
        """The partner's mark-up for numbers that none of its lists has."""
        return self._snapshot.fallback(partner_id)

    def exchange_rate(self, partner_id: int, source: str, target: str) -> Decimal | None:
        """What one unit of `source` is worth in `target` for a seller."""
        return self._snapshot.exchange_rate(partner_id, source, target, self._at_ms)


class Knowledge:
    """The cache and the snapshot, kept current by NOTIFY.

    `on_change` is told the kinds that changed, after the new state is in force; it is also called once with all kinds
    when the first snapshot is there. In `home` is what a start finds: the last good copy and the files of rates.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        queries: Queries,
        database: Database,
        home: Path,
        on_change: Changed,
    ) -> None:
        self._pool, self._queries, self._database, self._on_change = pool, queries, database, on_change
        self._copy, self._files = home / "control-reference.json.gz", RateFiles(home / "control-rates")
        read = Together(self._read_documents, lanes=2)
        self.documents = DocumentCache(lambda kind, key: read((kind, key)))
        self._reference: Reference | None = None
        self.generations: dict[str, int] = {}  # of each kind in force
        self._changed: set[str] = set()
        self.fullness: AskFullness = lambda gateway: None  # where calls are counted says more
        self.condition: AskCondition = lambda gateway: UNKNOWN_CONDITION  # where gateways are asked says more
        self.on_money: Callable[[int | None], None] = lambda account_id: None  # who has calls says more
        self._wake = asyncio.Event()
        self._swapped = asyncio.Event()  # replaced by a new one at each swap
        self._readers: dict[bool, asyncio.Task[None]] = {}  # of big versions and of small ones

    @property
    def is_complete(self) -> bool:
        """Whether reference data are in force and the rates of all their price lists are read."""
        return self._reference is not None and not self._reference.unread

    def at(self, at_ms: int) -> CallFeed | None:
        """The feed for a call at `at_ms`; None before the first snapshot."""
        if self._reference is None:
            return None
        return CallFeed(self.documents, self._reference.snapshot, at_ms, self.fullness, self.condition)

    def gateway(self, gateway_id: int) -> Gateway | None:
        """The gateway in force."""
        return self._reference.snapshot.gateway(gateway_id) if self._reference else None

    @property
    def gateways(self) -> tuple[Gateway, ...]:
        """All gateways in force."""
        return self._reference.gateways if self._reference else ()

    @property
    def blacklist(self) -> tuple[BlacklistEntry, ...]:
        """All blacklist entries in force, expired ones included."""
        return self._reference.blacklist if self._reference else ()

    async def domains(self) -> tuple[Domain, ...]:
        """All SIP domains. Raises one of UNAVAILABLE, DocumentError."""
        rows = await self._pool.fetch("select doc from callfeed.domain_doc")
        return tuple(decode("domain", row["doc"]) for row in rows)

    async def abroad(self) -> frozenset[tuple[str, str]]:
        """SIP domains, each with the countries of its customers that are not its own. Raises one of UNAVAILABLE."""
        rows = await self._pool.fetch("select domain, country from callfeed.abroad")
        return frozenset((row["domain"], row["country"]) for row in rows)

    async def trunks(self) -> dict[str, str]:
        """Accounts known by address: `username@domain` by source. Raises one of UNAVAILABLE."""
        rows = await self._pool.fetch("select source, account from callfeed.trunk")
        return {row["source"]: row["account"] for row in rows}

    async def _read_documents(self, asked: Sequence[tuple[str, str]]) -> Sequence[dict[tuple[str, str], Any]]:
        """Each gets all: what another call asked for is good to have."""
        kinds, keys = zip(*asked, strict=True)
        rows = await self._queries.fetch(DOCUMENTS, kinds, keys, timeout=QUERY_S)
        found = {(row["of_kind"], row["of_key"]): row["doc"] for row in rows}
        return [found] * len(asked)

    async def load(self, kind: str, key: str) -> None:
        """Get what a feed says is missing: a document, or what changes next in the price lists.

        Raises what reading a document raises.
        """
        if kind == "rates":
            await self._swapped.wait()
        else:
            await self.documents.load(kind, key)

    async def run(self) -> None:
        """Keep current until cancelled: a listener and a loader, with readers of rates."""
        if restored := await asyncio.to_thread(restore, self._copy, self._files):
            self._swap(restored)
            await self._on_change(frozenset(REFERENCE_KINDS))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                group.create_task(self._load())
        finally:
            for task in self._readers.values():
                task.cancel()

    # ------------------------------------------------------------ listening

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except UNAVAILABLE as error:
                log.warning("PostgreSQL's notifications are interrupted (%s); connecting again.", described(error))
            await asyncio.sleep(RECONNECT_S)

    async def _listen_once(self) -> None:
        connection = await asyncpg.connect(self._database.url, timeout=3, command_timeout=3)
        try:
            await connection.add_listener(NOTIFY_CHANNEL, self._notified)
            await connection.add_listener(MONEY_CHANNEL, self._paid)
            await self._compare(connection)
            self.on_money(None)  # who paid while we were away is not known
            while True:
                await asyncio.sleep(CHECK_S)
                await connection.execute("select 1")
        finally:
            with contextlib.suppress(*UNAVAILABLE):
                await connection.close(timeout=1)

    def _notified(self, _connection: object, _pid: int, _channel: str, kind: object) -> None:
        self._mark(str(kind))

    def _paid(self, _connection: object, _pid: int, _channel: str, account_id: object) -> None:
        self.on_money(int(str(account_id)))

    def _mark(self, kind: str) -> None:
        self._changed.add(kind)
        if kind not in REFERENCE_KINDS:
            self.documents.forget(kind)
        self._wake.set()

    async def _compare(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Notifications sent while we were away are lost; the counters tell which kinds they were about."""
        for row in await connection.fetch(_GENERATIONS):
            if self.generations.get(row["kind"]) != row["generation"]:
                self._mark(row["kind"])

    # ------------------------------------------------------------ loading

    async def _load(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = frozenset(self._changed), set()
            if not await self._take_up(changed):
                self._changed |= changed
                await asyncio.sleep(RECONNECT_S)
                self._wake.set()

    async def _take_up(self, changed: frozenset[str]) -> bool:
        """Bring a batch of changes into force; False when PostgreSQL did not answer."""
        try:
            rows = await self._pool.fetch(_GENERATIONS)
        except UNAVAILABLE as error:
            log.warning("What changed can't be read now: %s", described(error))
            return False
        if changed & REFERENCE_KINDS and not await self._load_reference():
            return False
        await self._on_change(changed)
        known = changed if self.is_complete else changed - {"rate"}
        self.generations |= {row["kind"]: row["generation"] for row in rows if row["kind"] in known}
        return True

    async def _load_reference(self) -> bool:
        """Swap the snapshot; False when PostgreSQL did not answer. An implausible one is refused, the old one stays."""
        try:
            reference = await read_reference(self._pool, self._files, self._reference)
        except UNAVAILABLE as error:
            log.error("The reference data can't be read (%s); the old ones stay in force.", described(error))
            return False
        except (ImplausibleSnapshot, DocumentError) as error:
            log.error("New reference data are refused, the old ones stay in force: %s", error)
            return True
        self._swap(reference)
        self._begin_reading([version for version in reference.unread if version.is_big][:1])
        self._begin_reading([version for version in reference.unread if not version.is_big])
        try:
            await asyncio.to_thread(self._keep, reference)
        except OSError as error:
            log.error("The copy of the reference data could not be written to %s: %s", self._copy, error)
        return True

    def _swap(self, reference: Reference) -> None:
        self._reference = reference
        self._swapped.set()
        self._swapped = asyncio.Event()
        counts, unread = reference.snapshot.counts(), len(reference.unread)
        log.info("Reference data in force: %s%s.", counts, f", {unread} price lists still to be read" if unread else "")

    def _keep(self, reference: Reference) -> None:
        save(reference, self._copy)
        if not reference.unread:
            self._files.keep_only(reference.tables)

    def _begin_reading(self, versions: Sequence[Approved]) -> None:
        """Big versions come one after the other; small ones together, so that none waits for a big one."""
        if versions and versions[0].is_big not in self._readers:
            self._readers[versions[0].is_big] = asyncio.create_task(self._read_rates(versions))

    async def _read_rates(self, versions: Sequence[Approved]) -> None:
        """Bring rates into their files and have them taken up; what failed is tried again."""
        if not await self._files.read(versions):
            self._mark("rate")  # for those that did not fail
            await asyncio.sleep(RATES_RETRY_S)
        del self._readers[versions[0].is_big]
        self._mark("rate")
