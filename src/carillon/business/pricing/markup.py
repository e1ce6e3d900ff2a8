"""Sale lists made of cost lists by rules: the rules, what they would make, and the draft they do make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import InvalidInput, NotPermitted
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, named_or_none, once
from carillon.business.partners.queries import chosen_partner
from carillon.business.pricing import bulk
from carillon.business.pricing.actions import VersionData, create_version
from carillon.business.pricing.choices import Purpose, RateChangeKind, VersionState
from carillon.business.pricing.comparison import compare
from carillon.business.pricing.models import (
    DestinationGroup,
    DestinationPrefix,
    MarkupRule,
    PriceList,
    PriceListVersion,
    Rate,
)
from carillon.business.pricing.ratevalues import MAX_INTERVAL_S, MAX_PRICE, RateValues
from carillon.logic.markup import Cost, Rule, Rules, Sale, marked_up
from carillon.logic.pricetext import steps_of, windows_of

CLASHES = {"markup_once_per_numbers": ("prefix", _lazy("There is a rule for these numbers already."))}
MOST_RULES = 500
MOST_LISTS = 20
PREVIEWED = 20_000  # lines that a preview looks at
SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleData(Rule):
    """A rule of a price list, or (None) of a partner for numbers that none of its lists has; both stay once created."""

    price_list_id: int | None = None
    group_id: int | None = None  # a destination group, in place of a prefix
    partner_id: int | None = None  # without a list: whose; None: the actor's own


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkupData:
    """What a draft is made from: cost lists in the sale list's currency. `effective_from` None: with the approval."""

    cost_list_ids: tuple[int, ...]
    effective_from: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """A line that the rules would make, beside what the list says now (None: it is new)."""

    sale: Sale
    was: Decimal | None

    @property
    def margin(self) -> Decimal:
        """What stays of a minute."""
        return self.sale.per_minute - self.sale.cost


@dataclass(frozen=True, slots=True)
class Preview:
    """What the rules would make: the first lines, and counts over the first 20,000 (`is_cut`: there are more)."""

    lines: tuple[PreviewLine, ...]
    counts: Mapping[str, int]
    looked_at: int
    is_cut: bool


# ---------------------------------------------------------------- rules


@action("price_lists.change")
def add_rule(actor: Actor, data: RuleData) -> MarkupRule:
    """Add a rule to a sale list, or to a partner for numbers that none of its lists has.

    Raises:
        InvalidInput: a value breaks a rule, a cost list, or there is a rule for these numbers.
    """
    price_list = named_or_none(PriceList.objects, actor, data.price_list_id, "price_list_id")
    partner = price_list.partner if price_list else chosen_partner(actor, data.partner_id)
    faults = Faults()
    is_sale = price_list is None or price_list.purpose == Purpose.SALE
    faults.unless(is_sale, "price_list_id", _("This is a carrier's cost list."))
    is_full = MarkupRule.objects.filter(partner=partner, price_list=price_list).count() >= MOST_RULES
    faults.unless(not is_full, "price_list_id", _("A list has at most %(most)s rules.") % {"most": MOST_RULES})
    faults.stop()
    rule = MarkupRule(partner=partner, price_list=price_list)
    with once(CLASHES), audited(actor, rule, "create"):
        _fill(actor, rule, data)
        rule.save(force_insert=True)
    return rule


@action("price_lists.change")
def update_rule(actor: Actor, rule: MarkupRule, data: RuleData) -> MarkupRule:
    """Change a rule; drafts that were made by it stay as they are. Raises like `add_rule`."""
    rule = locked(MarkupRule.objects, actor, rule.pk)
    with once(CLASHES), audited(actor, rule, "update"):
        _fill(actor, rule, data)
        rule.save()
    return rule


@action("price_lists.change")
def remove_rule(actor: Actor, rule: MarkupRule) -> None:
    """Remove a rule."""
    rule = locked(MarkupRule.objects, actor, rule.pk)
    with audited(actor, rule, "remove"):
        rule.delete()


def _fill(actor: Actor, rule: MarkupRule, data: RuleData) -> None:
    faults = Faults()
    group = named_or_none(DestinationGroup.objects, actor, data.group_id, "group_id")
    is_own = group is None or group.partner_id == rule.partner_id
    faults.unless(is_own, "group_id", _("This group belongs to another partner."))
    faults.unless(group is None or not data.prefix, "group_id", _("Choose a prefix or a group, not both."))
    says = data != RuleData(partner_id=data.partner_id)  # an empty form would sell everything at one's own price
    faults.unless(says, "percent", _("Say what comes on top, or for which numbers this is."))
    prefix = data.prefix.strip().removeprefix("+").removeprefix("*")
    faults.unless(not prefix or (prefix.isascii() and prefix.isdigit()), "prefix", _("A prefix is digits only."))
    faults.unless(-100 <= data.percent <= 10_000, "percent", _("Between -100 and 10000 percent."))
    for name in ("fixed", "minimum_margin", "floor", "cap", "step"):
        lowest, value = -MAX_PRICE if name in ("fixed", "minimum_margin") else 0, getattr(data, name)
        faults.unless(
            value is None or lowest <= value <= MAX_PRICE,
            name,
            _("Between %(lowest)s and %(most)s.") % {"lowest": lowest, "most": MAX_PRICE},
        )
    for name in ("initial_s", "increment_s"):
        value = getattr(data, name)
        faults.unless(
            value is None or 1 <= value <= MAX_INTERVAL_S,
            name,
            _("Between 1 and %(most)s seconds.") % {"most": MAX_INTERVAL_S},
        )
    faults.unless(data.cap is None or data.cap >= data.floor, "cap", _("This is below the least price."))
    faults.stop()
    rule.prefix, rule.destination, rule.group = prefix, data.destination.strip(), group
    rule.percent, rule.fixed, rule.minimum_margin, rule.step = (
        data.percent, data.fixed, data.minimum_margin, data.step,
    )  # fmt: skip
    rule.floor, rule.cap = data.floor, data.cap
    rule.initial_s, rule.increment_s, rule.is_left_out = data.initial_s, data.increment_s, data.is_left_out
    check_values(rule)


# ---------------------------------------------------------------- preview and draft


def preview(actor: Actor, price_list: PriceList, data: MarkupData) -> Preview:
    """Return what the list's rules would make of the cost lists now in force; nothing is changed.

    Raises:
        InvalidInput: a list that is none of costs, in another currency, or without a version in force.
        NotPermitted: the actor may not read costs.

    Cost: three queries and one per cost list; 20,000 lines are looked at.
    """
    sources = _sources(actor, price_list, data)
    sales = list(islice(_sales(price_list, sources), PREVIEWED + 1))
    held = _in_force(price_list)
    looked_at = sales[:PREVIEWED]
    found = Rate.objects.filter(version=held, prefix__in=[sale.prefix for sale in looked_at]) if held else ()
    was = {rate.prefix: rate.per_minute for rate in found}
    lines = [PreviewLine(sale, was.get(sale.prefix)) for sale in looked_at]
    counts = Counter(_kind(line) for line in lines)
    return Preview(tuple(lines[:SHOWN]), counts, len(looked_at), len(sales) > PREVIEWED)


@action("price_lists.change")
def mark_up(actor: Actor, price_list: PriceList, data: MarkupData) -> PriceListVersion:
    """Make a draft of a sale list from cost lists by its rules; the list remembers from which.

    Steps, windows and grace of costs are not carried over: a sale has one price, made of the dearest that its cost has
    at any hour and second; the least that a call costs is marked up by the percentage. A most is left out.

    Raises:
        InvalidInput: like `preview`; no rule fits any line, or a price is out of bounds. NotPermitted: no costs.view.

    Cost: a few statements and one per 20,000 rates; a million rates take about half a minute, 20,000 of them in memory.
    """
    sources = _sources(actor, price_list, data)
    wanted = VersionData(price_list_id=price_list.pk, effective_from=data.effective_from, note=data.note)
    version = create_version(actor, wanted)
    version.rate_count = bulk.store_rates(version, map(_rate, _sales(price_list, sources)), is_merge=False)
    if version.rate_count == 0:
        raise InvalidInput(_("No rule fits any of these costs: add a rule first."))
    version.made_from = [source.pk for source in sources]
    version.save(update_fields=["rate_count", "made_from"])
    price_list = locked(PriceList.objects, actor, price_list.pk)
    with audited(actor, price_list, "update"):
        price_list.cost_list_ids = [source.price_list_id for source in sources]
        price_list.save(update_fields=["cost_list_ids"])
    return compare(version)


def newer_costs(version: PriceListVersion) -> list[PriceListVersion]:
    """Return the cost versions that hold now in place of those that a version was made from; two or three queries."""
    used = PriceListVersion.objects.filter(pk__in=version.made_from).select_related("price_list")
    held = (_in_force(source.price_list) for source in used)
    return [one for one in held if one is not None and one.pk not in version.made_from]


def _sources(actor: Actor, price_list: PriceList, data: MarkupData) -> list[PriceListVersion]:
    """The versions in force of the cost lists named."""
    if not actor.may("costs.view"):
        raise NotPermitted(_("This needs the permission costs.view."))
    if not 1 <= len(set(data.cost_list_ids)) <= MOST_LISTS:
        raise InvalidInput(
            fields={"cost_list_ids": _("Choose one cost list or more, at most %(most)s.") % {"most": MOST_LISTS}}
        )
    found = []
    for list_id in dict.fromkeys(data.cost_list_ids):
        costs = named(PriceList.objects, actor, list_id, "cost_list_ids")
        version, faults = _in_force(costs), Faults()
        faults.unless(
            costs.purpose == Purpose.COST, "cost_list_ids", _("%(costs)s is no cost list.") % {"costs": costs}
        )
        is_ours = costs.partner_id == price_list.partner_id
        faults.unless(
            is_ours, "cost_list_ids", _("%(costs)s belongs to another partner than the list.") % {"costs": costs}
        )
        is_same = costs.currency == price_list.currency
        faults.unless(
            is_same,
            "cost_list_ids",
            _("%(costs)s is in %(currency)s, the list in %(currency_other)s.")
            % {"costs": costs, "currency": costs.currency, "currency_other": price_list.currency},
        )
        faults.unless(
            version is not None, "cost_list_ids", _("No version of %(costs)s is in force.") % {"costs": costs}
        )
        faults.stop()
        found += [version] if version else []
    return found


def _sales(price_list: PriceList, sources: list[PriceListVersion]) -> Iterator[Sale]:
    return marked_up([_costs(source) for source in sources], Rules(_rules_of(price_list)))


def _rules_of(price_list: PriceList) -> Iterator[Rule]:
    """The list's rules, of one for a group one for each of its prefixes; two queries."""
    held = list(MarkupRule.objects.filter(price_list=price_list))
    groups: dict[int, list[str]] = {}
    prefixes = DestinationPrefix.objects.filter(group__in={rule.group_id for rule in held if rule.group_id})
    for group_id, prefix in prefixes.values_list("group_id", "prefix"):
        groups.setdefault(group_id, []).append(prefix)
    names = {one.name for one in fields(Rule)} - {"prefix"}
    for rule in held:
        told = {name: getattr(rule, name) for name in names}
        for prefix in [rule.prefix] if rule.group_id is None else groups.get(rule.group_id, ()):
            yield Rule(prefix=prefix, **told)


def _costs(version: PriceListVersion) -> Iterator[Cost]:
    names = ("prefix", "name", "connection_fee", "per_minute", "initial_s", "increment_s", "minimum")
    rows: Any = Rate.objects.filter(version=version).order_by("prefix").values_list(*names, "steps", "windows")
    for *row, steps, windows in rows.iterator(chunk_size=bulk.BATCH):
        yield _dearest(Cost(*row), steps, windows) if steps or windows else Cost(*row)


def _dearest(cost: Cost, steps: str, windows: str) -> Cost:
    """A cost as if its dearest window and step held all the time: a sale by one price leaves the margin at any hour."""
    prices = windows_of(windows)
    later = [step.per_minute for each in (steps_of(steps), *(price.steps for price in prices)) for step in each]
    return replace(
        cost,
        per_minute=max([cost.per_minute, *(price.per_minute for price in prices), *later]),
        connection_fee=max([cost.connection_fee, *(price.connection_fee for price in prices)]),
    )


def _rate(sale: Sale) -> RateValues:
    if sale.per_minute > MAX_PRICE or sale.connection_fee > MAX_PRICE:
        raise InvalidInput(
            _("%(prefix)s %(name)s would cost more than %(most)s: look at the rules.")
            % {"prefix": sale.prefix, "name": sale.name, "most": MAX_PRICE}
        )
    return RateValues(
        *(sale.prefix, sale.name, sale.connection_fee, sale.per_minute, sale.initial_s, sale.increment_s),
        minimum=sale.minimum,
    )


def _in_force(price_list: PriceList) -> PriceListVersion | None:
    held = PriceListVersion.objects.filter(price_list=price_list, state=VersionState.APPROVED)
    return held.filter(effective_from__lte=timezone.now()).order_by("-effective_from", "-number").first()


def _kind(line: PreviewLine) -> str:
    if line.was is None:
        return RateChangeKind.NEW.value
    if line.was == line.sale.per_minute:
        return "same"
    return RateChangeKind.DEARER.value if line.sale.per_minute > line.was else RateChangeKind.CHEAPER.value
