"""Why this price, as a picture and in words: made of the data that explanations keep, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _

from carillon.logic.callflow.feed import Unit
from carillon.logic.money import format_exact
from carillon.logic.rating.lines import UNIT_S
from carillon.panels.cells import duration_text
from carillon.panels.manner import number_text

WIDTH = 1000  # of the picture
TONES = 4  # colours that pieces take in turn
UNITS = {
    Unit.SECOND: _("per second"),
    Unit.MINUTE: _("per minute"),
    Unit.HOUR: _("per hour"),
    Unit.MESSAGE: _("per message"),
}
BOUNDS = {
    "grace": _("So short a call is free of charge."),
    "fee": _("The connection fee is the least that the call costs."),
    "minimum": _("It comes to less than the least charge: that is charged."),
    "maximum": _("It comes to more than the maximum charge: that is charged."),
}


def reasons(explanation: Mapping[str, Any], talked_ms: int) -> dict[str, Any] | None:
    """Return what a page shows of one price; None for a price that was explained by sentences alone, or is none."""
    pieces: Sequence[Mapping[str, Any]] = explanation.get("pieces") or ()
    if not pieces and not explanation.get("bound"):
        return None
    talked_s = -(-talked_ms // 1000)
    whole_s = max([talked_s, 1, *(piece["from_s"] + piece["seconds"] for piece in pieces)])
    kinds = list(dict.fromkeys((piece["window"], piece["step_s"]) for piece in pieces))
    rows = [_row(explanation, piece, kinds.index((piece["window"], piece["step_s"])) % TONES) for piece in pieces]
    for row in rows:
        row |= {"x": _place(row["from_s"], whole_s), "width": _place(row["seconds"], whole_s)}
    return {
        "rows": rows,
        "talked_x": _place(talked_s, whole_s),
        "talked": duration_text(talked_s * 1000),
        "ends": duration_text(whole_s * 1000),
        "unit": UNITS[Unit(explanation.get("unit") or Unit.MINUTE)],
        "paid_before": duration_text(pieces[0]["from_s"] * 1000) if pieces and pieces[0]["from_s"] else "",
        "words": list(_words(explanation)),
    }


def _place(seconds: int, whole_s: int) -> str:
    return f"{WIDTH * seconds / whole_s:.1f}"


def _row(explanation: Mapping[str, Any], piece: Mapping[str, Any], tone: int) -> dict[str, Any]:
    unit_s = UNIT_S[Unit(explanation.get("unit") or Unit.MINUTE)]
    comes_to = Decimal(piece["per_minute"]) * piece["seconds"] / unit_s
    until_s = piece["from_s"] + piece["seconds"]
    return {
        "from_s": piece["from_s"],
        "seconds": piece["seconds"],
        "tone": tone,
        "span": f"{duration_text(piece['from_s'] * 1000)} – {duration_text(until_s * 1000)}",
        "window": piece["window"],
        "step": duration_text(piece["step_s"] * 1000) if piece["step_s"] else "",
        "per_unit": number_text(piece["per_minute"]),
        "increments": _increments(piece),
        "comes_to": number_text(format_exact(comes_to, 8)),
    }


def _increments(piece: Mapping[str, Any]) -> str:
    """How the seconds came to be charged: a whole interval, so many increments, or each by itself."""
    if not piece["increments"]:
        return now_("%(seconds)s s, each by itself") % {"seconds": piece["seconds"]}
    each = piece["seconds"] // piece["increments"]
    return now_("%(count)s × %(each)s s") % {"count": piece["increments"], "each": each}


def _words(explanation: Mapping[str, Any]) -> Iterator[str]:
    currency = {"currency": explanation.get("list_currency") or ""}
    if Decimal(explanation.get("fee") or 0):
        yield now_("Connection fee: %(amount)s %(currency)s.") % {"amount": number_text(explanation["fee"]), **currency}
    if explanation.get("bound") in BOUNDS:
        yield str(BOUNDS[explanation["bound"]])
    yield now_("Exact price: %(amount)s %(currency)s.") % {"amount": number_text(explanation["exact"]), **currency}
    if explanation.get("exchange_rate"):
        yield now_("Converted at %(rate)s, the rate of the call's start.") % {
            "rate": number_text(explanation["exchange_rate"])
        }
    taxes = [f"{one['name']} {number_text(one['percent'])} %" for one in explanation.get("taxes") or ()]
    if taxes:
        within = now_("Taxes are in the price: %(taxes)s, %(amount)s.")
        added = now_("Taxes are put on top: %(taxes)s, %(amount)s.")
        said = within if explanation.get("is_tax_inclusive") else added
        yield said % {"taxes": ", ".join(taxes), "amount": explanation.get("tax") or ""}
