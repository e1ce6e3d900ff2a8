"""Sale lists made of cost lists: rules, preview, draft, and making it again when costs change."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.support.cast import Cast
from tests.support.market import rows

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput, NotPermitted
from carillon.base.tenancy import tenant
from carillon.business.pricing.actions import (
    ImportOptions,
    PriceListData,
    VersionData,
    approve_version,
    create_cost_list,
    create_price_list,
    create_version,
    import_rates,
)
from carillon.business.pricing.markup import (
    MarkupData,
    RuleData,
    add_rule,
    mark_up,
    newer_costs,
    preview,
    remove_rule,
    update_rule,
)
from carillon.business.pricing.models import DestinationGroup, DestinationPrefix, PriceList, PriceListVersion, Rate
from carillon.callfeed.documents import decode

pytestmark = pytest.mark.django_db

HEAD = "prefix,name,rate\n"


def costs_of(actor: Actor, name: str, lines: str, currency: str = "EUR") -> PriceList:
    costs = PriceList.objects.filter(name=name).first()
    costs = costs or create_cost_list(actor, PriceListData(name=name, currency=currency))
    version = create_version(actor, VersionData(price_list_id=costs.pk))
    import_rates(actor, version, (HEAD + lines).encode(), ImportOptions())
    approve_version(actor, version)
    return costs


def a_sale_list(actor: Actor) -> PriceList:
    price_list = create_price_list(actor, PriceListData(name="Retail", currency="EUR"))
    add_rule(actor, RuleData(price_list_id=price_list.pk, percent=Decimal(50), step=Decimal("0.01")))
    add_rule(actor, RuleData(price_list_id=price_list.pk, prefix="447", fixed=Decimal("0.05")))
    return price_list


def prices(version: PriceListVersion) -> dict[str, Decimal]:
    return {rate.prefix: rate.per_minute for rate in Rate.objects.filter(version=version)}


def test_a_draft_is_made_of_several_cost_lists_by_the_rules(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        one = costs_of(paul, "One", "44,UK,0.02\n447,UK mobile,0.1\n")
        two = costs_of(paul, "Two", "44,UK,0.04\n33,France,0.01\n")
        price_list = a_sale_list(paul)
        draft = mark_up(paul, price_list, MarkupData(cost_list_ids=(one.pk, two.pk)))
        assert prices(draft) == {"33": Decimal("0.02"), "44": Decimal("0.06"), "447": Decimal("0.15")}
        assert draft.state == "draft" and draft.rate_count == 3 and draft.changes == {"new": 3}
        price_list.refresh_from_db()
        assert price_list.cost_list_ids == [one.pk, two.pk]


def test_the_preview_says_the_same_and_changes_nothing(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        costs = costs_of(paul, "One", "44,UK,0.02\n447,UK mobile,0.1\n")
        price_list = a_sale_list(paul)
        data = MarkupData(cost_list_ids=(costs.pk,))
        approve_version(paul, mark_up(paul, price_list, data))
        costs_of(paul, "One", "44,UK,0.04\n447,UK mobile,0.1\n33,France,1\n")
        found = preview(paul, price_list, data)
        assert found.counts == {"dearer": 1, "same": 1, "new": 1} and not found.is_cut
        assert [(line.sale.prefix, line.was, line.margin) for line in found.lines] == [
            ("33", None, Decimal("0.50")),
            ("44", Decimal("0.03"), Decimal("0.02")),
            ("447", Decimal("0.15"), Decimal("0.05")),
        ]
        assert PriceListVersion.objects.filter(price_list=price_list).count() == 1


def test_a_version_knows_when_its_costs_have_changed(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        costs = costs_of(paul, "One", "44,UK,0.02\n")
        price_list = a_sale_list(paul)
        draft = mark_up(paul, price_list, MarkupData(cost_list_ids=(costs.pk,)))
        assert newer_costs(draft) == []
        costs_of(paul, "One", "44,UK,0.03\n")
        assert [str(version) for version in newer_costs(draft)] == ["One v2"]
        again = mark_up(paul, price_list, MarkupData(cost_list_ids=(costs.pk,)))
        assert newer_costs(again) == [] and prices(again) == {"44": Decimal("0.05")}


def test_costs_of_another_currency_partner_or_kind_are_refused(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        price_list = a_sale_list(paul)
        dollars = costs_of(paul, "Dollars", "44,UK,0.02\n", currency="USD")
        empty = create_cost_list(paul, PriceListData(name="Empty", currency="EUR"))
        refused = [(dollars.pk,), (empty.pk,), (price_list.pk,), ()]
    with tenant(cast.staff("stranger")) as stranger:
        refused.append((costs_of(stranger, "Theirs", "44,UK,0.02\n").pk,))
    with tenant(cast.staff("petra")) as petra:
        below = costs_of(petra, "Petra's", "44,UK,0.02\n").pk
    with tenant(paul):
        for cost_list_ids in [*refused, (below,)]:
            with pytest.raises(InvalidInput) as error:
                mark_up(paul, price_list, MarkupData(cost_list_ids=cost_list_ids))
            assert set(error.value.fields) == {"cost_list_ids"}
        assert not PriceListVersion.objects.filter(price_list=price_list).exists()


def test_who_may_not_see_costs_learns_nothing_of_them(cast: Cast) -> None:
    seller = replace(cast.staff("paul"), permissions=frozenset({"price_lists.*"}))
    with tenant(cast.staff("paul")) as paul:
        data = MarkupData(cost_list_ids=(costs_of(paul, "One", "44,UK,0.02\n").pk,))
        price_list = a_sale_list(paul)
    with tenant(seller):
        for run in (preview, mark_up):
            with pytest.raises(NotPermitted):
                run(seller, price_list, data)


def test_rules_are_checked_and_are_once_per_numbers(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        price_list = a_sale_list(paul)
        data = RuleData(price_list_id=price_list.pk, prefix="33")
        rule = add_rule(paul, data)
        for field, wrong in {
            "prefix": replace(data, prefix="12a"),
            "percent": replace(data, prefix="34", percent=Decimal(-101)),
            "step": replace(data, prefix="34", step=Decimal(-1)),
            "initial_s": replace(data, prefix="34", initial_s=0),
        }.items():
            with pytest.raises(InvalidInput) as error:
                add_rule(paul, wrong)
            assert set(error.value.fields) == {field}
        with pytest.raises(InvalidInput):
            add_rule(paul, data)
        assert update_rule(paul, rule, replace(data, is_left_out=True)).is_left_out
        remove_rule(paul, rule)
        assert price_list.markup_rules.count() == 2


def test_a_rule_for_a_destination_group_is_one_for_each_of_its_prefixes(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        group = DestinationGroup.objects.create(partner_id=cast.northwind.pk, name="Mobile")
        for prefix in ("447", "336"):
            DestinationPrefix.objects.create(partner_id=cast.northwind.pk, group=group, prefix=prefix)
        costs = costs_of(paul, "One", "44,UK,0.02\n447,UK mobile,0.1\n336,French mobile,0.2\n")
        price_list = create_price_list(paul, PriceListData(name="Sale", currency="EUR"))
        with pytest.raises(InvalidInput) as error:
            add_rule(paul, RuleData(price_list_id=price_list.pk, prefix="44", group_id=group.pk))
        assert set(error.value.fields) == {"group_id"}
        for list_id in (price_list.pk, None):
            add_rule(paul, RuleData(price_list_id=list_id, group_id=group.pk, percent=Decimal(50), cap=Decimal("0.25")))
        draft = mark_up(paul, price_list, MarkupData(cost_list_ids=(costs.pk,)))
        assert prices(draft) == {"447": Decimal("0.15"), "336": Decimal("0.25")}
        found = [decode("markup", doc) for (doc,) in rows("select doc from callfeed.markup_doc")]
        assert {(one.partner_id, one.rule.prefix, one.rule.cap) for one in found} == {
            (paul.partner_id, prefix, Decimal("0.25")) for prefix in ("447", "336")
        }
    with tenant(cast.staff("stranger")) as stranger, pytest.raises(InvalidInput):
        add_rule(stranger, RuleData(group_id=group.pk))
