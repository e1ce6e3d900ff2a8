"""What Kamailio says becomes a request that PostgreSQL can keep."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callpath.control.wire import request_of
from carillon.logic.documents import to_document

QUESTION: dict[str, Any] = {
    "op": "call",
    "ti": 1,
    "tl": 2,
    "sip_call_id": "c1@phone",
    "source_address": "198.51.100.7",
    "source_port": 5060,
    "transport": "udp",
    "auth_user": "alice",
    "auth_realm": "northwind.test",
    "request_user": "101",
    "request_domain": "northwind.test",
}


def test_a_question_becomes_a_request() -> None:
    request = request_of(QUESTION)
    assert (request.auth_user, request.source_port, request.request_user) == ("alice", 5060, "101")


def test_a_call_from_a_carrier_has_no_identity() -> None:
    carriers = {key: value for key, value in QUESTION.items() if not key.startswith("auth_")}
    assert request_of(carriers).auth_user == ""


def test_a_message_that_is_no_question_is_refused() -> None:
    with pytest.raises(TypeError):
        request_of({"op": "call"})


@pytest.mark.parametrize("field", ["from_user", "from_display", "request_user", "sip_call_id", "asserted_identity"])
def test_characters_that_the_database_refuses_are_replaced(field: str) -> None:
    request = request_of(json.loads(json.dumps({**QUESTION, field: "a\x00b\r\nc\ud800d\x7fé"})))
    assert getattr(request, field) == "a�b��c�d�é"


def test_a_name_with_a_nul_is_not_the_name_without() -> None:
    assert request_of({**QUESTION, "auth_user": "ali\x00ce"}).auth_user != "alice"


@given(st.text(alphabet=st.characters(), max_size=40))
def test_any_text_can_be_stored(text: str) -> None:
    stored = json.dumps(to_document(request_of({**QUESTION, "from_display": text})), ensure_ascii=False)
    assert "\\u0000" not in stored
    stored.encode()  # no half of a surrogate pair
