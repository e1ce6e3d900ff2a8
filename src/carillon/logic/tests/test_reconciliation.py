"""A carrier's calls against ours."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.reconciliation import Compared, Record, Tolerance, Verdict, compared

A = Record("a", 1_000_000, "+34910000001", "+442071234567", 60_000, 10_000)
NEAR = Tolerance()


def verdicts(theirs: list[Record], ours: list[Record]) -> list[tuple[str, str, str]]:
    found = compared(theirs, ours, NEAR)
    return [
        (one.verdict.value, one.theirs.key if one.theirs else "", one.ours.key if one.ours else "") for one in found
    ]


def test_the_same_call_matches_within_the_tolerances() -> None:
    ours = replace(A, key="x", started_ms=A.started_ms + 59_000, duration_ms=60_900, price_micro=10_100)
    assert verdicts([A], [ours]) == [("matched", "a", "x")]


def test_duration_is_told_before_price() -> None:
    longer = replace(A, key="x", duration_ms=58_000, price_micro=9_000)
    dearer = replace(A, key="x", price_micro=9_000)
    assert verdicts([A], [longer]) == [("duration", "a", "x")]
    assert verdicts([A], [dearer]) == [("price", "a", "x")]


def test_what_one_side_does_not_have() -> None:
    elsewhere = replace(A, key="x", callee="+33140000000")
    late = replace(A, key="y", started_ms=A.started_ms + 61_000)
    assert verdicts([A], [elsewhere, late]) == [("theirs", "a", ""), ("ours", "", "x"), ("ours", "", "y")]


def test_a_call_id_goes_before_times_and_numbers() -> None:
    theirs = replace(A, sip_call_id="1@x", started_ms=0)
    right = replace(A, key="x", sip_call_id="1@x", callee="+4420")
    wrong = replace(A, key="y", started_ms=0)
    assert verdicts([theirs], [wrong, right]) == [("matched", "a", "x"), ("ours", "", "y")]


def test_a_call_id_that_occurs_twice_proves_nothing() -> None:
    twice = [replace(A, key=key, sip_call_id="1@x", started_ms=at) for key, at in (("x", 999_000), ("y", 5_000_000))]
    assert verdicts([replace(A, sip_call_id="1@x")], twice)[0] == ("matched", "a", "x")


def test_the_nearest_pairs_are_made_first() -> None:
    theirs = [replace(A, key="1", started_ms=0), replace(A, key="2", started_ms=30_000)]
    ours = [replace(A, key="x", started_ms=29_000), replace(A, key="y", started_ms=59_000)]
    assert verdicts(theirs, ours)[:2] == [("matched", "1", "y"), ("matched", "2", "x")]


def test_callers_count_when_both_sides_tell_them() -> None:
    national = replace(A, key="x", caller="0910000001")
    other = replace(A, key="x", caller="+34910000002")
    assert verdicts([A], [national])[0][0] == "matched"
    assert verdicts([A], [other])[0][0] == "theirs"
    assert verdicts([replace(A, caller="anonymous")], [other])[0][0] == "matched"


def test_money_at_stake() -> None:
    ours = replace(A, price_micro=4_000)
    assert Compared(Verdict.PRICE, A, ours).overcharged_micro == 6_000
    assert Compared(Verdict.THEIRS, A, None).overcharged_micro == 10_000
    assert Compared(Verdict.OURS, None, ours).overcharged_micro == -4_000
    assert Compared(Verdict.MATCHED, replace(A, price_micro=None), ours).overcharged_micro == 0


RECORDS = st.lists(
    st.builds(
        lambda at, callee, call_id: Record("", at * 20_000, "", callee, 60_000, 0, call_id),
        st.integers(0, 20), st.sampled_from(["1", "2"]), st.sampled_from(["", "", "p", "q"]),
    ),
    max_size=12,
)  # fmt: skip


@given(theirs=RECORDS, ours=RECORDS)
def test_every_call_is_told_once(theirs: list[Record], ours: list[Record]) -> None:
    theirs = [replace(one, key=f"t{place}") for place, one in enumerate(theirs)]
    ours = [replace(one, key=f"o{place}") for place, one in enumerate(ours)]
    found = list(compared(theirs, ours, NEAR))
    assert [one.theirs.key for one in found if one.theirs] == [one.key for one in theirs]
    assert sorted(one.ours.key for one in found if one.ours) == sorted(one.key for one in ours)
    both = [one for one in found if one.theirs and one.ours]
    assert all((one.verdict in (Verdict.THEIRS, Verdict.OURS)) == (one not in both) for one in found)
