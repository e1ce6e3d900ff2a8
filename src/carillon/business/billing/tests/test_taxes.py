"""Taxes: what is refused, and which reach the call path."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from tests.support.cast import Cast
from tests.support.market import document

from carillon.base.errors import Conflict, InvalidInput
from carillon.base.tenancy import tenant
from carillon.business.billing.queries import tax_rules_of
from carillon.business.billing.taxes import TaxRuleData, add_tax_rule, remove_tax_rule, update_tax_rule
from carillon.business.customers.choices import CustomerKind

pytestmark = pytest.mark.django_db

VAT = TaxRuleData(name="VAT", percent=Decimal(20))


def test_taxes_are_checked_and_never_change_once_they_are_charged(cast: Cast) -> None:
    wrong: tuple[tuple[str, Any], ...] = (
        ("name", ""), ("percent", Decimal(-1)), ("percent", Decimal(101)), ("percent", Decimal("1.0001")),
        ("percent", Decimal("NaN")), ("country", "XX"), ("position", 0),
    )  # fmt: skip
    with tenant(cast.staff("paul")) as paul:
        for name, value in wrong:
            with pytest.raises(InvalidInput) as refused:
                add_tax_rule(paul, replace(VAT, **{name: value}))
            assert name in refused.value.fields, (name, value)
        held = add_tax_rule(paul, VAT)
        with pytest.raises(Conflict):
            update_tax_rule(paul, held, replace(VAT, percent=Decimal(21)))
        tomorrow = replace(VAT, effective_from=timezone.now() + timedelta(days=1))
        coming = add_tax_rule(paul, tomorrow)
        assert update_tax_rule(paul, coming, replace(tomorrow, percent=Decimal("0.125"))).percent == Decimal("0.125")
        with pytest.raises(InvalidInput):
            add_tax_rule(paul, tomorrow)
        remove_tax_rule(paul, held)
        assert list(tax_rules_of(paul)) == [coming]


def test_the_customers_tier_has_the_rules_for_it_and_no_others(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        elsewhere = "NO" if cast.acme.country != "NO" else "DE"
        for data in (
            replace(VAT, country=cast.acme.country, customer_kind=CustomerKind(cast.acme.kind)),
            replace(VAT, name="Levy", percent=Decimal("0.5"), position=2),
            replace(VAT, country=elsewhere, percent=Decimal(99)),
        ):
            add_tax_rule(paul, data)
    sale, bought = document("customer", str(cast.acme.pk)).tiers
    assert [(rule.name, rule.percent, rule.exactness) for rule in sale.tax_rules] == [
        ("VAT", Decimal(20), 3), ("Levy", Decimal("0.5"), 0)
    ]  # fmt: skip
    assert bought.tax_rules == ()
