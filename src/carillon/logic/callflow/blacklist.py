"""Numbers and addresses that a seller has nothing to do with: its own blacklist and those of the sellers above it."""

from __future__ import annotations

from carillon.logic.callflow.feed import Feed
from carillon.logic.callflow.notes import Note
from carillon.logic.routing import ancestry

_SAID = {
    "called": "{value} is on a blacklist: it may not be called.",
    "calling": "{value} is on a blacklist: it may not call.",
    "network": "Address {value} is on a blacklist.",
}


def blacklisted(feed: Feed, partner_id: int, kind: str, value: str) -> tuple[Note, ...]:
    """Why a number (E.164) or an address is blocked for a partner; empty when it is not.

    `kind` is called, calling or network. Whose entry it is and why only that partner and those above it may read.
    """
    for partner in ancestry(feed, partner_id):
        entry = feed.blacklisted(partner.id, kind, value)
        if entry is not None:
            whose = f"{partner.name} blocks {entry.value}: {entry.reason}"
            return Note(_SAID[kind].format(value=value)), Note(whose, partner.id)
    return ()
