from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callfeed.snapshot import ImplausibleSnapshot
from carillon.callpath.control.call_ids import new_call_id, started_ms
from carillon.callpath.control.ratefiles import Approved, RateFiles
from carillon.callpath.control.ratereader import write
from carillon.callpath.control.reference import KEPT_MS, Reference, assemble, needed_at, restore, save
from carillon.logic.callflow.feed import (
    BlacklistEntry,
    Gateway,
    Partner,
    Rate,
    Route,
    Status,
    Tariff,
)
from carillon.logic.callflow.need import Missing
from carillon.logic.documents import to_document
from carillon.logic.ratetable import RateTable

OPERATOR = Partner(1, None, "Level Platform", Status.ACTIVE)
GATEWAY = Gateway(7, 1, "Carrier", "192.0.2.7", 5060, source_addresses=("192.0.2.7",))
ROUTE = Route(3, 1, "All", "", "static", 1, (7,))
RATE = Rate("44", "United Kingdom", Decimal("0.01"), Decimal("0.0213"), 30, 6)
DOCS = {"partner": [to_document(OPERATOR)], "gateway": [to_document(GATEWAY)], "route": [to_document(ROUTE)]}
ENTRY = BlacklistEntry(4, 1, "called", "+4490", "fraud")
DOCS["blacklist"] = [to_document(ENTRY)]
VERSION = Approved(0, Tariff(5, "List", 9, 1, "GBP"), 1_700_000_000_123, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the rates of VERSION are."""
    folder = tmp_path / "rates"
    folder.mkdir()
    write(RateTable([RATE]), folder / VERSION.file)
    return folder


@pytest.fixture
def files(folder: Path) -> RateFiles:
    return RateFiles(folder)


@pytest.fixture
def reference(files: RateFiles) -> Reference:
    return assemble(DOCS, [VERSION], files)


def test_the_copy_on_disk_is_the_same(tmp_path: Path, files: RateFiles, reference: Reference) -> None:
    path = tmp_path / "copy.gz"
    save(reference, path)
    restored = restore(path, files)
    assert restored is not None
    assert not restored.unread
    assert restored.gateways == (GATEWAY,)
    assert restored.snapshot.counts() == reference.snapshot.counts()
    assert restored.snapshot.prices.at(1).longest(5, "+442079460000") == RATE


@pytest.mark.parametrize("content", [b"", b"not gzip", b"\x1f\x8b\x08\x00torn"])
def test_a_torn_copy_is_not_used(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "copy.gz"
    path.write_bytes(content)
    assert restore(path, RateFiles(tmp_path)) is None
    assert restore(tmp_path / "absent.gz", RateFiles(tmp_path)) is None


@pytest.mark.parametrize("content", [None, b"", b"x" * 200])
def test_without_the_file_of_its_rates_a_version_is_read_again(
    tmp_path: Path, folder: Path, files: RateFiles, reference: Reference, content: bytes | None
) -> None:
    save(reference, tmp_path / "copy.gz")
    (folder / VERSION.file).unlink()
    if content is not None:
        (folder / VERSION.file).write_bytes(content)
    restored = restore(tmp_path / "copy.gz", files)
    assert restored is not None
    assert restored.unread == (VERSION,)
    with pytest.raises(Missing):
        restored.snapshot.prices.at(1).longest(5, "+442079460000")


def test_a_table_outlives_its_file(folder: Path, files: RateFiles, reference: Reference) -> None:
    files.keep_only([])
    assert not list(folder.iterdir())
    assert reference.snapshot.prices.at(1).longest(5, "+442079460000") == RATE


def test_a_version_of_a_restored_database_is_not_taken_for_the_one_that_had_its_id(files: RateFiles) -> None:
    again = replace(VERSION, created_ms=VERSION.created_ms + 1)
    assert assemble(DOCS, [again], files).unread == (again,)


def test_a_list_that_shrinks_is_not_taken_for_one_that_is_being_read(folder: Path, files: RateFiles) -> None:
    (folder / VERSION.file).unlink()
    write(RateTable((f"{n:04d}", "", "0\t0.01\t1\t1") for n in range(2000)), folder / VERSION.file)
    full = assemble(DOCS, [VERSION], files)
    other = replace(VERSION, tariff=replace(VERSION.tariff, version_id=10))
    with pytest.raises(ImplausibleSnapshot):
        assemble(DOCS, [other], files, full)
    assert assemble(DOCS, [replace(other, rate_count=2000)], files, full).unread


def test_rates_that_no_call_needs_any_more_are_not_read() -> None:
    hour_ms = KEPT_MS
    versions = [
        replace(VERSION, effective_ms=hours * hour_ms, tariff=replace(VERSION.tariff, version_id=hours, version=hours))
        for hours in range(10)
    ]
    other = replace(VERSION, tariff=replace(VERSION.tariff, price_list_id=6))

    def needed(at_ms: int) -> list[int]:
        found = needed_at([*reversed(versions), other], at_ms)
        assert other in found
        return [item.tariff.version_id for item in found if item is not other]

    assert needed(6 * hour_ms) == [6, 5, 4, 7, 8, 9]
    assert needed(100 * hour_ms) == [9, 8]
    assert needed(0) == list(range(10))


def test_a_copy_from_before_there_were_blacklists_is_used(files: RateFiles, reference: Reference) -> None:
    older = assemble({kind: docs for kind, docs in DOCS.items() if kind != "blacklist"}, [VERSION], files)
    assert older.snapshot.blacklisted(1, "called", "+44901234567", 0) is None
    assert reference.snapshot.blacklisted(1, "called", "+44901234567", 0) == ENTRY


def test_a_tree_without_operator_is_refused(files: RateFiles, reference: Reference) -> None:
    orphan = to_document(replace(OPERATOR, parent_id=99))
    with pytest.raises(ImplausibleSnapshot):
        assemble({**DOCS, "partner": [orphan]}, [VERSION], files, reference)


@given(st.integers(0, 2**48 - 1))
def test_call_ids_tell_when_they_were_made(at_ms: int) -> None:
    call_id = new_call_id(at_ms)
    assert (call_id.version, call_id.variant) == (7, "specified in RFC 4122")
    assert started_ms(call_id) == at_ms
    assert call_id != new_call_id(at_ms)
