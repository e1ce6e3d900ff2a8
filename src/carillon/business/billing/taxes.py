"""Taxes on what customers pay: changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, once
from carillon.business.billing.models import TaxRule
from carillon.business.customers.choices import CustomerKind
from carillon.business.partners.queries import chosen_partner

CLASHES = {
    "tax_rule_once_per_moment": (
        "effective_from",
        _lazy("There is a rule of this tax for these customers from this moment on already."),
    )
}
MOST_PERCENT = 100
MOST_POSITION = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRuleData:
    """A tax that customers of a partner (None: the actor's own) pay on top of prices without it.

    `country` "" is any, `customer_kind` None companies and individuals. `effective_from` None: from now on.
    """

    name: str
    percent: Decimal
    country: str = ""
    customer_kind: CustomerKind | None = None
    position: int = 1
    effective_from: datetime | None = None
    partner_id: int | None = None


class TaxInForce(Conflict):
    """Calls were charged with it."""

    slug = "tax-in-force"
    title = _lazy("This tax is charged already: add another rule of the same name with a later date instead.")


@action("taxes.add")
def add_tax_rule(actor: Actor, data: TaxRuleData) -> TaxRule:
    """Charge a tax from a date on; the newest rule of the same name for the same customers takes over.

    Raises:
        InvalidInput: no name or country, not 0 to 100 percent, or there is a rule from that moment on.
    """
    rule = TaxRule(partner=chosen_partner(actor, data.partner_id))
    with once(CLASHES), audited(actor, rule, "create"):
        _fill(rule, data)
        rule.save(force_insert=True)
    return rule


@action("taxes.change")
def update_tax_rule(actor: Actor, rule: TaxRule, data: TaxRuleData) -> TaxRule:
    """Change a rule that is not charged yet. Raises TaxInForce when it is, NotFound, or like `add_tax_rule`."""
    rule = locked(TaxRule.objects, actor, rule.pk)
    if rule.effective_from <= timezone.now():
        raise TaxInForce
    if data.partner_id not in (None, rule.partner_id):
        raise InvalidInput(fields={"partner_id": _("The partner stays: add another rule.")})
    with once(CLASHES), audited(actor, rule, "update"):
        _fill(rule, data)
        rule.save()
    return rule


@action("taxes.delete")
def remove_tax_rule(actor: Actor, rule: TaxRule) -> None:
    """Charge it no longer; the rule before it holds again, and calls that have begun keep theirs. Raises NotFound."""
    rule = locked(TaxRule.objects, actor, rule.pk)
    with audited(actor, rule, "remove"):
        rule.delete()


def _fill(rule: TaxRule, data: TaxRuleData) -> None:
    faults = Faults()
    country = data.country.strip().upper()
    if country:
        faults.country(country)
    is_percent = data.percent.is_finite() and 0 <= data.percent <= MOST_PERCENT
    faults.unless(is_percent, "percent", _("Between 0 and %(most)s percent.") % {"most": MOST_PERCENT})
    faults.unless(
        1 <= data.position <= MOST_POSITION, "position", _("Between 1 and %(most)s.") % {"most": MOST_POSITION}
    )
    faults.stop()
    rule.name, rule.country, rule.customer_kind = data.name.strip(), country, data.customer_kind or ""
    rule.percent, rule.position = data.percent, data.position
    rule.effective_from = data.effective_from or timezone.now()
    check_values(rule)
