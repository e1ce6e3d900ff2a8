"""A document the decision needs and the caller has not loaded yet."""

from __future__ import annotations


class Missing(Exception):
    """Raised by a Feed for a document it has not loaded; the caller loads it and decides again.

    `kind` is the callfeed kind without `_doc` (endpoint, customer, user, extension, number, domain), `key` that
    view's key; or `rates` with the id of a price list that is being read.
    """

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"{kind} {key} is not loaded.")
        self.kind = kind
        self.key = key
