"""Bans as control writes them: whose they are, how they are kept, and which go back to the edge."""

from __future__ import annotations

import json
import time

import pytest
from tests.support.cast import Cast
from tests.support.market import rows

from carillon.base.errors import Conflict, NotFound, NotPermitted
from carillon.base.tenancy import tenant
from carillon.business.endpoints.models import Ban
from carillon.business.endpoints.queries import bans_of
from carillon.usecases.ask_control import ControlSilent
from carillon.usecases.lift_ban import lift_ban

pytestmark = pytest.mark.django_db
NOW = int(time.time())
ACCOUNT = "alice@northwind.test"


def keep(source: str, account: str = "", *, since_s: int = NOW, until_s: int = NOW + 600, hits: int = 0) -> None:
    ban = {"source": source, "account": account, "reason": "guessing", "hits": hits}
    rows("select callfeed.keep_bans(%s)", json.dumps([ban | {"since_s": since_s, "until_s": until_s}]))


def standing() -> list[str]:
    return sorted(whom for whom, *_ in rows("select * from callfeed.standing_bans()"))


def test_a_ban_told_again_counts_on_and_a_new_one_is_another_row(cast: Cast) -> None:
    keep("192.0.2.1", hits=3)
    keep("192.0.2.1", hits=9)
    keep("192.0.2.1", since_s=NOW + 1)
    assert sorted(Ban.objects.values_list("hits", flat=True)) == [0, 9]


def test_bans_of_accounts_are_their_partners_and_those_of_addresses_the_operators(cast: Cast) -> None:
    keep("192.0.2.1")
    keep("192.0.2.1", ACCOUNT)
    keep("192.0.2.1", "x@nowhere.test")
    keep("192.0.2.2", "ola@FJORD.test")
    seen = {}
    for name in ("olga", "paul", "petra", "stranger"):
        with tenant(cast.staff(name)) as actor:
            seen[name] = sorted(ban.account for ban in bans_of(actor))
    assert seen == {
        "olga": ["", ACCOUNT, "ola@FJORD.test", "x@nowhere.test"],
        "paul": [ACCOUNT, "ola@FJORD.test"],
        "petra": ["ola@FJORD.test"],
        "stranger": [],
    }


def test_the_edge_is_given_back_what_still_holds(cast: Cast) -> None:
    keep("192.0.2.1")
    keep("192.0.2.2", ACCOUNT)
    keep("192.0.2.3", until_s=NOW - 1)
    assert standing() == ["192.0.2.1", f"192.0.2.2/{ACCOUNT}"]
    Ban.objects.filter(source="192.0.2.1").update(lifted_at="2026-01-01T00:00:00Z")
    keep("192.0.2.1", hits=5)  # told once more by an edge that has not heard of it yet
    assert standing() == [f"192.0.2.2/{ACCOUNT}"]


def test_who_may_lift_a_ban(cast: Cast) -> None:
    keep("192.0.2.1")
    keep("192.0.2.2", until_s=NOW - 1)
    ban, over = Ban.objects.order_by("source")
    with tenant(cast.staff("paul")) as actor, pytest.raises(NotFound):
        lift_ban(actor, ban)
    with tenant(cast.staff("olga").limited_to(frozenset({"bans.view"}))) as actor, pytest.raises(NotPermitted):
        lift_ban(actor, ban)
    with tenant(cast.staff("olga")) as actor:
        with pytest.raises(Conflict):
            lift_ban(actor, over)
        with pytest.raises(ControlSilent):  # no control runs beside this test: nothing may look as if it were lifted
            lift_ban(actor, ban)
    ban.refresh_from_db()
    assert ban.lifted_at is None
