from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callfeed.snapshot import ImplausibleSnapshot
from carillon.callpath.control.call_ids import new_call_id, started_ms
from carillon.callpath.control.reference import Reference, assemble, restore, save
from carillon.logic.callflow.feed import (
    BlacklistEntry,
    Gateway,
    Partner,
    Rate,
    Route,
    Status,
    Tariff,
)
from carillon.logic.documents import to_document
from carillon.logic.rating import RateTable, Version

OPERATOR = Partner(1, None, "Level Platform", Status.ACTIVE)
GATEWAY = Gateway(7, 1, "Carrier", "192.0.2.7", 5060, source_addresses=("192.0.2.7",))
ROUTE = Route(3, 1, "All", "", "static", 1, (7,))
RATE = Rate("44", "United Kingdom", Decimal("0.01"), Decimal("0.0213"), 30, 6)
DOCS = {"partner": [to_document(OPERATOR)], "gateway": [to_document(GATEWAY)], "route": [to_document(ROUTE)]}
ENTRY = BlacklistEntry(4, 1, "called", "+4490", "fraud")
DOCS["blacklist"] = [to_document(ENTRY)]
VERSION = Version(0, Tariff(5, "List", 9, 1, "GBP"), RateTable([RATE]))


def reference() -> Reference:
    return assemble(DOCS, [VERSION])


def test_the_copy_on_disk_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "copy.gz"
    save(reference(), path)
    restored = restore(path)
    assert restored is not None
    assert restored.gateways == (GATEWAY,)
    assert restored.snapshot.counts() == reference().snapshot.counts()
    assert restored.snapshot.prices.at(1).longest(5, "+442079460000") == RATE


@pytest.mark.parametrize("content", [b"", b"not gzip", b"\x1f\x8b\x08\x00torn"])
def test_a_torn_copy_is_not_used(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "copy.gz"
    path.write_bytes(content)
    assert restore(path) is None
    assert restore(tmp_path / "absent.gz") is None


def test_a_copy_from_before_there_were_blacklists_is_used() -> None:
    older = assemble({kind: docs for kind, docs in DOCS.items() if kind != "blacklist"}, [VERSION])
    assert older.snapshot.blacklisted(1, "called", "+44901234567", 0) is None
    assert reference().snapshot.blacklisted(1, "called", "+44901234567", 0) == ENTRY


def test_a_tree_without_operator_is_refused() -> None:
    orphan = to_document(replace(OPERATOR, parent_id=99))
    with pytest.raises(ImplausibleSnapshot):
        assemble({**DOCS, "partner": [orphan]}, [VERSION], reference())


@given(st.integers(0, 2**48 - 1))
def test_call_ids_tell_when_they_were_made(at_ms: int) -> None:
    call_id = new_call_id(at_ms)
    assert (call_id.version, call_id.variant) == (7, "specified in RFC 4122")
    assert started_ms(call_id) == at_ms
    assert call_id != new_call_id(at_ms)
