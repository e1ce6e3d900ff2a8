"""Each process of a whole installation killed and frozen while twenty calls a second with audio come in.

What must hold after every fault: the process is back by itself, calls that it did not carry kept their audio, a new
call works within five seconds, no call outlives its money while control is away, every answered call has exactly one
CDR per tier, no hold outlives its call, the ledger sums to zero. A fault takes between ten seconds and a minute and a
half, all of them about ten minutes: that is this module's budget. `./carillon bench faults` measures the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.company import Company, Ordeal, company
from tests.support.strikes import BACK_S, FAULTS, LASTS_S

pytestmark = [pytest.mark.engines, pytest.mark.long]

PER_SECOND = 20
WORKS_S = 5.0
OVERRUN_S = 2.5  # one second of grace, the edge's tick, and a busy machine
AT_REST = [name for name, fault in FAULTS.items() if not fault.disk_mb]


@pytest.fixture(scope="module")
def northwind() -> Iterator[Company]:
    with company("company") as found:
        yield found


def survives(who: Company, name: str) -> None:
    fault = FAULTS[name]
    ordeal = who.endures(lambda: fault.strike(who, LASTS_S), per_second=PER_SECOND, keeps_audio=fault.keeps_audio)
    works_s = WORKS_S + (BACK_S if name.endswith("killed") else 0)
    assert not _wrong(ordeal), ordeal
    assert ordeal.recovery_s <= works_s
    assert "control" not in name or ordeal.overrun_s <= OVERRUN_S


def _wrong(ordeal: Ordeal) -> bool:
    """Whether anybody lost audio or money."""
    books = (ordeal.uncharged, ordeal.cdrs_missing, ordeal.cdrs_duplicated, ordeal.holds_left, ordeal.ledger_sum)
    return bool(ordeal.lost_audio or any(books) or ordeal.double_charged or ordeal.untrue)


@pytest.mark.parametrize("name", AT_REST)
def test_a_company_survives(northwind: Company, name: str) -> None:
    survives(northwind, name)


def test_a_company_survives_a_full_disk() -> None:
    with company("full", disk_mb=FAULTS["disk-full"].disk_mb) as found:
        survives(found, "disk-full")
