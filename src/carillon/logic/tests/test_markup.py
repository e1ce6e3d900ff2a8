"""Sale prices made of costs by rules."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.markup import Cost, Rule, Rules, Sale, marked_up


def cost(prefix: str, price: str, name: str = "", fee: str = "0") -> Cost:
    return Cost(prefix, name or f"Zone {prefix}", Decimal(fee), Decimal(price), 60, 60)


def sold(*lists: list[Cost], rules: tuple[Rule, ...] = (Rule(),)) -> list[Sale]:
    return list(marked_up(lists, Rules(rules)))


def prices(sales: list[Sale]) -> dict[str, Decimal]:
    return {sale.prefix: sale.per_minute for sale in sales}


def test_percent_and_fixed_come_on_top_of_the_cost() -> None:
    rule = Rule(percent=Decimal(20), fixed=Decimal("0.005"))
    assert prices(sold([cost("44", "0.01")], rules=(rule,))) == {"44": Decimal("0.017")}


def test_the_margin_is_never_below_the_minimum() -> None:
    rule = Rule(percent=Decimal(10), minimum_margin=Decimal("0.01"))
    found = sold([cost("44", "0.01"), cost("88", "1")], rules=(rule,))
    assert prices(found) == {"44": Decimal("0.02"), "88": Decimal("1.1")}


def test_prices_are_rounded_up_to_the_step() -> None:
    rule = Rule(percent=Decimal(7), step=Decimal("0.005"))
    (sale,) = sold([cost("44", "0.0101", fee="0.01")], rules=(rule,))
    assert (sale.per_minute, sale.connection_fee) == (Decimal("0.015"), Decimal("0.015"))


def test_the_more_exact_rule_wins_and_a_destination_before_a_prefix() -> None:
    rules = (
        Rule(percent=Decimal(10)),
        Rule(prefix="44", percent=Decimal(20)),
        Rule(prefix="447", percent=Decimal(30)),
        Rule(destination="uk special", percent=Decimal(100)),
    )
    costs = [cost("33", "1"), cost("44", "1"), cost("447", "1"), cost("449", "1", "UK Special services")]
    expected = {"33": Decimal("1.1"), "44": Decimal("1.2"), "447": Decimal("1.3"), "449": Decimal(2)}
    assert prices(sold(costs, rules=rules)) == expected


def test_what_no_rule_fits_or_a_rule_leaves_out_is_not_sold() -> None:
    rules = (Rule(prefix="44"), Rule(prefix="449", is_left_out=True))
    assert prices(sold([cost("33", "1"), cost("44", "1"), cost("449", "1")], rules=rules)) == {"44": Decimal(1)}


def test_the_dearest_carrier_counts_also_by_a_shorter_prefix() -> None:
    first = [cost("44", "0.05"), cost("4420", "0.01")]
    second = [cost("44", "0.02"), cost("4420", "0.02"), cost("447", "0.03")]
    found = prices(sold(first, second))
    assert found == {"44": Decimal("0.05"), "4420": Decimal("0.02"), "447": Decimal("0.05")}


def test_intervals_are_the_carriers_unless_the_rule_has_its_own() -> None:
    (as_cost,) = sold([cost("44", "1")])
    (own,) = sold([cost("44", "1")], rules=(Rule(initial_s=1, increment_s=1),))
    assert (as_cost.initial_s, as_cost.increment_s, own.initial_s, own.increment_s) == (60, 60, 1, 1)


PREFIXES = st.text("0123", max_size=4)
PRICES = st.decimals(0, 5, places=4)
LISTS = st.lists(st.dictionaries(PREFIXES, PRICES, max_size=12), min_size=1, max_size=3)


@given(lists=LISTS, percent=st.integers(0, 50), margin=st.decimals(0, 1, places=3))
def test_no_number_is_sold_below_what_any_carrier_charges_for_it(
    lists: list[dict[str, Decimal]], percent: int, margin: Decimal
) -> None:
    costs = [[cost(prefix, str(price)) for prefix, price in sorted(prices.items())] for prices in lists]
    found = sold(*costs, rules=(Rule(percent=Decimal(percent), minimum_margin=margin),))
    assert [sale.prefix for sale in found] == sorted({prefix for prices in lists for prefix in prices})
    for sale in found:
        for prices_of in lists:
            known = [prefix for prefix in prices_of if sale.prefix.startswith(prefix)]
            if known:
                assert sale.per_minute >= prices_of[max(known, key=len)] + margin


def test_a_price_is_never_below_the_floor_nor_above_the_cap() -> None:
    rule = Rule(percent=Decimal(10), minimum_margin=Decimal(1), floor=Decimal("0.05"), cap=Decimal("1.2"))
    costs = [cost("1", "0.01"), cost("2", "0.5")]
    assert prices(sold(costs, rules=(rule,))) == {"1": Decimal("1.01"), "2": Decimal("1.2")}
    assert Rule(percent=Decimal(10), floor=Decimal("0.05")).price(Decimal("0.01")) == Decimal("0.05")
