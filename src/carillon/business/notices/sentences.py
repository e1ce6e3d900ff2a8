"""What an alert says, in the language of whoever reads it: a sentence for each kind, filled with the alert's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from carillon.business.notices.choices import AlertKind
from carillon.logic.money import format_amount

SENTENCES: Mapping[str, Any] = {
    AlertKind.EMERGENCY: _("%(user)s of %(customer)s called %(dialled)s, shown as %(shown)s."),
    AlertKind.OFFLINE: _("The device %(device)s of %(customer)s is offline since %(since)s UTC."),
    AlertKind.BACK: _("The device %(device)s of %(customer)s is back, it had been offline since %(since)s UTC."),
    AlertKind.WEBHOOK: _("The webhook %(webhook)s was disabled: %(why)s. Enable it again when its receiver answers."),
    AlertKind.BALANCE_LOW: _("%(whom)s has %(left)s left to spend, less than %(below)s."),
    AlertKind.CREDIT_LOW: _(
        "Your company has %(left)s left to spend with the company that it buys from, less than %(below)s. When"
        " nothing is left, your customers' calls are refused."
    ),
    AlertKind.GATEWAY_DOWN: _(
        "The gateway %(gateway)s is away since %(since)s UTC:"
        " it gave no reply to OPTIONS or calls, three times in a row."
    ),
    AlertKind.GATEWAY_UP: _("The gateway %(gateway)s answers again. It had been away since %(since)s UTC."),
    AlertKind.PRICES: _(
        "From %(when)s on you pay %(seller)s by new prices of “%(list)s”: %(dearer)s destinations cost more,"
        " %(cheaper)s less, %(new)s are new and %(gone)s are no longer served."
    ),
    AlertKind.PRICES_STAY: _(
        "The new prices of “%(list)s” that %(seller)s had announced for %(when)s do not come: all prices stay as they"
        " are."
    ),
}
NOBODYS = _("%(customer)s called %(dialled)s, shown as %(shown)s.")  # an emergency call of no known user
AMOUNTS = ("left", "below")


def sentence_of(kind: str, values: Mapping[str, Any]) -> str:
    """Return what has happened in the active language.

    Args:
        values: what the sentence of that kind names; amounts (`left`, `below`) in micro-units of `currency`.
    """
    words = dict(values)
    for name in AMOUNTS:
        if name in words:
            words[name] = format_amount(words[name], words["currency"])
    if kind == AlertKind.EMERGENCY:
        words["shown"] = words["shown"] or gettext("no number")
        return str(SENTENCES[kind] if words["user"] else NOBODYS) % words
    return str(SENTENCES[kind]) % words


def english(kind: str, values: Mapping[str, Any]) -> str:
    """Return the sentence in English, as webhooks have it and searches find it; at most 300 characters."""
    with translation.override("en"):
        return sentence_of(kind, values)[:300]


def alert_text(alert: Any) -> str:
    """Return what an alert says in the active language; those of before this was kept apart say it in English."""
    return sentence_of(alert.kind, alert.values) if alert.values else str(alert.about)
