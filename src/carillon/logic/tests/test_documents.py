from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.logic.callflow.feed import (
    Customer,
    Endpoint,
    Gateway,
    Number,
    Partner,
    Route,
    Status,
    User,
)
from carillon.logic.callflow.values import (
    CallFacts,
    CallRequest,
    CdrDraft,
    ChainKind,
    Decision,
    Direction,
    Outcome,
    Refusal,
    TierCharge,
)
from carillon.logic.documents import DocumentError, from_document, to_brief_document, to_document
from carillon.logic.tests.charges import rate, tariff, tier

TYPES = (
    Endpoint,
    User,
    Number,
    Partner,
    Gateway,
    Route,
    Customer,
    CallRequest,
    CallFacts,
    TierCharge,
    Refusal,
    Decision,
)


@settings(max_examples=15)
@pytest.mark.parametrize("cls", TYPES)
@given(data=st.data())
def test_every_value_survives_json(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(_values(cls))
    assert from_document(cls, json.loads(json.dumps(to_document(value)))) == value
    assert from_document(cls, json.loads(json.dumps(to_brief_document(value)))) == value


def _values(cls: type[Any]) -> st.SearchStrategy[Any]:
    st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False, places=6))
    return st.builds(cls) if cls is not Decision else st.builds(cls, holds=st.just(()), chains=st.just(()))


def test_decimals_are_strings_enums_values_and_tuples_arrays() -> None:
    doc = to_document(TierCharge(tier(), tariff(), rate("0.0120", fee="0.10"), Decimal("1.10")))
    assert doc["rate"]["per_minute"] == "0.0120"
    assert doc["exchange_rate"] == "1.10"
    assert doc["tier"]["buyer_status"] == "active"
    assert to_document(User(1, 2, "Alice", "101", endpoints=("a@b", "c@d")))["endpoints"] == ["a@b", "c@d"]


def test_free_documents_inside_pass_unchanged() -> None:
    draft = CdrDraft(
        ChainKind.ORIGINATING, 0, 2, None, 1, 1, None, Outcome.BUSY, 0, 0, 0, "EUR", {"notes": ["x"], "margin": None}
    )
    assert from_document(CdrDraft, to_document(draft)) == draft


def test_unknown_keys_are_ignored_and_missing_ones_with_default_filled() -> None:
    doc = {"id": 1, "customer_id": 2, "name": "Alice", "extension": "101", "added_later": True}
    assert from_document(User, doc) == User(1, 2, "Alice", "101")


@pytest.mark.parametrize(
    ("cls", "doc", "message"),
    [
        (User, {"id": 1, "name": "Alice"}, "User: customer_id, extension missing"),
        (Partner, {"id": "1", "parent_id": None, "name": "x", "status": "active"}, "Partner.id: '1' is not a whole"),
        (Partner, {"id": True, "parent_id": None, "name": "x", "status": "active"}, "Partner.id: True is not a whole"),
        (Partner, {"id": 1, "parent_id": None, "name": None, "status": "active"}, "Partner.name: None is not a text"),
        (Partner, {"id": 1, "parent_id": None, "name": "x", "status": "gone"}, "Partner.status: 'gone' is not a valid"),
        (
            User,
            {"id": 1, "customer_id": 2, "name": "x", "extension": "1", "endpoints": "a@b"},
            "User.endpoints: 'a@b' is",
        ),
        (User, [], r"User: \[\] is not an object"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_by_place(cls: type[Any], doc: Any, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        from_document(cls, doc)


@pytest.mark.parametrize("bad", [0.1, "NaN", "ten", "Infinity", True])
def test_prices_must_be_exact_decimals(bad: object) -> None:
    doc = {**to_document(rate("1")), "per_minute": bad}
    with pytest.raises(DocumentError, match=r"Rate\.per_minute"):
        from_document(type(rate("1")), doc)


def test_the_place_of_a_fault_deep_inside_is_named() -> None:
    doc = to_document(Decision(Direction.ONNET, CallRequest("c", "a", 1, "udp", "u", "r", "1", "d")))
    doc["request"]["source_port"] = "x"
    with pytest.raises(DocumentError, match=r"Decision.request: CallRequest.source_port: 'x'"):
        from_document(Decision, doc)


@dataclass(frozen=True)
class _Pair:
    both: tuple[int, str]
    status: Status | None = None


def test_tuples_of_fixed_length_keep_their_types() -> None:
    assert from_document(_Pair, to_document(_Pair((1, "x"), Status.ACTIVE))) == _Pair((1, "x"), Status.ACTIVE)
    with pytest.raises(DocumentError, match="both"):
        from_document(_Pair, {"both": [1]})


def test_only_dataclass_values_have_documents() -> None:
    with pytest.raises(TypeError, match="str is not a dataclass value"):
        to_document("x")
