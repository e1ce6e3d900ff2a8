from __future__ import annotations

from dataclasses import replace

import pytest

from carillon.callfeed.snapshot import ImplausibleSnapshot, Snapshot
from carillon.callfeed.tests.cast import GATEWAYS, PARTNERS, ROUTES, VERSIONS
from carillon.logic.callflow.feed import (
    Gateway,
    Partner,
    Rate,
    Status,
    Tariff,
)
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import Version
from carillon.logic.tests.charges import rate


def gateway(number: int, *sources: str, port: int = 5060) -> Gateway:
    return Gateway(number, 1, f"G{number}", "192.0.2.1", port, source_addresses=sources)


def ids_at(snapshot: Snapshot, address: str, port: int = 5060) -> list[int]:
    return [item.id for item in snapshot.gateways_at(address, port)]


def test_a_source_address_gives_its_gateways() -> None:
    snapshot = Snapshot(gateways=[gateway(1, "192.0.2.0/24"), gateway(2, "192.0.2.7"), gateway(3, "2001:db8::/32")])
    assert ids_at(snapshot, "192.0.2.7") == [1, 2]
    assert ids_at(snapshot, "192.0.2.8") == [1]
    assert ids_at(snapshot, "2001:db8::5") == ids_at(snapshot, "[2001:db8::5]") == [3]
    assert ids_at(snapshot, "198.51.100.1") == ids_at(snapshot, "nonsense") == []


def test_gateways_that_share_an_address_are_told_apart_by_port() -> None:
    snapshot = Snapshot(gateways=[gateway(1, "127.0.0.1", port=5090), gateway(2, "127.0.0.1", port=5091)])
    assert ids_at(snapshot, "127.0.0.1", 5091) == [2, 1]
    strict = Snapshot(gateways=[gateway(1, "127.0.0.1:5090"), gateway(2, "[::1]:5091"), gateway(3, "10.0.0.0/8:5060")])
    assert ids_at(strict, "127.0.0.1", 5090) == [1]
    assert ids_at(strict, "127.0.0.1", 5091) == []
    assert ids_at(strict, "::1", 5091) == [2]
    assert ids_at(strict, "10.1.2.3", 5060) == [3]


def test_a_source_address_that_cannot_be_read_matches_nothing() -> None:
    assert ids_at(Snapshot(gateways=[gateway(1, "carrier.example", "", "1.2.3.4/99")]), "1.2.3.4") == []


def test_a_snapshot_counts_what_it_holds() -> None:
    snapshot = Snapshot(PARTNERS, GATEWAYS, ROUTES, VERSIONS).check()
    assert snapshot.counts() == {"partners": 4, "gateways": 2, "routes": 3, "rates": 12}


def test_a_tree_without_one_operator_is_refused() -> None:
    with pytest.raises(ImplausibleSnapshot, match="one operator, not 0"):
        Snapshot().check()
    with pytest.raises(ImplausibleSnapshot, match="one operator, not 2"):
        Snapshot([*PARTNERS, Partner(9, None, "Second", Status.ACTIVE)]).check()


def test_a_broken_tree_is_refused() -> None:
    with pytest.raises(ImplausibleSnapshot, match="Fjord Voice has a parent that does not exist"):
        Snapshot([PARTNERS[0], replace(PARTNERS[2], parent_id=99)]).check()
    with pytest.raises(ImplausibleSnapshot, match="is in a loop"):
        Snapshot([PARTNERS[0], replace(PARTNERS[1], parent_id=3), PARTNERS[2]]).check()


def with_rates(count: int) -> Snapshot:
    rows: list[Rate] = [rate("1", prefix=f"44{number}") for number in range(1000, 1000 + count)]
    return Snapshot(PARTNERS, GATEWAYS, (), [Version(0, Tariff(10, "Retail", 1, 1, "EUR"), RateTable(rows))])


def test_a_price_list_that_loses_nearly_everything_is_refused() -> None:
    before = with_rates(2000)
    with pytest.raises(ImplausibleSnapshot, match="Of 2000 rates only 100 are left"):
        with_rates(100).check(before)
    assert with_rates(500).check(before)
    assert with_rates(0).check(with_rates(900))


def test_all_gateways_gone_at_once_is_refused() -> None:
    many = Snapshot(PARTNERS, [gateway(number) for number in range(10)])
    with pytest.raises(ImplausibleSnapshot, match="All 10 gateways are gone"):
        Snapshot(PARTNERS).check(many)
