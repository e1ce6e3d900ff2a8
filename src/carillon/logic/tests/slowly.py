"""What a call costs, second by second in fractions: written without a look at the rating that it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo

from carillon.logic.callflow.feed import Rate, Tariff, Tax, Window, WindowPrice

_DAY = timedelta(days=1)
_SECONDS = {"minute": 60, "second": 1, "hour": 3600, "message": 1}


@dataclass(frozen=True)
class SlowCall:
    """A call and what its account says."""

    answered_ms: int
    duration_ms: int
    skip_s: int = 0
    owes_fee: bool = True
    exchange_rate: Decimal | None = None
    taxes: tuple[Tax, ...] = ()


def slow_micro(rate: Rate, tariff: Tariff, call: SlowCall) -> int:
    """Micro-units that the call costs."""
    exact = slow_exact(rate, tariff, call)
    if call.exchange_rate is not None:
        exact *= Fraction(call.exchange_rate)
    if not tariff.is_tax_inclusive:
        exact += exact * sum(Fraction(tax.percent) for tax in call.taxes) / 100
    return int(_rounded(exact, tariff.rounding, tariff.decimals) * 10**6)


def slow_exact(rate: Rate, tariff: Tariff, call: SlowCall) -> Fraction:
    """The price in the list's currency, before taxes and the last rounding."""
    length = ceil(Fraction(call.duration_ms, 1000))
    if rate.grace_s > 0 and length <= rate.grace_s:
        return Fraction(0)
    fee = Fraction(_price_at(rate, tariff, call, 0).connection_fee) if call.owes_fee else Fraction(0)
    whole = sum((_by_itself(cost, tariff) for cost in _intervals(rate, tariff, call, length)), Fraction(0))
    fee = _by_itself(fee, tariff)
    whole = max(fee, whole) if tariff.is_fee_deductible else fee + whole
    if call.owes_fee:
        whole = max(whole, Fraction(rate.minimum))
    return whole if rate.maximum is None else min(whole, Fraction(rate.maximum))


def _intervals(rate: Rate, tariff: Tariff, call: SlowCall, length: int) -> Iterator[Fraction]:
    """What the initial interval costs, and each increment."""
    begin, size = call.skip_s, 0 if call.skip_s else _price_at(rate, tariff, call, 0).initial_s
    while size or begin < length:
        size = size or _increment(rate, tariff, call, begin)
        yield sum((_second(rate, tariff, call, begin, one) for one in range(begin, begin + size)), Fraction(0))
        begin, size = begin + size, 0


def _second(rate: Rate, tariff: Tariff, call: SlowCall, begin: int, second: int) -> Fraction:
    """What one second costs as part of the increment that began at `begin`."""
    looked_at = second if tariff.is_split else begin
    price = _price_at(rate, tariff, call, looked_at)
    per_unit = price.per_minute
    for step in sorted(price.steps, key=lambda step: step.from_s):
        if step.from_s <= looked_at:
            per_unit = step.per_minute
    return Fraction(per_unit) / _SECONDS[str(tariff.unit)]


def _increment(rate: Rate, tariff: Tariff, call: SlowCall, second: int) -> int:
    price = _price_at(rate, tariff, call, second)
    size = price.increment_s
    for step in sorted(price.steps, key=lambda step: step.from_s):
        if step.from_s <= second:
            size = step.increment_s
    return max(size, 1)


def _price_at(rate: Rate, tariff: Tariff, call: SlowCall, second: int) -> Rate | WindowPrice:
    own = {price.window: price for price in reversed(rate.windows)}
    for window in tariff.windows:
        if window.name in own and slow_holds(window, call.answered_ms + 1000 * second):
            return own[window.name]
    return rate


# ---------------------------------------------------------------- windows


def slow_holds(window: Window, at_ms: int) -> bool:
    """Whether the wall clock is inside one of the stretches that begin today or began yesterday."""
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    wall = utc.astimezone(ZoneInfo(window.hours.timezone)).replace(tzinfo=None)
    return any(_is_open_on(window, day) and _is_in(window, day, wall) for day in (wall.date(), wall.date() - _DAY))


def _is_in(window: Window, day: date, wall: datetime) -> bool:
    midnight = datetime(day.year, day.month, day.day)
    if not window.hours.begins:
        return midnight <= wall < midnight + _DAY
    begins, ends = midnight + _clock(window.hours.begins), midnight + _clock(window.hours.ends)
    return begins <= wall < (ends if ends > begins else ends + _DAY)


def _clock(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _is_open_on(window: Window, day: date) -> bool:
    weekday = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day.weekday()]
    if window.hours.weekdays and weekday not in window.hours.weekdays:
        return False
    if window.month_days and day.day not in window.month_days:
        return False
    return (not window.dates or _names(window.dates, day)) and not _names(window.except_dates, day)


def _names(dates: Sequence[str], day: date) -> bool:
    return any(_spans(text, day) for text in dates)


def _spans(text: str, day: date) -> bool:
    first, last = text.split("/") if "/" in text else (text, text)
    if len(first) == len("2026-12-24"):
        return date.fromisoformat(first) <= day <= date.fromisoformat(last)
    begin, end = _month_day(first), _month_day(last)
    today = (day.month, day.day)
    return begin <= today <= end if begin <= end else today >= begin or today <= end


def _month_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)


# ---------------------------------------------------------------- rounding


def _by_itself(cost: Fraction, tariff: Tariff) -> Fraction:
    is_rounded = tariff.rounds_increments and not tariff.is_split
    return _rounded(cost, tariff.rounding, tariff.decimals) if is_rounded else cost


def _rounded(cost: Fraction, mode: str, decimals: int) -> Fraction:
    steps = cost * 10**decimals
    if mode == "down":
        whole = floor(steps)
    elif mode == "up":
        whole = ceil(steps)
    elif mode == "half_up":
        whole = floor(steps + Fraction(1, 2))
    else:
        whole = round(steps)  # Python's own rounding of fractions: half to even
    return Fraction(whole, 10**decimals)
