from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.feed import Rate
from carillon.logic.ratetable import RateTable, RateTableError
from carillon.logic.tests.charges import rate, rates


def table(*prefixes: str) -> RateTable:
    return RateTable(rate("1", prefix=prefix) for prefix in prefixes)


def found(rates_of: RateTable, number: str) -> str | None:
    line = rates_of.longest(number)
    return line.prefix if line else None


def test_longest_prefix_wins_with_or_without_plus() -> None:
    by_prefix = table("44", "4420", "442071", "1", "49")
    assert found(by_prefix, "+442071234567") == "442071"
    assert found(by_prefix, "442081234567") == "4420"
    assert found(by_prefix, "447700900123") == "44"
    assert found(by_prefix, "33123456789") is None


def test_empty_prefix_matches_everything() -> None:
    assert found(table("", "44"), "+33123456789") == ""


def test_a_number_shorter_than_a_prefix_does_not_match_it() -> None:
    by_prefix = table("4", "44", "4400")
    assert [found(by_prefix, number) for number in ("4", "44", "440", "4400", "")] == ["4", "44", "44", "4400", None]


@pytest.mark.parametrize("number", ["", "+", "abc", "+44x", "١٢٣", "-1"])
def test_what_is_no_number_has_no_rate(number: str) -> None:
    assert table("1", "44").longest(number) is None


@pytest.mark.parametrize("prefix", ["+44", "44x", "٤٤", "1" * 18])
def test_a_bad_prefix_is_refused_by_name(prefix: str) -> None:
    with pytest.raises(RateTableError, match="is not 0 to 17 digits"):
        table(prefix)


def test_a_prefix_that_occurs_twice_is_refused() -> None:
    with pytest.raises(RateTableError, match="“44” occurs twice"):
        table("44", "1", "44")


digits = st.text("0123", max_size=6)


@given(st.sets(digits, max_size=40), st.lists(digits, max_size=20))
def test_lookup_agrees_with_trying_every_length(prefixes: set[str], numbers: list[str]) -> None:
    by_prefix = table(*prefixes)
    for number in (text for text in numbers if text):
        assert found(by_prefix, number) == tried(prefixes, number)


def tried(prefixes: set[str], number: str) -> str | None:
    return next((number[:size] for size in range(len(number), -1, -1) if number[:size] in prefixes), None)


def test_lookup_among_many_ranges_agrees_with_trying_every_length() -> None:
    dice = random.Random(1)
    ends = {"0", "9", "9" * 4, "9" * 17, "0" * 17, "1" + "0" * 16}
    prefixes = {str(dice.randrange(10 ** dice.randrange(1, 8))) for _ in range(8_000)} | ends
    by_prefix = table(*prefixes)
    numbers = [dice.choice("019") + str(dice.randrange(10 ** dice.randrange(1, 20))) for _ in range(2_000)]
    for number in (*numbers, *ends, "9" * 18, "0" * 30):
        assert found(by_prefix, number) == tried(prefixes, number)


@given(st.lists(rates, max_size=10))
def test_a_table_gives_back_every_rate(lines: list[Rate]) -> None:
    rows = [Rate(f"44{n}", *_rest(line)) for n, line in enumerate(lines)]
    assert sorted(RateTable(rows).rates(), key=lambda line: line.prefix) == sorted(rows, key=lambda line: line.prefix)


def _rest(line: Rate) -> tuple[str, Decimal, Decimal, int, int]:
    return line.name, line.connection_fee, line.per_minute, line.initial_s, line.increment_s


# ---------------------------------------------------------------- as a file


def filed(by_prefix: RateTable) -> bytes:
    return b"".join(by_prefix.parts())


@given(st.lists(rates, max_size=10), st.lists(digits, max_size=20))
def test_a_table_in_a_file_is_the_same(lines: list[Rate], numbers: list[str]) -> None:
    by_prefix = RateTable([Rate(f"1{n}", *_rest(line)) for n, line in enumerate(lines)])
    mapped = RateTable.from_buffer(filed(by_prefix))
    assert len(mapped) == len(by_prefix)
    assert list(mapped.rates()) == list(by_prefix.rates())
    assert [mapped.longest(number) for number in numbers] == [by_prefix.longest(number) for number in numbers]
    assert filed(mapped) == filed(by_prefix)


@given(st.data())
def test_a_damaged_file_is_refused(data: st.DataObject) -> None:
    content = bytearray(filed(table("44", "4420", "1")))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    for damaged in (content, content[:place], content + b"\0"):
        with pytest.raises(RateTableError, match="file of a price list"):
            RateTable.from_buffer(bytes(damaged))


def test_a_price_as_text_is_exact() -> None:
    as_text = RateTable([("44", "United Kingdom", "0.01000000\t0.02130000\t30\t6")])
    assert as_text.longest("442079460000") == Rate("44", "United Kingdom", Decimal("0.01"), Decimal("0.0213"), 30, 6)
