"""Price lists through their actions: drafts, approval, who pays by which list, and whose they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from tests.support.cast import Cast
from tests.support.market import document, published_prices, rows

from carillon.base.actor import Actor
from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.customers.models import Customer
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import (
    ImportOptions,
    PriceListData,
    RateData,
    RatesRefused,
    VersionData,
    VersionStart,
    add_rate,
    approve_version,
    create_cost_list,
    create_price_list,
    create_version,
    import_rates,
    remove_rate,
    start_version,
    update_price_list,
    update_rate,
    update_version,
    withdraw_version,
)
from carillon.business.pricing.assignments import (
    AssignmentData,
    assign_price_list,
    unassign_price_list,
    update_assignment,
)
from carillon.business.pricing.errors import VersionApproved, VersionEmpty, VersionNeeded, VersionNotDraft
from carillon.business.pricing.exchange import (
    ExchangeRateData,
    add_exchange_rate,
    remove_exchange_rate,
    update_exchange_rate,
)
from carillon.business.pricing.models import PriceList, PriceListVersion, Rate
from carillon.business.pricing.queries import (
    cost_lists_of,
    exchange_rate_of,
    exchange_rates_of,
    price_lists_of,
    rates_of,
    versions_of,
)
from carillon.logic.callflow import feed

FILE = b"prefix,name,rate\n44,UK,0.02\n447,UK mobile,0.08\n"


def a_list(actor: Actor, name: str = "Business") -> PriceList:
    return create_price_list(actor, PriceListData(name=name, currency="EUR"))


def a_draft(actor: Actor, price_list: PriceList, content: bytes = FILE, at: datetime | None = None) -> PriceListVersion:
    version = create_version(actor, VersionData(price_list_id=price_list.pk, effective_from=at))
    import_rates(actor, version, content, ImportOptions())
    return version


def a_rate(version: PriceListVersion, prefix: str = "33", price: str = "0.03") -> RateData:
    return RateData(version_id=version.pk, prefix=prefix, name="France", per_minute=Decimal(price))


def in_force(actor: Actor, price_list: PriceList) -> int | None:
    """The number of the version that the portal shows as being in force."""
    row: Any = price_lists_of(actor).get(pk=price_list.pk)
    number: int | None = row.version_in_force
    return number


def rate_of(price_list: PriceList, number: str, at: datetime) -> feed.Rate | None:
    """The rate that the call path would charge a call to `number` by."""
    return published_prices().at(int(at.timestamp() * 1000)).longest(price_list.pk, number)


def lists_of(customer: Customer) -> list[int | None]:
    """The lists by which the call path charges a customer and the tiers above it, lowest first."""
    return [tier["price_list_id"] for tier in rows("select callfeed.tiers(%s)", customer.pk)[0][0]]


def test_draft_is_written_approved_and_priced_by(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        price_list = a_list(paul)
        version = a_draft(paul, price_list)
        add_rate(paul, a_rate(version))
        assert in_force(paul, price_list) is None
        approve_version(paul, version)
        now = timezone.now()
        found = [rate_of(price_list, number, now) for number in ("+447911123456", "+442079460100", "+49")]
        assert [rate and rate.prefix for rate in found] == ["447", "44", None]
        version.refresh_from_db()
        assert (version.number, version.rate_count, version.state) == (1, 3, "approved")


def test_approved_version_never_changes(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        version = a_draft(paul, a_list(paul))
        rate = Rate.objects.filter(version=version)[0]
        approve_version(paul, version)
        for change in (
            lambda: add_rate(paul, a_rate(version)),
            lambda: update_rate(paul, rate, a_rate(version)),
            lambda: remove_rate(paul, rate),
            lambda: import_rates(paul, version, FILE, ImportOptions()),
            lambda: update_version(paul, version, VersionData(price_list_id=version.price_list_id)),
            lambda: approve_version(paul, version),
        ):
            with pytest.raises(VersionApproved):
                change()
        assert sorted(Rate.objects.filter(version=version).values_list("prefix", flat=True)) == ["44", "447"]


def test_empty_draft_is_not_approved(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        version = create_version(paul, VersionData(price_list_id=a_list(paul).pk))
        with pytest.raises(VersionEmpty):
            approve_version(paul, version)


def test_prices_never_change_backwards(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        price_list = a_list(paul)
        yesterday = timezone.now() - timedelta(days=1)
        with pytest.raises(InvalidInput) as refused:
            create_version(paul, VersionData(price_list_id=price_list.pk, effective_from=yesterday))
        assert "effective_from" in refused.value.fields
        version = a_draft(paul, price_list)
        PriceListVersion.objects.filter(pk=version.pk).update(effective_from=yesterday)  # a draft left lying
        before = timezone.now()
        assert approve_version(paul, version).effective_from >= before


def test_next_version_takes_over_at_its_date(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        price_list = a_list(paul)
        first = approve_version(paul, a_draft(paul, price_list))
        tomorrow = timezone.now() + timedelta(days=1)
        second = create_version(
            paul, VersionData(price_list_id=price_list.pk, effective_from=tomorrow, copies_version_id=first.pk)
        )
        assert (second.number, second.rate_count) == (2, 2)
        rate = Rate.objects.get(version=second, prefix="44")
        update_rate(paul, rate, a_rate(second, "44", "0.05"))
        approve_version(paul, second)
        prices = [rate_of(price_list, "+4420", at) for at in (timezone.now(), tomorrow)]
        assert [rate and rate.per_minute for rate in prices] == [Decimal("0.02"), Decimal("0.05")]


def test_withdrawn_version_gives_way_to_the_earlier_one(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        price_list = a_list(paul)
        first = approve_version(paul, a_draft(paul, price_list))
        with pytest.raises(VersionNeeded):
            withdraw_version(paul, first)
        second = approve_version(paul, a_draft(paul, price_list))
        assert in_force(paul, price_list) == second.number
        withdraw_version(paul, second)
        assert in_force(paul, price_list) == first.number
        with pytest.raises(Conflict):
            withdraw_version(paul, second)
        with pytest.raises(VersionNotDraft):
            approve_version(paul, second)


def test_version_starts_with_the_newest_rates_and_a_file(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        price_list = a_list(paul)
        first = start_version(paul, price_list, VersionStart(content=FILE))
        assert (first.number, Rate.objects.filter(version=first).count()) == (1, 2)
        second = start_version(
            paul, price_list, VersionStart(content=b"prefix,rate\n44,0.5\n1,1\n", copies_newest=True)
        )
        found = dict(Rate.objects.filter(version=second).values_list("prefix", "per_minute"))
        assert found == {"44": Decimal("0.5"), "447": Decimal("0.08"), "1": Decimal(1)}
        with pytest.raises(RatesRefused), transaction.atomic():
            start_version(paul, price_list, VersionStart(content=b"prefix,rate\nx,1\n"))
        assert PriceListVersion.objects.filter(price_list=price_list).count() == 2


def test_note_of_a_draft_whose_date_has_passed_can_be_edited(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        draft = a_draft(paul, a_list(paul))
        passed = (timezone.now() - timedelta(days=1)).replace(microsecond=123)
        PriceListVersion.objects.filter(pk=draft.pk).update(effective_from=passed)
        as_typed = passed.replace(microsecond=0)
        data = VersionData(price_list_id=draft.price_list_id, effective_from=as_typed, note="May")
        assert update_version(paul, draft, data).note == "May"


def test_import_is_all_or_nothing(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        version = a_draft(paul, a_list(paul))
        with pytest.raises(RatesRefused) as refused:
            import_rates(paul, version, b"prefix,rate\n33,0.1\nxx,0.1\n49,-1\n", ImportOptions())
        assert list(refused.value.fields) == ["3:prefix", "4:per_minute"]
        assert (refused.value.error_count, refused.value.detail) == (2, "The file has 2 errors; nothing was imported.")
        assert sorted(Rate.objects.filter(version=version).values_list("prefix", flat=True)) == ["44", "447"]


def test_import_replaces_or_merges_and_history_tells(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        version = a_draft(paul, a_list(paul))
        options = ImportOptions(is_merge=True, file_name="may.csv")
        report = import_rates(paul, version, b"prefix;rate\n44;0,03\n33;0,04\n", options)
        assert (report.rows, report.separator) == (2, ";")
        assert Rate.objects.get(version=version, prefix="44").per_minute == Decimal("0.03")
        version.refresh_from_db()
        assert version.rate_count == 3
        import_rates(paul, version, b"prefix,rate\n1,0.01\n", ImportOptions())
        version.refresh_from_db()
        assert (version.rate_count, Rate.objects.get(version=version).prefix) == (1, "1")
        told = AuditEntry.objects.filter(action="pricelistversion.import_rates").values_list("reason", flat=True)
        assert "2 rates of may.csv, merged" in told


def test_many_rates_are_imported_in_few_statements(
    cast: Cast, django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    content = "prefix,rate\n" + "".join(f"{prefix},0.01\n" for prefix in range(10_000, 60_000))
    with tenant(cast.staff("paul")) as paul:
        version = create_version(paul, VersionData(price_list_id=a_list(paul).pk))
        with django_assert_max_num_queries(19):
            import_rates(paul, version, content.encode(), ImportOptions())
        assert Rate.objects.filter(version=version).count() == 50_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prefix", "abc"),
        ("prefix", "0044"),
        ("prefix", "44"),
        ("name", ""),
        ("name", "=1+1"),
        ("per_minute", Decimal("-0.1")),
        ("per_minute", Decimal("1001")),
        ("per_minute", Decimal("0.123456789")),
        ("per_minute", Decimal("NaN")),
        ("connection_fee", Decimal("-1")),
        ("initial_s", 0),
        ("increment_s", 0),
        ("increment_s", 3601),
    ],
)
def test_typed_rates_obey_the_same_rules(cast: Cast, field: str, value: object) -> None:
    with tenant(cast.staff("paul")) as paul:
        version = a_draft(paul, a_list(paul))
        wrong: dict[str, object] = {field: value}
        with pytest.raises(InvalidInput) as refused:
            add_rate(paul, replace(a_rate(version), **wrong))  # type: ignore[arg-type]
        assert list(refused.value.fields) == [field]


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", " "), ("name", "x" * 101), ("currency", "XYZ"), ("decimals", 7), ("rounding", "sideways")],
)
def test_lists_obey_rules(cast: Cast, field: str, value: object) -> None:
    wrong: dict[str, object] = {field: value}
    with tenant(cast.staff("paul")) as paul, pytest.raises(InvalidInput) as refused:
        create_price_list(paul, replace(PriceListData(name="A", currency="EUR"), **wrong))  # type: ignore[arg-type]
    assert field in refused.value.fields


def test_list_names_are_once_per_partner_and_purpose(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        a_list(paul, "A")
        create_cost_list(paul, PriceListData(name="A", currency="EUR"))
        other = a_list(paul, "B")
        with pytest.raises(InvalidInput) as refused:
            a_list(paul, "A")
        assert "name" in refused.value.fields
        with pytest.raises(InvalidInput) as refused:
            update_price_list(paul, other, PriceListData(name="A", currency="EUR"))
        assert "name" in refused.value.fields
        assert (price_lists_of(paul).count(), cost_lists_of(paul).count()) == (2, 1)


def test_the_most_exact_list_wins(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        default, product, own = (a_list(paul, name) for name in ("Default", "Product", "Own"))
        assert lists_of(cast.acme)[0] is None
        assign_price_list(paul, AssignmentData(price_list_id=default.pk))
        assert lists_of(cast.acme)[0] == default.pk
        assign_price_list(paul, AssignmentData(price_list_id=product.pk, web_product_id=cast.business.pk))
        assert lists_of(cast.acme)[0] == product.pk
        assignment = assign_price_list(paul, AssignmentData(price_list_id=default.pk, customer_id=cast.acme.pk))
        again = assign_price_list(paul, AssignmentData(price_list_id=own.pk, customer_id=cast.acme.pk))
        assert again.pk == assignment.pk
        assert lists_of(cast.acme)[0] == own.pk
        unassign_price_list(paul, assignment)
        assert lists_of(cast.acme)[0] == product.pk
        assert lists_of(cast.fjord_customer)[1] is None
        assign_price_list(paul, AssignmentData(price_list_id=own.pk, buyer_partner_id=cast.fjord.pk))
        assert lists_of(cast.fjord_customer)[1] == own.pk


def test_a_buyer_may_have_several_lists_and_a_list_in_its_place_takes_them_all_away(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        first, second, third = (a_list(paul, name) for name in ("First", "Second", "Third"))
        wanted = AssignmentData(price_list_id=first.pk, customer_id=cast.acme.pk)
        now = timezone.now()
        assigned = assign_price_list(paul, wanted)
        offer = replace(wanted, price_list_id=second.pk, is_addition=True, weight=7, active_until=now)
        with pytest.raises(InvalidInput) as refused:
            assign_price_list(paul, replace(offer, active_from=now))
        assert "active_until" in refused.value.fields
        added = assign_price_list(paul, replace(offer, active_until=now + timedelta(days=1), allows_loss=True))
        (tier, *_) = document("customer", str(cast.acme.pk)).tiers
        assert [(use.price_list_id, use.weight, use.allows_loss, use.until_ms is None) for use in tier.lists] == [
            (second.pk, 7, True, False), (first.pk, 0, False, True)
        ]  # fmt: skip
        changed = update_assignment(paul, added, replace(offer, active_until=None, weight=1))
        assert (changed.weight, changed.active_until) == (1, None)
        with pytest.raises(InvalidInput):
            update_assignment(paul, added, replace(offer, price_list_id=third.pk))
        assert assign_price_list(paul, replace(wanted, price_list_id=third.pk)).pk == assigned.pk
        (tier, *_) = document("customer", str(cast.acme.pk)).tiers
        assert [use.price_list_id for use in tier.lists] == [third.pk]


def test_exchange_rates_are_checked_and_never_change_once_they_hold(cast: Cast) -> None:
    with tenant(cast.staff("olga")) as olga:
        rate = ExchangeRateData(source="usd", target="EUR", rate=Decimal("0.9215"))
        wrong: tuple[tuple[str, Any], ...] = (
            ("source", "XXX"), ("target", "USD"), ("rate", Decimal(0)), ("rate", Decimal("1e10")),
            ("rate", Decimal("0.12345678901")), ("rate", Decimal("NaN")), ("loss_percent", Decimal(101)),
        )  # fmt: skip
        for name, value in wrong:
            with pytest.raises(InvalidInput) as refused:
                add_exchange_rate(olga, replace(rate, **{name: value}))
            assert name in refused.value.fields, (name, value)
        held = add_exchange_rate(olga, rate)
        with pytest.raises(Conflict):
            update_exchange_rate(olga, held, replace(rate, rate=Decimal(1)))
        coming = add_exchange_rate(olga, replace(rate, effective_from=timezone.now() + timedelta(days=1)))
        with pytest.raises(InvalidInput):
            add_exchange_rate(olga, replace(rate, effective_from=coming.effective_from))
        changed = replace(rate, rate=Decimal("0.95"), effective_from=coming.effective_from)
        assert update_exchange_rate(olga, coming, changed).rate == Decimal("0.95")
    with tenant(cast.staff("paul")) as paul:  # who does not see the operator's rates, but may sell by them
        assert not exchange_rates_of(paul).exists()
        assert exchange_rate_of(cast.northwind.pk, "EUR", "USD") == Decimal("1.0851871948")
        assert exchange_rate_of(cast.elsewhere.pk, "USD", "EUR") is None  # outside the scope
        dollars = create_price_list(paul, PriceListData(name="Dollars", currency="USD"))
        assign_price_list(paul, AssignmentData(price_list_id=dollars.pk, customer_id=cast.acme.pk))
    with tenant(cast.staff("olga")) as olga:
        remove_exchange_rate(olga, coming)
        assert exchange_rate_of(cast.northwind.pk, "USD", "EUR", coming.effective_from) == Decimal("0.9215")


def test_lists_are_assigned_to_the_owners_own_buyers(cast: Cast) -> None:
    with tenant(system_actor()) as system:
        owner = cast.northwind.pk
        price_list = create_price_list(system, PriceListData(name="A", currency="EUR", partner_id=owner))
        dollars = create_price_list(system, PriceListData(name="B", currency="USD", partner_id=owner))
        costs = create_cost_list(system, PriceListData(name="A", currency="EUR", partner_id=owner))
        for field, data in (
            ("customer_id", AssignmentData(price_list_id=price_list.pk, customer_id=cast.charlie.pk)),
            ("customer_id", AssignmentData(price_list_id=price_list.pk, customer_id=cast.fjord_customer.pk)),
            ("web_product_id", AssignmentData(price_list_id=price_list.pk, web_product_id=cast.elsewhere_voice.pk)),
            ("buyer_partner_id", AssignmentData(price_list_id=price_list.pk, buyer_partner_id=cast.elsewhere.pk)),
            ("customer_id", AssignmentData(price_list_id=dollars.pk, customer_id=cast.acme.pk)),
            ("price_list_id", AssignmentData(price_list_id=costs.pk)),
            (
                "price_list_id",
                AssignmentData(
                    price_list_id=price_list.pk,
                    customer_id=cast.acme.pk,
                    web_product_id=cast.business.pk,
                ),
            ),
        ):
            with pytest.raises(InvalidInput) as refused:
                assign_price_list(system, data)
            assert field in refused.value.fields


def test_stranger_and_buyer_see_no_list(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        price_list = a_list(paul)
        version = approve_version(paul, a_draft(paul, price_list))
        assign_price_list(paul, AssignmentData(price_list_id=price_list.pk, buyer_partner_id=cast.fjord.pk))
    for actor in (cast.staff("stranger"), cast.staff("petra")):
        with tenant(actor):
            assert not (price_lists_of(actor) | PriceList.objects.visible_to(actor)).exists()
            assert not versions_of(actor).exists()
            assert not rates_of(actor).exists()
            with pytest.raises(NotFound):
                update_price_list(actor, price_list, PriceListData(name="Mine", currency="EUR"))
            with pytest.raises(NotFound):
                withdraw_version(actor, version)
            with pytest.raises(InvalidInput):
                create_version(actor, VersionData(price_list_id=price_list.pk))
            with pytest.raises(InvalidInput):
                add_rate(actor, a_rate(version))


def test_costs_need_their_own_permission(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        costs = create_cost_list(paul, PriceListData(name="Carrier", currency="EUR"))
        draft = a_draft(paul, costs)
    seller = replace(cast.staff("paul"), permissions=frozenset({"price_lists.*"}))
    with tenant(seller):
        assert not versions_of(seller).exists()
        assert not rates_of(seller).exists()
        for attempt in (
            lambda: create_cost_list(seller, PriceListData(name="B", currency="EUR")),
            lambda: update_price_list(seller, costs, PriceListData(name="B", currency="EUR")),
            lambda: add_rate(seller, a_rate(draft)),
            lambda: approve_version(seller, draft),
        ):
            with pytest.raises(NotPermitted):
                attempt()
        assert create_version(seller, VersionData(price_list_id=a_list(seller).pk)).number == 1
    writer = replace(cast.staff("paul"), permissions=frozenset({"costs.change"}))
    with tenant(writer), pytest.raises(NotPermitted):
        approve_version(writer, draft)
