from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries
from tests.support.cast import Cast

from carillon.faces.gate.hosts import KNOWN_S, MAX_REMEMBERED, UNKNOWN_S, HostBook


class Clock:
    """A clock that a test sets."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_answer_is_remembered_and_asked_again_later(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    clock = Clock()
    book = HostBook(is_debug=False, clock=clock)
    with django_assert_num_queries(1):
        first = book.find("northwind.localhost")
        assert first is not None and first.name == "Northwind Business"
        assert book.find("northwind.localhost") is first
    cast.business.name = "Renamed"
    cast.business.save(update_fields=["name"])
    clock.now_s += KNOWN_S + 1
    renamed = book.find("northwind.localhost")
    assert renamed is not None and renamed.name == "Renamed"


def test_new_hostname_answers_within_seconds(cast: Cast) -> None:
    clock = Clock()
    book = HostBook(is_debug=False, clock=clock)
    assert book.find("new.localhost") is None
    cast.business.hostname = "new.localhost"
    cast.business.save(update_fields=["hostname"])
    assert book.find("new.localhost") is None
    clock.now_s += UNKNOWN_S + 0.1
    assert book.find("new.localhost") is not None


def test_strangers_cannot_fill_the_memory(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carillon.faces.gate.hosts.MAX_REMEMBERED", 3)
    book = HostBook(is_debug=False)
    for number in range(10):
        book.find(f"host{number}.invalid")
    assert len(book._answers) <= 3 < MAX_REMEMBERED


def test_portal_needs_no_operator_on_its_local_name(db: None) -> None:
    book = HostBook(is_debug=False)
    portal = book.find("portal.localhost")
    assert portal is not None and (portal.realm, portal.web_product_id) == (0, None)
    assert book.find("localhost") is None
    local = HostBook(is_debug=True).find("localhost")
    assert local is not None and local.realm == 0
