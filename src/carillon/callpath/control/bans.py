"""Bans of the edge on their way to the portal, and back to an edge that has forgotten them.

Kamailio bans by itself and tells every two seconds which bans hold and how often they struck. PostgreSQL keeps them:
people see them there, lift them, and a restarted Kamailio gets those that still hold.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from carillon.callpath.control.evapi import EdgeGone
from carillon.callpath.control.store import UNAVAILABLE, CallStore, described
from carillon.callpath.control.tables import EdgeTables

log = logging.getLogger(__name__)
Json = dict[str, Any]

GATHER_S = 0.3  # bans come one by one and are written together
MOST = 5_000  # of one write: a botnet's addresses come again two seconds later


class Bans:
    """`background` runs a coroutine that nobody waits for."""

    def __init__(
        self, store: CallStore, tables: EdgeTables, background: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._store, self._tables, self._background = store, tables, background
        self._heard: dict[str, Json] = {}

    def hear(self, message: Json) -> None:
        """A `ban` message of Kamailio. Raises KeyError or ValueError when it can't be read."""
        reason, since_s, until_s = message["ban"].split(" ")
        source, _, account = message["whom"].partition("/")
        ban = {"source": source, "account": account, "reason": reason, "hits": int(message["hits"])}
        if not self._heard:
            self._background(self._keep())
        if len(self._heard) < MOST:
            self._heard[message["whom"]] = ban | {"since_s": int(since_s), "until_s": int(until_s)}

    async def _keep(self) -> None:
        await asyncio.sleep(GATHER_S)
        heard, self._heard = list(self._heard.values()), {}
        try:
            await self._store.keep_bans(heard)
        except UNAVAILABLE as error:
            log.warning("%d bans can't be written now: %s", len(heard), described(error))

    async def restore(self) -> None:
        """Tell Kamailio the bans that hold. Raises EdgeGone or one of UNAVAILABLE."""
        standing = await self._store.standing_bans()
        told = {ban["whom"]: f"{ban['reason']} {ban['since_s']} {ban['until_s']}" for ban in standing}
        await self._tables.tell_bans(told)

    def lift(self, whom: str) -> None:
        """Let an address, or `address/account`, be heard again."""
        log.info("The ban on %s is lifted.", whom)
        self._background(self._lift(whom))

    async def _lift(self, whom: str) -> None:
        try:
            await self._tables.tell_bans({whom: ""})
        except EdgeGone:
            log.warning("Kamailio is away: the ban on %s is not put back when it returns.", whom)
