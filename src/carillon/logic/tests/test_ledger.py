from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.ledger import (
    Posting,
    Unbalanced,
    account_key,
    adjustment_postings,
    charge_postings,
    check_balanced,
    exchange_postings,
    partner_key,
    reversal_postings,
    top_up_postings,
)

micro = st.integers(-(10**15), 10**15)


@given(st.integers(1, 99), st.integers(1, 99), micro, st.sampled_from(["EUR", "JPY"]))
def test_every_movement_sums_to_zero(account: int, seller: int, amount: int, currency: str) -> None:
    for postings in (charge_postings, top_up_postings, adjustment_postings):
        made = postings(account, seller, amount, currency)
        assert check_balanced(made) == made
        check_balanced((*made, *reversal_postings(made)))
        assert len(made) == (2 if amount else 0)


@given(micro, micro)
def test_an_exchange_sums_to_zero_in_both_currencies(paid: int, got: int) -> None:
    check_balanced(exchange_postings("account:1", paid, "EUR", "account:2", got, "USD"))


def test_a_charge_takes_from_the_buyer_and_gives_to_the_seller() -> None:
    assert charge_postings(7, 2, 1_500, "EUR") == (
        Posting(account_key(7), -1_500, "EUR"),
        Posting(partner_key("revenue", 2, "EUR"), 1_500, "EUR"),
    )


def test_a_top_up_gives_to_the_account() -> None:
    assert Posting("account:7", 5_000_000, "EUR") in top_up_postings(7, 2, 5_000_000, "EUR")


def test_entries_that_do_not_balance_are_refused_by_currency() -> None:
    with pytest.raises(Unbalanced, match="entries in USD differ by 1 micro-units"):
        check_balanced((Posting("a", 5, "EUR"), Posting("b", -5, "EUR"), Posting("c", 1, "USD")))
