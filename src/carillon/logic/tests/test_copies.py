from __future__ import annotations

import dataclasses
from dataclasses import FrozenInstanceError, dataclass
from decimal import Decimal
from typing import Any

import pytest

from carillon.logic.callflow.feed import Rate, Tariff
from carillon.logic.callflow.values import CallRequest, Decision, Direction
from carillon.logic.copies import replace


@dataclass(frozen=True, slots=True)
class _Checked:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(self.low)


REQUEST = CallRequest("id", "192.0.2.9", 5060, "udp", "alice", "northwind.test", "101", "northwind.test")


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (Decision(Direction.OUTBOUND, REQUEST), {"caller": "+442079460101", "notes": ("a",)}),
        (REQUEST, {}),
        (Rate("44", "UK", Decimal(0), Decimal("0.01"), 60, 60), {"prefix": "442"}),
        (_Checked(1, 2), {"high": 3}),
    ],
)
def test_a_copy_is_what_dataclasses_make_of_it(value: Any, changes: dict[str, Any]) -> None:
    copy = replace(value, **changes)
    assert copy == dataclasses.replace(value, **changes)
    assert type(copy) is type(value)
    assert hash(copy) == hash(dataclasses.replace(value, **changes))
    with pytest.raises(FrozenInstanceError):
        setattr(copy, dataclasses.fields(copy)[0].name, "another")


def test_a_class_checks_its_copies_and_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="9"):
        replace(_Checked(1, 2), low=9)
    with pytest.raises(AttributeError):
        replace(REQUEST, colour="red")  # type: ignore[call-arg]  # the checker knows too


def test_the_worked_out_rules_of_a_tariff_do_not_go_with_its_copy() -> None:
    tariff = Tariff(1, "List", 1, 1, "EUR")
    object.__setattr__(tariff, "_rules", "worked out")
    assert not hasattr(replace(tariff, version=2), "_rules")
