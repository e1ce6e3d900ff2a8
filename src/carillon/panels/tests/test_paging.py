"""Keyset paging meets every row exactly once, in both directions, also among equal values."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet

from carillon.base.errors import InvalidInput
from carillon.business.partners.models import Partner
from carillon.panels.paging import capped_count, read_page

pytestmark = pytest.mark.django_db

NAMES = ["Dora", "Anna", "Anna", "Cleo", "Anna", "Bert", "Bert", "Émile", "anna", "Zoe", "Anna"]


@pytest.fixture
def rows(db: None) -> QuerySet[Partner]:
    """Eleven partners, five of one name (names are unique per parent, so each has its own)."""
    parent = Partner.objects.create(name="Top", country="GB", currency="EUR")
    for name in NAMES:
        parent = Partner.objects.create(parent=parent, name=name, country="GB", currency="EUR")
    return Partner.objects.filter(name__in=NAMES)


def walk(rows: QuerySet[Any], order: str, size: int) -> list[int]:
    """All ids met by following `next` from the first page, checked against the way back."""
    pages, cursor = [], ""
    while True:
        page = read_page(rows, order, size, cursor)
        pages.append(page)
        if not page.next:
            break
        cursor = page.next
    back, cursor = [pages[-1].rows], pages[-1].previous
    while cursor:
        page = read_page(rows, order, size, cursor)
        back.append(page.rows)
        cursor = page.previous
    forth = [row.pk for page in pages for row in page.rows]
    assert [row.pk for part in reversed(back) for row in part] == forth
    return forth


@pytest.mark.parametrize("order", ["name", "-name", "id", "-id"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 50])
def test_every_row_is_met_once_in_order(rows: QuerySet[Partner], order: str, size: int) -> None:
    mark = "-" if order.startswith("-") else ""
    assert walk(rows, order, size) == list(rows.order_by(order, f"{mark}pk").values_list("pk", flat=True))


def test_last_page_leads_back(rows: QuerySet[Partner]) -> None:
    everyone = list(rows.order_by("name", "pk"))
    page = read_page(rows, "name", 4, "last")
    assert page.rows == everyone[-4:]
    assert not page.next
    before = read_page(rows, "name", 4, page.previous)
    assert before.rows == everyone[-8:-4]
    assert before.next


def test_nothing_is_one_empty_page(rows: QuerySet[Partner]) -> None:
    page = read_page(rows.none(), "name", 4)
    assert (page.rows, page.next, page.previous) == ([], "", "")


@pytest.mark.parametrize("cursor", ["x", "last2", "WyJuYW1lIl0:1:2", "\x00", "a" * 5000])
def test_cursor_that_is_not_ours_is_refused(rows: QuerySet[Partner], cursor: str) -> None:
    with pytest.raises(InvalidInput):
        read_page(rows, "name", 4, cursor)


def test_cursor_of_another_order_is_refused(rows: QuerySet[Partner]) -> None:
    cursor = read_page(rows, "name", 2).next
    with pytest.raises(InvalidInput, match="another order"):
        read_page(rows, "-name", 2, cursor)


def test_count_stops_at_its_cap(rows: QuerySet[Partner]) -> None:
    assert capped_count(rows, 5) == (5, True)
    assert capped_count(rows, 11) == (11, False)
