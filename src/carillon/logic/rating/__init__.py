"""Prices of calls: the rate in force, the pieces it cuts a call into, one rounding.

`pricelists` says which version of a list is in force, `lines` and `pieces` what holds when, `price` what it comes to.
"""

from carillon.logic.rating.lines import UNIT_SIGNS, format_scaled, frozen
from carillon.logic.rating.pieces import Piece
from carillon.logic.rating.price import (
    Charge,
    Price,
    converted_micro,
    longest,
    pays_by_time,
    percent_of,
    price_at_most,
    price_of,
    rate_call,
    reach_s,
)
from carillon.logic.rating.pricelists import PriceLists, RatesAt, Unread, Version

__all__ = [
    "UNIT_SIGNS",
    "Charge",
    "Piece",
    "Price",
    "PriceLists",
    "RatesAt",
    "Unread",
    "Version",
    "converted_micro",
    "format_scaled",
    "frozen",
    "longest",
    "pays_by_time",
    "percent_of",
    "price_at_most",
    "price_of",
    "rate_call",
    "reach_s",
]
