from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.ledger import Posting, Unbalanced, account_key, check_balanced, move_postings

micro = st.integers(-(10**15), 10**15)


@given(micro, st.sampled_from(["EUR", "JPY"]))
def test_every_movement_sums_to_zero(amount: int, currency: str) -> None:
    made = move_postings(account_key(1), account_key(2), amount, currency)
    assert check_balanced(made) == made
    assert len(made) == (2 if amount else 0)


def test_a_movement_takes_from_one_and_gives_to_the_other() -> None:
    assert move_postings(account_key(7), account_key(2), 1_500, "EUR") == (
        Posting("account:7", -1_500, "EUR"),
        Posting("account:2", 1_500, "EUR"),
    )


def test_entries_that_do_not_balance_are_refused_by_currency() -> None:
    with pytest.raises(Unbalanced, match="entries in USD differ by 1 micro-units"):
        check_balanced((Posting("a", 5, "EUR"), Posting("b", -5, "EUR"), Posting("c", 1, "USD")))
