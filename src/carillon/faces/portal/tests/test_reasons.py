"""Why this price: what explanations keep, as a picture and in words."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import override

from carillon.faces.portal.reasons import reasons
from carillon.logic.callflow.explanation import price_part
from carillon.logic.callflow.feed import Rate, Step, Tariff, Tax, Window, WindowPrice
from carillon.logic.hours import Hours
from carillon.logic.rating import rate_call

EVENING = Window("evening", Hours((), "19:00", "08:00", "UTC"))
RATE = Rate(
    "44", "UK", Decimal("0.05"), Decimal("0.12"), 60, 30, (Step(120, Decimal("0.06"), 10),),
    (WindowPrice("evening", Decimal(0), Decimal("0.03"), 1, 1),), minimum=Decimal(1),
)  # fmt: skip
TARIFF = Tariff(1, "Retail", 1, 1, "EUR", windows=(EVENING,))
TAXES = (Tax("VAT", Decimal(21)),)
BEFORE_SEVEN_MS = 1_795_719_480_000  # 2026-11-26 18:58:00 UTC


def told(duration_ms: int, skip_s: int = 0) -> dict[str, object]:
    charge = rate_call(RATE, TARIFF, duration_ms, at_ms=BEFORE_SEVEN_MS, skip_s=skip_s, taxes=TAXES)
    return price_part(RATE, TARIFF, charge, "EUR", None, TAXES)


def test_pieces_are_drawn_in_proportion_and_said_in_words() -> None:
    why = reasons(told(150_000), 150_000)
    assert why is not None
    assert [(row["span"], row["window"], row["step"], row["comes_to"]) for row in why["rows"]] == [
        ("0:00 – 1:00", "", "", "0.12"), ("1:00 – 2:00", "", "", "0.12"), ("2:00 – 2:30", "evening", "", "0.015"),
    ]  # fmt: skip
    assert [(row["x"], row["width"], row["tone"]) for row in why["rows"]] == [
        ("0.0", "400.0", 0), ("400.0", "400.0", 0), ("800.0", "200.0", 1),
    ]  # fmt: skip
    assert why["words"] == [
        "Connection fee: 0.05 EUR.",
        "It comes to less than the least charge: that is charged.",
        "Exact price: 1 EUR.",
        "Taxes are put on top: VAT 21 %, 0.21 EUR.",
    ]
    with override("es"):
        spanish = reasons(told(150_000), 150_000)
        assert spanish is not None and spanish["words"][0] == "Cargo de conexión: 0.05 EUR."


def test_what_a_bundle_paid_comes_first_and_old_calls_have_sentences_alone() -> None:
    why = reasons(told(90_000, skip_s=60), 90_000)
    assert why is not None and why["paid_before"] == "1:00"
    assert reasons({"steps": ["Connection fee 0.05 EUR."]}, 90_000) is None
