"""What a rate may say, typed or imported: one rule for both."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from carillon.logic.callflow.feed import Step, WindowPrice
from carillon.logic.pricetext import MAX_STEPS_TEXT, MAX_WINDOWS_TEXT, steps_text, windows_text

MAX_PREFIX = 15
MAX_NAME = 100
MAX_PRICE = Decimal(1000)  # per unit or per call, in any currency: more is a slipped decimal point
MAX_INTERVAL_S = 3600
MAX_FROM_S = 86_400  # where a step may begin; no call lasts longer
_DIGITS = re.compile(r"\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class RateValues:
    """A rate as written; see `carillon.logic.callflow.feed.Rate`."""

    prefix: str
    name: str
    connection_fee: Decimal
    per_minute: Decimal
    initial_s: int
    increment_s: int
    grace_s: int = 0
    minimum: Decimal = Decimal(0)
    maximum: Decimal | None = None
    steps: tuple[Step, ...] = ()
    windows: tuple[WindowPrice, ...] = ()


class NotARate(ValueError):
    """One value of a rate is wrong; `column` says which."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def check_rate(values: RateValues, windows: Collection[str] = ()) -> None:
    """Hold one rate against the rules that hold for every rate, typed or imported.

    Args:
        windows: names of the version's windows.

    Raises:
        NotARate: naming the column and what is wrong with it.
    """
    _check_prefix(values.prefix)
    _check_name(values.name)
    check_price("connection_fee", values.connection_fee)
    check_price("per_minute", values.per_minute)
    check_interval("initial_s", values.initial_s)
    check_interval("increment_s", values.increment_s)
    if values.grace_s or values.minimum or values.maximum is not None:
        _check_bounds(values)
    if values.steps:
        check_steps("steps", values.steps)
    if values.windows:
        _check_windows(values.windows, windows)


def check_price(column: str, price: Decimal) -> None:
    """A price of a sane size with at most eight decimals. Raises NotARate."""
    if not price.is_finite() or price < 0:
        raise NotARate(column, _("Prices are zero or more."))
    if price > MAX_PRICE:
        raise NotARate(
            column,
            _("%(price)s is absurd: prices are at most %(most)s. Is the decimal point missing?")
            % {"price": price, "most": MAX_PRICE},
        )
    if -int(price.as_tuple().exponent) > 8:
        raise NotARate(column, _("A price has at most 8 decimals."))


def check_interval(column: str, seconds: int) -> None:
    """An interval of 1 to 3600 seconds. Raises NotARate."""
    if not 1 <= seconds <= MAX_INTERVAL_S:
        raise NotARate(column, _("An interval is 1 to %(most)s seconds.") % {"most": MAX_INTERVAL_S})


def check_window(column: str, window: str, known: Collection[str]) -> None:
    """A window that the version has. Raises NotARate."""
    if window not in known:
        raise NotARate(
            column,
            _("There is no window “%(window)s”; this version has: %(known)s.")
            % {"window": window[:40], "known": ", ".join(known) or _("none")},
        )


def check_steps(column: str, steps: Collection[Step]) -> None:
    """Steps that begin after the call's first second, each at another one. Raises NotARate."""
    for step in steps:
        if not 1 <= step.from_s <= MAX_FROM_S:
            raise NotARate(column, _("A step begins at second 1 to %(most)s.") % {"most": MAX_FROM_S})
        check_price(column, step.per_minute)
        check_interval(column, step.increment_s)
    if len({step.from_s for step in steps}) < len(steps):
        raise NotARate(column, _("Two steps begin at the same second."))
    if len(steps_text(steps)) > MAX_STEPS_TEXT:
        raise NotARate(column, _("These are too many steps."))


def _check_prefix(prefix: str) -> None:
    if prefix and not _DIGITS.fullmatch(prefix):
        raise NotARate(
            "prefix", _("“%(prefix)s” is not a prefix: digits only, country code first.") % {"prefix": prefix[:20]}
        )
    if len(prefix) > MAX_PREFIX:
        raise NotARate(
            "prefix",
            _("A prefix has at most %(most)s digits; this one has %(prefix)s.")
            % {"most": MAX_PREFIX, "prefix": len(prefix)},
        )
    if prefix.startswith("0"):
        raise NotARate("prefix", _("A prefix begins with a country code, which never begins with 0."))


def _check_name(name: str) -> None:
    if not name:
        raise NotARate("name", _("The destination's name is missing."))
    if len(name) > MAX_NAME:
        raise NotARate(
            "name",
            _("A name has at most %(most)s characters; this one has %(name)s.") % {"most": MAX_NAME, "name": len(name)},
        )
    if name[0] in "=+-@\t\r":
        raise NotARate(
            "name",
            _("“%(name)s” begins with “%(name_other)s”, which spreadsheets run as a formula.")
            % {"name": name[:20], "name_other": name[0]},
        )
    if not name.isprintable():
        raise NotARate("name", _("The name has a control character."))


def _check_bounds(values: RateValues) -> None:
    if not 0 <= values.grace_s <= MAX_INTERVAL_S:
        raise NotARate("grace_s", _("Grace is 0 to %(most)s seconds.") % {"most": MAX_INTERVAL_S})
    check_price("minimum", values.minimum)
    if values.maximum is None:
        return
    check_price("maximum", values.maximum)
    if values.maximum < values.minimum:
        raise NotARate("maximum", _("The most that a call costs is below the least."))


def _check_windows(prices: Collection[WindowPrice], known: Collection[str]) -> None:
    for price in prices:
        check_window("windows", price.window, known)
        check_price("windows", price.connection_fee)
        check_price("windows", price.per_minute)
        check_interval("windows", price.initial_s)
        check_interval("windows", price.increment_s)
        check_steps("windows", price.steps)
    if len({price.window for price in prices}) < len(prices):
        raise NotARate("windows", _("A window has two prices."))
    if len(windows_text(prices)) > MAX_WINDOWS_TEXT:
        raise NotARate("windows", _("These are too many prices of windows."))
