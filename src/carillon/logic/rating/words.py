"""The sentences of a bill, made of the data that an explanation keeps (`callflow.explanation.price_part`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from carillon.logic.callflow.feed import Unit

_UNITS = {
    Unit.MINUTE.value: ("s", "a minute"),
    Unit.SECOND.value: ("s", "a second"),
    Unit.HOUR.value: ("s", "an hour"),
    Unit.MESSAGE.value: ("messages", "each"),
}
_BOUNDS = {
    "fee": "The connection fee is the least that a call costs.",
    "minimum": "Less than the least charge: that is charged.",
    "maximum": "More than the maximum charge: that is charged.",
}


def bill_sentences(told: Mapping[str, Any]) -> Iterator[str]:
    """How the price of an explanation comes about, step by step, in English; nothing for what had no price."""
    pieces, bound, currency = told.get("pieces") or (), told.get("bound") or "", told.get("list_currency")
    if bound == "grace":
        yield f"Free of charge: up to {told.get('grace_s')} s cost nothing."
    if bound == "grace" or not (pieces or bound):
        return
    yield f"Connection fee {told['fee']} {currency}."
    measure, unit = _UNITS[told["unit"]]
    for piece in pieces:
        at = f"{piece['per_minute']} {currency} {unit} ({piece['initial_s']}/{piece['increment_s']})"
        window = f" in “{piece['window']}”" if piece["window"] else ""
        yield f"{piece['seconds']} {measure} charged at {at}{window}."
    if bound:
        yield _BOUNDS[bound]
    yield f"Exact price {told['exact']} {currency}."
    if told.get("exchange_rate") is not None:
        yield f"Converted at {told['exchange_rate']}."
