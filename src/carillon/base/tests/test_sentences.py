"""What is kept in English is told in the reader's language."""

from __future__ import annotations

from django.utils import translation

from carillon.base.sentences import retold, retold_all


def test_bills_and_notes_are_told_in_spanish_and_stay_as_they_are_in_english() -> None:
    kept = {
        "list": "Retail",
        "steps": ["Connection fee 0.05 GBP.", "66 s charged at 0.6 GBP a minute (30/6)."],
        "notes": [
            "Forwarded by Bob (no answer) to “0044 20”: +4420, dialled with 00.",
            "Refused with 403: Account suspended.",
            "Somebody wrote this by hand.",
        ],
        "free_reason": "received call",
        "attempts": [{"label": "carrier 1 of Northwind", "sip_code": 503}],
    }
    with translation.override("en-GB"):
        assert retold_all(kept) == kept
    with translation.override("es"):
        told = retold_all(kept)
        assert retold("") == ""
    assert told["steps"] == ["Establecimiento 0.05 GBP.", "66 s cobrados a 0.6 GBP por minuto (30/6)."]
    assert told["notes"] == [
        "Desviada por Bob (sin respuesta) a «0044 20»: +4420, marcado con 00.",
        "Denegada con 403: Cuenta suspendida.",
        "Somebody wrote this by hand.",
    ]
    assert (told["list"], told["free_reason"]) == ("Retail", "llamada recibida")
    assert told["attempts"] == [{"label": "operador 1 de Northwind", "sip_code": 503}]
