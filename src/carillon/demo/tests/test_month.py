"""The month of calls has the shape of a business: days and evenings, weekends, the same at every loading."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from carillon.demo.pastcalls import Phone, past

NOW = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)  # a Thursday
PHONES = [Phone("desk@a.test", "office", ("101",)), Phone("home@b.test", "home", ("0033199000001",))]


def moments(shape: str) -> list[datetime]:
    calls = past(PHONES, NOW)
    return [datetime.fromtimestamp(one.started_ms / 1000, UTC) for one in calls if one.phone.shape == shape]


def test_a_month_of_calls_looks_like_business() -> None:
    office, home = moments("office"), moments("home")
    assert list(past(PHONES, NOW)) == list(past(PHONES, NOW))
    assert max(office + home) < NOW
    assert len({at.date() for at in office}) > 20
    hours = Counter(at.hour for at in office)
    assert hours[10] > hours[18] and hours[3] == 0
    evening = sum(1 for at in home if at.hour >= 17)
    assert evening > len(home) / 2
    weekend = sum(1 for at in office if at.weekday() >= 5)
    assert weekend < len(office) / 10


def test_most_calls_are_answered_and_some_are_not() -> None:
    ends = Counter(one.end for one in past(PHONES, NOW))
    assert set(ends) == {"answered", "no_answer", "cancelled", "busy", "failed"}
    assert 0.5 < ends["answered"] / ends.total() < 0.8
