"""A price as one line of text, exact and always the same for the same price: as files, history and people see it.

    0.05 TAB 0.012 TAB 60 TAB 1                                    fee, per minute, initial and increment seconds
    ... TAB 3 TAB 0.01 TAB 2.5 TAB 600:0.01/1 TAB Night=0+0.005 1/1

The tail is left out where a rate has none of it: grace seconds, minimum, maximum ("": none), steps, and the prices of
windows. A step is `second:per minute/increment`; steps follow each other after a space. A window's price is
`name=fee+per minute initial/increment`, then its steps; several are separated by `; `.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from carillon.logic.callflow.feed import Rate, Step, WindowPrice

MAX_WINDOW_NAME = 40
MAX_STEPS_TEXT, MAX_WINDOWS_TEXT = 400, 4000  # characters: ten steps, ten windows of ten steps
Price = tuple[Decimal, Decimal, int, int, tuple[Step, ...], tuple[WindowPrice, ...], int, Decimal, Decimal | None]
"""What of a `Rate` is the same for all prefixes of that price: its fields from `connection_fee` on, in order."""

_NAME = re.compile(rf"[^\s=;\\|]([^=;\\|\x00-\x1f]{{0,{MAX_WINDOW_NAME - 2}}}[^\s=;\\|])?")
_STEP = re.compile(r"(\d{1,9}):([0-9.]{1,20})/(\d{1,9})", re.ASCII)
_WINDOW = re.compile(r"([^=]+)=([0-9.]{1,20})\+([0-9.]{1,20}) (\d{1,9})/(\d{1,9})( .*)?", re.ASCII)
_NOTHING = Decimal(0)


class PriceTextError(ValueError):
    """A text is no price; the message quotes the part that is not."""


def is_window_name(text: str) -> bool:
    """Whether a window may be called so: at most 40 characters, none of those that separate prices."""
    return bool(_NAME.fullmatch(text)) and text.isprintable()


def price_text(rate: Rate) -> str:
    """The price of a rate, for `price_of`."""
    parts: list[object] = [rate.connection_fee, rate.per_minute, rate.initial_s, rate.increment_s]
    if has_tail(rate):
        highest = "" if rate.maximum is None else rate.maximum
        parts += [rate.grace_s, rate.minimum, highest, steps_text(rate.steps), windows_text(rate.windows)]
    return "\t".join(map(str, parts))


def has_tail(rate: Rate) -> bool:
    """Whether the price says more than fee, rate and intervals."""
    return bool(rate.grace_s or rate.minimum or rate.maximum is not None or rate.steps or rate.windows)


def price_of(text: str) -> Price:
    """The price that a text says. Raises PriceTextError."""
    try:
        fee, per_minute, initial_s, increment_s, *tail = text.split("\t")
        price = Decimal(fee), Decimal(per_minute), int(initial_s), int(increment_s)
        if not tail:
            return *price, (), (), 0, _NOTHING, None
        grace_s, minimum, maximum, steps, windows = tail
        highest = Decimal(maximum) if maximum else None
        return *price, steps_of(steps), windows_of(windows), int(grace_s), Decimal(minimum), highest
    except (InvalidOperation, ValueError) as error:
        raise PriceTextError(f"“{text}” is not a price.") from error


# ---------------------------------------------------------------- steps and windows


def steps_text(steps: Iterable[Step]) -> str:
    """Steps in order, "600:0.01/1 1200:0.005/1"; "" for none."""
    ordered = sorted(steps, key=lambda step: step.from_s)
    return " ".join(f"{step.from_s}:{plain(step.per_minute)}/{step.increment_s}" for step in ordered)


def steps_of(text: str) -> tuple[Step, ...]:
    """The steps that a text says. Raises PriceTextError."""
    return tuple(_step(part) for part in text.split())


def windows_text(windows: Iterable[WindowPrice]) -> str:
    """Prices of windows by name, "Night=0+0.005 1/1; Weekend=0.01+0.002 60/1 600:0.001/1"; "" for none."""
    return "; ".join(_window_text(price) for price in sorted(windows, key=lambda price: price.window))


def windows_of(text: str) -> tuple[WindowPrice, ...]:
    """The prices of windows that a text says. Raises PriceTextError."""
    return tuple(_window(part) for part in text.split("; ")) if text else ()


def plain(number: Decimal) -> str:
    """The shortest exact text of a decimal: 0.0100 is 0.01, 100 stays 100."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def _step(text: str) -> Step:
    found = _STEP.fullmatch(text)
    if found is None:
        raise PriceTextError(f"“{text[:40]}” is not a step: second:price/increment, such as 600:0.01/1.")
    return Step(int(found[1]), _number(found[2]), int(found[3]))


def _window_text(price: WindowPrice) -> str:
    text = (
        f"{price.window}={plain(price.connection_fee)}+{plain(price.per_minute)} {price.initial_s}/{price.increment_s}"
    )
    return f"{text} {steps_text(price.steps)}" if price.steps else text


def _window(text: str) -> WindowPrice:
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise PriceTextError(f"“{text[:60]}” is not the price of a window: name=fee+price initial/increment.")
    fee, per_minute = _number(found[2]), _number(found[3])
    return WindowPrice(found[1], fee, per_minute, int(found[4]), int(found[5]), steps_of(found[6] or ""))


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise PriceTextError(f"“{text}” is not a number.") from None
