from __future__ import annotations

import asyncio
from typing import Any

import pytest

from carillon.callpath.control.documents import BRIEF_S, FRESH_S, NEGATIVE_S, DocumentCache, Found
from carillon.logic.callflow.need import Missing

ALICE = {"name": "northwind.test", "partner_id": 2, "web_product_id": 1, "country": "GB"}


class Source:
    """Documents that a test changes; counts how often it is read."""

    def __init__(self) -> None:
        self.docs: dict[str, Any] = {"northwind.test": ALICE}
        self.more: dict[tuple[str, str], Any] = {}
        self.reads = 0
        self.is_away = False
        self.now = 1000.0

    async def read(self, kind: str, key: str) -> Found:
        self.reads += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise OSError("away")
        return {(kind, key): self.docs.get(key), **self.more}

    def cache(self) -> DocumentCache:
        return DocumentCache(self.read, lambda: self.now)


async def get(cache: DocumentCache, key: str = "northwind.test") -> Any:
    try:
        return cache.get("domain", key)
    except Missing as missing:
        await cache.load(missing.kind, missing.key)
        return cache.get("domain", key)


async def test_a_document_is_read_once() -> None:
    source = Source()
    cache = source.cache()
    with pytest.raises(Missing):
        cache.get("domain", "northwind.test")
    assert (await get(cache)).country == "GB"
    assert (await get(cache)).country == "GB"
    assert source.reads == 1


async def test_what_comes_along_is_not_asked_for() -> None:
    source = Source()
    source.more = {("domain", "hello.test"): {**ALICE, "name": "hello.test"}}
    cache = source.cache()
    await get(cache)
    assert (await get(cache, "hello.test")).name == "hello.test"
    assert source.reads == 1


async def test_simultaneous_callers_share_one_query() -> None:
    source = Source()
    cache = source.cache()
    await asyncio.gather(*(cache.load("domain", "northwind.test") for _ in range(9)))
    assert source.reads == 1


async def test_what_is_absent_is_asked_again_soon() -> None:
    source = Source()
    cache = source.cache()
    assert await get(cache, "new.test") is None
    source.docs["new.test"] = {**ALICE, "name": "new.test"}
    assert await get(cache, "new.test") is None
    source.now += NEGATIVE_S
    assert (await get(cache, "new.test")).name == "new.test"


async def test_a_change_is_seen_at_once() -> None:
    source = Source()
    cache = source.cache()
    await get(cache)
    source.docs["northwind.test"] = {**ALICE, "country": "NO"}
    cache.forget("domain")
    assert (await get(cache)).country == "NO"


async def test_a_change_during_the_read_is_not_kept() -> None:
    source = Source()
    cache = source.cache()
    loading = asyncio.create_task(cache.load("domain", "northwind.test"))
    while not source.reads:
        await asyncio.sleep(0)
    cache.forget("domain")
    await loading
    source.docs["northwind.test"] = {**ALICE, "country": "NO"}
    source.now += BRIEF_S
    assert (await get(cache)).country == "NO"


async def test_an_old_document_serves_while_the_database_is_away() -> None:
    source = Source()
    cache = source.cache()
    await get(cache)
    source.now += FRESH_S
    source.is_away = True
    assert (await get(cache)).country == "GB"
    with pytest.raises(OSError, match="away"):
        await get(cache, "never-seen.test")


async def test_users_and_extensions_are_forgotten_together() -> None:
    cache = DocumentCache(lambda kind, key: asyncio.sleep(0, {(kind, key): None}), lambda: 0.0)
    await cache.load("extension", "1/101")
    cache.forget("user")
    with pytest.raises(Missing):
        cache.get("extension", "1/101")
