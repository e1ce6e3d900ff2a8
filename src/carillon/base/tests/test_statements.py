"""Statements with their values beside them: many rows as one text, in order."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from tests.support.cast import Cast

from carillon.base.statements import array, insert, records, run

pytestmark = pytest.mark.django_db


def test_rows_are_written_in_order_and_found_by_arrays(cast: Cast) -> None:
    minute = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
    row = {"partner_id": cast.operator.pk, "account_id": 1, "amount_micro": 2**53 + 1}
    written = [{**row, "cdr_id": 1, "minute": minute}, {**row, "cdr_id": 2, "minute": "2026-11-26T12:30:00+00:00"}]
    ids = insert("billing_unpostedcharge", written)
    wanted = "select id, cdr_id, amount_micro, minute from billing_unpostedcharge where id = any(%(ids)s::bigint[])"
    assert run(f"{wanted} order by cdr_id", {"ids": array(ids)}) == [
        (ids[0], 1, 2**53 + 1, minute),
        (ids[1], 2, 2**53 + 1, minute),
    ]
    assert insert("billing_unpostedcharge", []) == []
    with pytest.raises(IntegrityError):
        insert("billing_unpostedcharge", [{**row, "cdr_id": 3, "minute": None}])


def test_texts_of_any_kind_are_texts_and_nothing_else_is() -> None:
    told = {"a": mark_safe('<b title="é">'), "b": _("Dialled"), "c": None}
    assert json.loads(records([told])) == [{"a": '<b title="é">', "b": "Dialled", "c": None}]
    with pytest.raises(TypeError, match="object is not for JSON"):
        records([{"a": object()}])
