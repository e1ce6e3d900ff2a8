"""What a seller grants to the partners below it, and a partner that gets another seller."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from tests.support.cast import EMAILS, Cast
from tests.support.clients import browser
from tests.support.market import make_market

from carillon.base.actor import Actor
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.billing.models import Account
from carillon.business.partners.models import Login, Partner
from carillon.business.partners.queries import signed_in_actor, system_actor
from carillon.business.pricing.models import PriceAssignment

pytestmark = pytest.mark.django_db(transaction=True)

AsRole = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def web(cast: Cast, as_role: AsRole) -> Iterator[Cast]:
    cache.clear()
    make_market(cast)
    with as_role("web"):
        yield cast


def act(who: str, path: str, **body: Any) -> Any:
    client = browser(who)
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers={
        "x-csrftoken": client.cookies["csrftoken"].value if "csrftoken" in client.cookies else ""})  # fmt: skip


def terms(cast: Cast, **data: Any) -> None:
    answer = act("paul", f"partners/{cast.fjord.pk}/terms/", **data)
    assert answer.status_code == 200, answer.content


def new_customer(name: str, cast: Cast, product: Any) -> int:
    return int(act(name, "customers/", web_product_id=product.pk, name="One more").status_code)


def test_a_limit_counts_everything_below(web: Cast) -> None:
    terms(web, max_customers=2)
    assert new_customer("petra", web, web.fjord_voice) == 201  # the second of Fjord's
    answer = act("petra", "customers/", web_product_id=web.fjord_voice.pk, name="Too many")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "limit-reached")
    assert new_customer("paul", web, web.business) == 201  # Paul's own are no part of Fjord's
    above = act("olga", f"partners/{web.northwind.pk}/terms/", max_customers=5)
    assert above.status_code == 200
    terms(web)  # no limit of its own any more, but Northwind's holds: three of its own and two of Fjord's
    assert new_customer("petra", web, web.fjord_voice) == 409
    assert new_customer("olga", web, web.elsewhere_voice) == 201


def test_a_feature_that_is_withheld_is_withheld_from_everybody_below(web: Cast) -> None:
    answer = act("olga", f"partners/{web.northwind.pk}/terms/", features=["api"])
    assert answer.status_code == 200, answer.content
    for name in ("paul", "petra"):
        refused = act(name, "gateways/", name="Own", host="127.0.0.1")
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (403, "feature-withheld"), name
        assert act(name, "partners/", name="Below", country="GB", currency="EUR").status_code == 403
    assert act("olga", "gateways/", name="Own", host="127.0.0.1").status_code == 201


def test_nobody_grants_to_themselves_or_to_strangers(web: Cast) -> None:
    assert act("paul", f"partners/{web.northwind.pk}/terms/", max_users=9).status_code == 409
    assert act("petra", f"partners/{web.northwind.pk}/terms/", max_users=9).status_code == 404
    assert act("paul", f"partners/{web.elsewhere.pk}/terms/", max_users=9).status_code == 404
    assert act("paul", f"partners/{web.fjord.pk}/terms/", max_users=-1).status_code == 400


@pytest.mark.parametrize("function", ["carillon_has_feature(%s, 'api')", "carillon_has_room(%s, 'users', 1)"])
def test_the_functions_answer_for_ones_own_partners_alone(web: Cast, function: str) -> None:
    with realm_scope(0):
        petra = signed_in_actor(Login.objects.get(key=f"0:{EMAILS['petra']}"))
    with tenant(petra), connection.cursor() as cursor:
        answers = []
        for partner in (web.fjord.pk, web.northwind.pk):
            cursor.execute(f"select public.{function}", [partner])
            answers.append(cursor.fetchone()[0])
    assert answers == [True, False]


# ---------------------------------------------------------------- moving


def settle(cast: Cast) -> None:
    """Fjord has nothing left with Northwind."""
    with tenant(system_actor()):
        Account.objects.filter(buyer_partner=cast.fjord).update(balance_micro=0, reserved_micro=0, unposted_micro=0)


def move(name: str, partner: Partner, parent: Partner) -> Any:
    return act(name, f"partners/{partner.pk}/move/", parent_id=parent.pk, reason="sold")


def actor_of(name: str) -> Actor:
    with realm_scope(0):
        return signed_in_actor(Login.objects.get(key=f"0:{EMAILS[name]}"))


def test_a_partner_moves_with_everything_below_it(web: Cast) -> None:
    below = act("petra", "partners/", name="Skerry", country="GB", currency="EUR")
    assert below.status_code == 201
    settle(web)
    answer = move("olga", web.fjord, web.elsewhere)
    assert answer.status_code == 200, answer.content
    with tenant(system_actor()):
        fjord, skerry = Partner.objects.get(pk=web.fjord.pk), Partner.objects.get(pk=below.json()["id"])
        assert fjord.path == [web.operator.pk, web.elsewhere.pk, fjord.pk]
        assert skerry.path == [*fjord.path, skerry.pk]
        assert Account.objects.filter(partner=web.elsewhere, buyer_partner=fjord).exists()
        assert not PriceAssignment.objects.filter(buyer_partner=fjord).exists()
    assert fjord.pk not in actor_of("paul").scope
    assert {fjord.pk, skerry.pk} <= actor_of("stranger").scope
    assert actor_of("petra").scope == {fjord.pk, skerry.pk}


def test_a_partner_with_money_stays_where_it_is(web: Cast) -> None:
    answer = move("olga", web.fjord, web.elsewhere)
    assert answer.status_code == 409
    assert "not settled" in answer.json()["detail"]


def test_nobody_moves_themselves_in_circles_or_out_of_sight(web: Cast) -> None:
    settle(web)
    assert move("paul", web.northwind, web.operator).status_code in (400, 404, 409)
    assert move("olga", web.northwind, web.fjord).status_code == 400
    assert move("olga", web.fjord, web.northwind).status_code == 400
    assert move("paul", web.fjord, web.elsewhere).status_code == 400  # he can't see it
    assert move("petra", web.fjord, web.operator).status_code in (400, 404, 409)
    assert move("olga", web.operator, web.fjord).status_code == 409
