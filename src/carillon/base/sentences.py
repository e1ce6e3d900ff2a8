"""Sentences that are kept in English, told in the reader's language."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language, gettext

from carillon.logic.rating.words import bill_sentences
from carillon.logic.sentences import TOLD, pattern_of


def retold(sentence: str) -> str:
    """Return a kept sentence (a bill's step, a note of a decision) in the active language; unknown ones as they are."""
    if (get_language() or "en").startswith("en"):
        return sentence
    found = pattern_of(sentence)
    if found is None:
        return sentence
    pattern, values = found
    return gettext(pattern) % {name: retold(value) if name in TOLD else value for name, value in values.items()}


def retold_all(kept: Any) -> Any:
    """Return a kept document (a CDR's explanation) with the sentences in it retold; names and numbers stay.

    The sentences of its bill (`steps`) are made of its data; old documents have kept them.
    """
    told: dict[str, Any] = {key: retold(str(kept[key])) for key in ("free_reason", "forwarded") if kept.get(key)}
    said = {"steps": kept.get("steps") or list(bill_sentences(kept)), "notes": kept.get("notes")}
    told |= {key: [retold(one) for one in sentences] for key, sentences in said.items() if sentences}
    if kept.get("attempts"):
        told["attempts"] = [{**one, "label": retold(one["label"])} for one in kept["attempts"]]
    return {**kept, **told}
