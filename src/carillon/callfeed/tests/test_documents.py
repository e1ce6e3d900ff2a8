from __future__ import annotations

from decimal import Decimal

import pytest

from carillon.callfeed.documents import NOTIFIED_KINDS, REFERENCE_KINDS, TYPES, decode, view_of
from carillon.callfeed.tests.cast import CUSTOMERS, DOMAINS, ENDPOINTS, GATEWAYS, NUMBERS, PARTNERS, ROUTES, USERS
from carillon.logic.callflow.feed import BlacklistEntry, DestinationGroup
from carillon.logic.callflow.terms import ExchangeRate, FallbackRule
from carillon.logic.documents import DocumentError, to_document
from carillon.logic.markup import Rule

SAMPLES = {
    "blacklist": (BlacklistEntry(1, 1, "called", "+4490", "fraud", 1),),
    "group": (DestinationGroup(1, 1, "UK mobile", ("447",)),),
    "domain": DOMAINS,
    "endpoint": ENDPOINTS,
    "customer": CUSTOMERS,
    "user": USERS,
    "extension": USERS,
    "number": NUMBERS,
    "partner": PARTNERS,
    "gateway": GATEWAYS,
    "route": ROUTES,
    "markup": (FallbackRule(1, 1, Rule("44", "United", Decimal("12.5"), cap=Decimal("0.1"))),),
    "exchange": (ExchangeRate(1, 1, "USD", "EUR", Decimal("0.9215"), 1, Decimal("0.5")),),
}


@pytest.mark.parametrize("kind", list(TYPES))
def test_every_kind_decodes_into_its_type(kind: str) -> None:
    values: tuple[object, ...] = SAMPLES[kind]
    assert tuple(decode(kind, to_document(value)) for value in values) == values
    assert view_of(kind) == f"callfeed.{kind}_doc"


def test_a_bad_document_names_its_view() -> None:
    with pytest.raises(DocumentError, match=r"callfeed\.number_doc does not fit: Number: e164, .* missing\."):
        decode("number", {})


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        view_of("money")
    with pytest.raises(KeyError):
        decode("money", {})


def test_every_document_is_announced() -> None:
    assert set(TYPES) - {"extension"} <= set(NOTIFIED_KINDS)
    assert set(NOTIFIED_KINDS) >= REFERENCE_KINDS
