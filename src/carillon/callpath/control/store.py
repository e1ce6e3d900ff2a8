"""The callfeed functions that write: holds, events, traces. Every call has a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from uuid import UUID

import asyncpg

from carillon.callpath.control.together import Together
from carillon.config import Database
from carillon.logic import jsontext
from carillon.logic.callflow.bundles import Bundles
from carillon.logic.callflow.signals import Extend

log = logging.getLogger(__name__)

QUERY_S = 1.0
RETURN_S = 0.2  # for the server to confirm that it has given a query up; else the connection is closed
CONNECT_S = 1.0
SLOW_QUERY_S = 10.0
PAUSE_S = 0.25  # how a call sounded is written together with others
RETRY_S, MAX_RETRY_S = 0.5, 10.0
Json = dict[str, Any]

# What can go wrong with a query for reasons outside it: the server is away, slow or refuses for now.
UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


@dataclass(frozen=True, slots=True)
class Opening:
    """The row of a call and one hold, for the chain `chain_no`. `hold_account` None: nobody pays.

    `bundle` is asked first (`callfeed.hold_chain`).
    """

    call_id: UUID
    started_ms: int
    edge: str
    decision: Json
    hold_account: int | None
    hold_micro: int
    funded_until_ms: int | None
    upper: Sequence[tuple[int, int]] = ()
    chain_no: int = 0
    bundle: Json | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a hold: "ok" or what is missing; with a bundle its money and (allowance id, seconds)."""

    slug: str
    micro: int = 0
    bundles: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Credit:
    """What a call needs of the tiers above: (account id, total of the call, how much of it is new and comes from the
    windows of this lease)."""

    lease: UUID | None = None
    needed: tuple[tuple[int, int, int], ...] = ()

    @property
    def is_covered(self) -> bool:
        """Whether a new call has all of it from the windows."""
        return self.lease is not None and all(total == spent for _, total, spent in self.needed)


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that PostgreSQL believes to be up, with what is held for each of its chains, and of the tiers above."""

    call_id: UUID
    started_ms: int
    answered_ms: int | None
    answered_target: int | None
    decision: Json
    held: Mapping[int, int]
    upper: Mapping[int, Mapping[int, int]]
    bundles: Mapping[int, Bundles]


POOL = 16  # more connections at once make PostgreSQL slower, not faster
AHEAD = 4  # made at the start
KEPT = 8  # between two queries; the others are free for who reads without `Queries`
DOCUMENTS = "select * from callfeed.documents($1, $2)"  # what each call asks first


if TYPE_CHECKING:
    _Pooled: TypeAlias = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]


class _Connection(asyncpg.Connection):  # generic for the type checker only
    """Of the pool: nobody leaves a lock, cursor, listener or setting on one, so there is nothing to take back."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        """None: asyncpg's own costs a round trip after each query."""
        return ""


async def open_pool(database: Database, size: int = POOL) -> asyncpg.Pool[asyncpg.Record]:
    """A pool for control. It connects when it is used, so it can be made while PostgreSQL is away."""
    return await asyncpg.create_pool(
        database.url,
        min_size=0,
        max_size=size,
        max_inactive_connection_lifetime=0,
        command_timeout=SLOW_QUERY_S,
        timeout=CONNECT_S,
        init=_prepare,
        connection_class=_Connection,
    )


async def connect_ahead(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    """Make the connections that the first calls want; after another control's death they come at once.

    Without PostgreSQL it gives up after `CONNECT_S`; control starts all the same.
    """
    with contextlib.suppress(*UNAVAILABLE):
        async with asyncio.timeout(CONNECT_S):
            await asyncio.gather(*(pool.fetch(DOCUMENTS, [], []) for _ in range(AHEAD)))


def _encode_jsonb(value: Any) -> bytes:
    return _JSONB + jsontext.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    return jsontext.decode(data[len(_JSONB) :])


_JSONB = b"\x01"  # the version that PostgreSQL's binary form begins with
_CODECS = (("json", jsontext.encode, jsontext.decode), ("jsonb", _encode_jsonb, _decode_jsonb))


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    for name, encoder, decoder in _CODECS:
        await connection.set_type_codec(name, encoder=encoder, decoder=decoder, schema="pg_catalog", format="binary")
    await connection.execute("select callfeed.rehearse()")  # not when an account is locked for the first call


class Queries:
    """Queries on a pool, of which `timeout` limits everything: the wait for a connection, the query and its giving up.

    asyncpg's own limits the query alone: who comes when all connections are busy waits for ever, and whoever's time is
    up waits on until the server has confirmed that, which a frozen one does when it thaws.

    A few connections stay with us between two queries, because the pool's give and take costs as much CPU as a query;
    they go back when the context is left.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._idle: list[_Pooled] = []
        self._waiting = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._idle:
            await self._pool.release(self._idle.pop())

    async def fetch(self, query: str, *values: object, timeout: float) -> list[asyncpg.Record]:
        """All rows. Raises one of UNAVAILABLE."""
        return list(await self._asked(lambda on: on.fetch(query, *values), timeout))

    async def fetchval(self, query: str, *values: object, timeout: float) -> Any:
        """The first row's first column. Raises one of UNAVAILABLE."""
        return await self._asked(lambda on: on.fetchval(query, *values), timeout)

    async def execute(self, query: str, *values: object, timeout: float) -> None:
        """Nobody looks at what comes back. Raises one of UNAVAILABLE."""
        await self._asked(lambda on: on.execute(query, *values), timeout)

    async def _asked(self, ask: Callable[..., Awaitable[Any]], limit_s: float) -> Any:
        async with asyncio.timeout(limit_s):
            connection = self._kept() or await self._from_pool()
            try:
                answer = await ask(connection)
            except BaseException:  # the server may still be at it: the pool sees to that
                await self._pool.release(connection, timeout=RETURN_S)
                raise
            if self._waiting or len(self._idle) >= KEPT:
                await self._pool.release(connection, timeout=RETURN_S)
            else:
                self._idle.append(connection)
            return answer

    def _kept(self) -> _Pooled | None:
        """One that stayed and is still up; those that are not went back to the pool by themselves."""
        while self._idle:
            connection = self._idle.pop()
            with contextlib.suppress(asyncpg.InterfaceError):
                if not connection.is_closed():
                    return connection
        return None

    async def _from_pool(self) -> _Pooled:
        self._waiting += 1
        try:
            return await self._pool.acquire()
        finally:
            self._waiting -= 1


class CallStore:
    """Calls in PostgreSQL, through the functions of callfeed. All methods raise one of UNAVAILABLE."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._open_with_others = Together(self._open_together, lanes=2)
        self._record_with_others = Together(self._record_all)
        self._record_soon = Together(self._record_all, pause_s=PAUSE_S)
        self._trace_with_others = Together(self._record_traces)

    async def open(self, call: Opening, credit: Credit) -> Taken:
        """Write the call and take its hold."""
        if call.bundle is not None:
            query = "select callfeed.open_bundled($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
            return _taken(await self._queries.fetchval(query, *_opened(call, credit), call.bundle, timeout=QUERY_S))
        if credit.is_covered:
            async with asyncio.timeout(QUERY_S):  # with the wait for those before it
                return Taken(await self._open_with_others((call, credit)))
        return Taken(await self._open_alone(call, credit))

    async def _open_together(self, asked: Sequence[tuple[Opening, Credit]]) -> Sequence[str]:
        """In ascending account, as accounts are locked everywhere; all of one lease, or each alone."""
        leases = {credit.lease for _, credit in asked}
        if len(asked) == 1 or len(leases) > 1:
            return await asyncio.gather(*(self._open_alone(call, credit) for call, credit in asked))
        places = sorted(range(len(asked)), key=lambda place: asked[place][0].hold_account or 0)
        calls = [asked[place][0] for place in places]
        slugs = await self._queries.fetchval(
            "select callfeed.open_together($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            calls[0].edge,
            leases.pop(),
            [call.call_id for call in calls],
            [moment(call.started_ms) for call in calls],
            [call.decision for call in calls],
            [call.hold_account for call in calls],
            [call.hold_micro for call in calls],
            [None if call.funded_until_ms is None else moment(call.funded_until_ms) for call in calls],
            [asked[place][1].needed for place in places],
            [call.chain_no for call in calls],
            timeout=QUERY_S,
        )
        by_place = dict(zip(places, slugs, strict=True))
        return [str(by_place[place]) for place in range(len(asked))]

    async def _open_alone(self, call: Opening, credit: Credit) -> str:
        query = "select callfeed.open_call($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        return str(await self._queries.fetchval(query, *_opened(call, credit), timeout=QUERY_S))

    async def forward(self, call: Opening, credit: Credit) -> Taken:
        """Take one more hold of a call and write its decision."""
        call_id, _started, _edge, *others = _opened(call, credit)
        if call.bundle is not None:
            query = "select callfeed.forward_bundled($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            return _taken(await self._queries.fetchval(query, call_id, *others, call.bundle, timeout=QUERY_S))
        query = "select callfeed.forward_call($1, $2, $3, $4, $5, $6, $7, $8)"
        return Taken(str(await self._queries.fetchval(query, call_id, *others, timeout=QUERY_S)))

    async def refuse(self, call: Opening) -> None:
        """Write a call that was refused before any ring, whether it has a row by now or not."""
        await self._queries.execute(
            "select callfeed.refuse_call($1, $2, $3, $4)",
            call.call_id,
            moment(call.started_ms),
            call.edge,
            call.decision,
            timeout=SLOW_QUERY_S,
        )

    async def abandon(self, call: Opening) -> None:
        """Make sure that a call whose opening got no answer has no hold, now and when it is opened late."""
        await self._queries.execute(
            "select callfeed.abandon_call($1, $2, $3, $4)",
            call.call_id,
            moment(call.started_ms),
            call.edge,
            call.decision,
            timeout=SLOW_QUERY_S,
        )

    async def extend(
        self, call_id: UUID, total_micro: int, funded_until_ms: int, credit: Credit, chain_no: int = 0
    ) -> int:
        """Raise a chain's hold to `total_micro`; when money is short the total that the account can bear.

        -1 when it is short on a tier above.
        """
        return int(
            await self._queries.fetchval(
                "select callfeed.extend_hold($1, $2, $3, $4, $5, $6)",
                call_id,
                total_micro,
                moment(funded_until_ms),
                credit.needed,
                credit.lease,
                chain_no,
                timeout=QUERY_S,
            )
        )

    async def extend_bundle(self, call_id: UUID, ask: Extend, credit: Credit) -> int:
        """Take more of a chain's bundles, `ask.funded_s` in all; how many seconds it has then.

        -1 when money is short on a tier above.
        """
        return int(
            await self._queries.fetchval(
                "select callfeed.extend_bundle($1, $2, $3, $4, $5, $6, $7)",
                call_id,
                ask.funded_s,
                moment(ask.until_ms),
                credit.needed,
                credit.lease,
                ask.chain,
                ask.allowances,
                timeout=QUERY_S,
            )
        )

    async def seconds_left(self, allowance_ids: Sequence[int]) -> dict[int, int]:
        """What allowances have left now, seconds by id."""
        query = "select * from callfeed.seconds_left($1)"
        rows = await self._queries.fetch(query, list(allowance_ids), timeout=QUERY_S)
        return {row["allowance_id"]: row["seconds"] for row in rows}

    async def release(self, call_id: UUID) -> list[tuple[int, int]]:
        """Give the holds of a call back that was never answered; the shares that it leaves in the windows."""
        found = await self._queries.fetchval("select callfeed.release_hold($1)", call_id, timeout=SLOW_QUERY_S)
        return [(account_id, micro) for account_id, micro in found]

    async def spendable(self, account_ids: Sequence[int]) -> dict[int, int]:
        """What may be spent of accounts now, micro-units by id."""
        query = "select * from callfeed.spendable($1)"
        rows = await self._queries.fetch(query, list(account_ids), timeout=QUERY_S)
        return {row["account_id"]: row["micro"] for row in rows}

    async def record(self, call_id: UUID, kind: str, at_ms: int, source: str, detail: Json) -> None:
        """Write an event; the first `ended` or `failed` of a call wins."""
        record = self._record_soon if kind == "media" else self._record_with_others
        await record({"call": str(call_id), "op": kind, "at_ms": at_ms, "source": source, "detail": detail})

    async def _record_all(self, events: Sequence[Json]) -> Sequence[None]:
        await self._queries.execute("select callfeed.record_all($1)", list(events), timeout=SLOW_QUERY_S)
        return [None] * len(events)

    async def record_trace(self, call_id: UUID, messages: bytes) -> None:
        """Write or replace the compressed trace of a call; holds must not wait for its way to the disk."""
        await self._trace_with_others((call_id, messages))

    async def _record_traces(self, traces: Sequence[tuple[UUID, bytes]]) -> Sequence[None]:
        query = "select set_config('synchronous_commit', 'off', true), callfeed.record_traces($1, $2)"
        call_ids, messages = zip(*traces, strict=True)
        await self._queries.execute(query, call_ids, messages, timeout=SLOW_QUERY_S)
        return [None] * len(traces)

    async def stray_dialogs(self) -> list[tuple[UUID, int, int]]:
        """Dialogs kept for the edge, minutes old, that belong to no open call: (call, entry, id)."""
        rows = await self._queries.fetch("select * from callfeed.stray_dialogs()", timeout=SLOW_QUERY_S)
        return [(row["call_id"], row["h_entry"], row["h_id"]) for row in rows]

    async def forget_dialog(self, call_id: UUID) -> None:
        """Remove the row of a dialog that the edge does not have any more. Raises one of UNAVAILABLE."""
        await self._queries.execute("select callfeed.forget_dialog($1)", call_id, timeout=SLOW_QUERY_S)

    async def keep_bans(self, bans: Sequence[Json]) -> None:
        """Write which bans hold: source, account, reason, since_s, until_s, hits of each."""
        await self._queries.execute("select callfeed.keep_bans($1)", list(bans), timeout=SLOW_QUERY_S)

    async def standing_bans(self) -> list[asyncpg.Record]:
        """The bans that hold: whom, reason, since_s, until_s of each."""
        return list(await self._queries.fetch("select * from callfeed.standing_bans()", timeout=SLOW_QUERY_S))

    async def keep_health(self, gateways: Sequence[Json]) -> None:
        """Write how gateways are (`carriers.GatewayNote`)."""
        await self._queries.execute("select callfeed.keep_health($1)", list(gateways), timeout=SLOW_QUERY_S)

    async def known_health(self) -> list[Json]:
        """What `keep_health` wrote of each gateway."""
        rows = await self._queries.fetch("select doc from callfeed.gateway_health", timeout=SLOW_QUERY_S)
        return [row["doc"] for row in rows]

    async def open_calls(self, edge: str) -> list[OpenCall]:
        """The calls that this edge still has open."""
        rows = await self._queries.fetch("select * from callfeed.open_calls($1)", edge, timeout=SLOW_QUERY_S)
        return [
            OpenCall(
                call_id=row["call_id"],
                started_ms=milliseconds(row["started_at"]),
                answered_ms=None if row["answered_at"] is None else milliseconds(row["answered_at"]),
                answered_target=row["answered_target"],
                decision=row["decision"],
                held={chain: micro for chain, micro, _, _ in row["holds"]},
                upper={chain: dict(upper) for chain, _, upper, _ in row["holds"]},
                bundles={chain: _pairs(bundles) for chain, _, _, bundles in row["holds"]},
            )
            for row in rows
        ]


def _opened(call: Opening, credit: Credit) -> tuple[object, ...]:
    """The arguments of `callfeed.open_call`."""
    return (
        call.call_id,
        moment(call.started_ms),
        call.edge,
        call.decision,
        call.hold_account,
        call.hold_micro,
        None if call.funded_until_ms is None else moment(call.funded_until_ms),
        credit.needed,
        credit.lease,
        call.chain_no,
    )


def _taken(answer: Json) -> Taken:
    return Taken(answer["slug"], answer["micro"], _pairs(answer["bundles"]))


def _pairs(bundles: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((allowance_id, seconds) for allowance_id, seconds in bundles)


class CreditStore:
    """Credit windows in PostgreSQL (callfeed_sql/sql/25_credit_windows.sql). All methods raise one of UNAVAILABLE."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def take_lease(self, edge: str, lease: UUID) -> list[tuple[int, int]]:
        """Make all windows of the edge this lease's; what is free in each: (account id, micro-units)."""
        rows = await self._queries.fetch("select * from callfeed.take_lease($1, $2)", edge, lease, timeout=SLOW_QUERY_S)
        return [(row["account_id"], row["free_micro"]) for row in rows]

    async def renew_lease(self, edge: str, lease: UUID) -> bool:
        """Keep the lease; false when it is no longer in force."""
        return bool(
            await self._queries.fetchval("select callfeed.renew_lease($1, $2)", edge, lease, timeout=SLOW_QUERY_S)
        )

    async def grant_credit(self, edge: str, lease: UUID, account_id: int, micro: int, least_left: int) -> int:
        """Ask for a slice: the amount, 0 when less than `least_left` would stay available, -1 without the lease."""
        query, values = "select callfeed.grant_credit($1, $2, $3, $4, $5)", (edge, lease, account_id, micro, least_left)
        return int(await self._queries.fetchval(query, *values, timeout=SLOW_QUERY_S))

    async def return_credit(self, edge: str, lease: UUID, account_id: int, micro: int) -> bool:
        """Give back a part of a window; false without the lease."""
        query = "select callfeed.return_credit($1, $2, $3, $4)"
        return bool(await self._queries.fetchval(query, edge, lease, account_id, micro, timeout=SLOW_QUERY_S))


async def insist(what: str, act: Callable[[], Awaitable[object]]) -> None:
    """Do it until PostgreSQL takes it, however long that is; each failure is logged as "did not take `what`"."""
    delay_s = RETRY_S
    while True:
        try:
            await act()
        except UNAVAILABLE as error:
            log.error("PostgreSQL did not take %s (%s); trying again.", what, described(error))
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, MAX_RETRY_S)
        else:
            return


def described(error: BaseException) -> str:
    """The error as text; a timeout has none of its own."""
    return str(error) or type(error).__name__


def moment(at_ms: int) -> datetime:
    """The moment as PostgreSQL's timestamptz wants it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def milliseconds(at: datetime) -> int:
    """Milliseconds of the Unix epoch."""
    return round(at.timestamp() * 1000)
