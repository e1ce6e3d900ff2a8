"""The running platform's world: changed by the same actions that people use, read back in a flow's words.

Django in the test process talks to the session's own database; here it talks to the platform's for a moment.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, get_type_hints

import pytest
from django.conf import settings
from django.db import connection

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.billing.actions import (
    LimitData,
    ReversalData,
    TopUpData,
    reverse_transfer,
    set_credit_limit,
    top_up_customer,
    top_up_partner,
)
from carillon.business.billing.choices import TransferKind
from carillon.business.billing.models import Account, Transfer
from carillon.business.brands.choices import DestinationKind
from carillon.business.customers.actions import (
    CustomerData,
    UserData,
    set_customer_status,
    update_customer,
    update_user,
)
from carillon.business.customers.choices import ForwardingCondition
from carillon.business.customers.models import Customer, User
from carillon.business.numbers.actions import NumberData, update_number
from carillon.business.numbers.choices import NumberKind
from carillon.business.numbers.models import Number
from carillon.business.partners.blacklists import BlacklistData, block, unblock
from carillon.business.partners.choices import BlacklistKind, Status
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import blacklist_of, system_actor
from carillon.business.partners.statuses import StatusData
from carillon.business.pricing.assignments import AssignmentData, assign_price_list, unassign_price_list
from carillon.business.pricing.choices import Traffic
from carillon.business.pricing.markup import RuleData, add_rule, remove_rule
from carillon.business.pricing.models import PriceAssignment, PriceList
from carillon.business.pricing.queries import markup_rules_of
from carillon.business.routing.actions import RouteData, update_gateway, update_route
from carillon.business.routing.models import Gateway
from carillon.business.routing.queries import routes_of
from carillon.demo.carrier.password import PASSWORD, USERNAME
from carillon.demo.cast.load import actor_of
from carillon.demo.cast.routing import REPLY_TIMEOUT_MS, gateway_data
from carillon.demo.world import CAST, OPERATOR, micro
from carillon.faces.portal.routing import route_values
from carillon.usecases.post_charges import post_charges
from carillon.usecases.settle_calls import settle_due_calls
from carillon.usecases.sweep_windows import sweep_windows
from tests.support.flows import Changes, ExpectedCdr
from tests.support.platform import Platform
from tests.support.postgres import reconnect
from tests.support.untruths import UNTRUTHS
from tests.support.waiting import wait_until

RING_TIMEOUT_S = 60
PENNY = 10_000  # the smallest coin, in micro-units


@dataclass(frozen=True, slots=True)
class Money:
    """One buyer's account: micro-units."""

    balance: int
    reserved: int
    unposted: int
    limit: int

    @property
    def available(self) -> int:
        return self.balance - self.reserved - self.unposted + self.limit


@dataclass(slots=True)
class Books:
    """The platform's business side. `blocker` is pytest-django's guard of the database."""

    platform: Platform
    blocker: Any
    _gateways: dict[str, tuple[int, int]] = field(default_factory=dict)

    # ------------------------------------------------------------ before a flow

    def arrange(self, changes: Changes) -> None:
        """Bring the demo world into the state a flow begins with, and wait until control knows."""
        self.drained()
        known = self.platform.log("control").count("Reference data in force")
        with self.open():
            self._arrange_money(changes)
            self._arrange_status(changes)
            self._arrange_protection(changes)
            self._arrange_forwarding(changes)
            self._arrange_received(changes)
            is_new = [
                self._arrange_gateways(changes),
                self._arrange_routes(changes),
                self._arrange_blacklist(changes),
                self._arrange_markup(changes),
            ]
        if any(is_new):
            wait_until(lambda: self.platform.log("control").count("Reference data in force") > known)
        for kind in ("user", "customer", "number"):
            self.wait_until_known(kind)

    def wait_until_known(self, kind: str) -> None:
        """Wait until control has heard of the newest change to this kind of documents."""
        (newest,) = self.platform.sql(f"select last_value from callfeed.generation_{kind}")[0]  # noqa: S608 - ours
        wait_until(lambda: self.platform.status("/health")[1]["generations"].get(kind, 0) >= newest)

    def _arrange_money(self, changes: Changes) -> None:
        for name, seller, balance, limit in _buyers():
            wanted = changes.money.get(name)
            self._set_money(name, seller, micro(balance) + micro(limit) if wanted is None else micro(wanted))

    def _set_money(self, name: str, seller: str, wanted_micro: int) -> None:
        """Let the buyer have exactly so much: what it paid is taken back, the rest is a credit limit."""
        with tenant(actor_of(seller)) as actor:
            account = self._account(name)
            paid = Transfer.objects.visible_to(actor).filter(entries__account=account, kind=TransferKind.TOP_UP)
            for transfer in paid:
                if not Transfer.objects.filter(idempotency_key=f"reversal:{transfer.pk}").exists():
                    reverse_transfer(actor, transfer, ReversalData(reason="A golden call flow sets the money itself."))
            account.refresh_from_db()
            spent = account.reserved_micro + account.unposted_micro - account.balance_micro
            if account.credit_limit_micro != wanted_micro + spent:
                set_credit_limit(
                    actor, account, LimitData(credit_limit_micro=wanted_micro + spent, reason="Golden call flow")
                )

    def pay(self, pays: dict[str, str]) -> None:
        """Buyers pay so many pounds."""
        with self.open():
            for name, seller, _balance, _limit in _buyers():
                if name in pays:
                    with tenant(actor_of(seller)) as actor:
                        self._top_up(actor, self._account(name), micro(pays[name]))

    def _top_up(self, actor: Actor, account: Account, amount_micro: int) -> None:
        data = TopUpData(amount_micro=amount_micro, idempotency_key=f"books:{time.time_ns()}")
        buyer = account.customer or account.buyer_partner
        if isinstance(buyer, Customer):
            top_up_customer(actor, buyer, data)
        elif buyer is not None:
            top_up_partner(actor, buyer, data)

    def restore(self) -> None:
        """Leave the demo world as others expect it: money that was paid instead of credit, everybody active."""
        self.arrange(Changes())
        with self.open():
            for name, seller, balance, limit in _buyers():
                with tenant(actor_of(seller)) as actor:
                    account = self._account(name)
                    missing = (micro(balance) - account.balance_micro) // PENNY * PENNY
                    if missing > 0:
                        self._top_up(actor, account, missing)
                    set_credit_limit(
                        actor, account, LimitData(credit_limit_micro=micro(limit), reason="Flows are over")
                    )

    def _account(self, name: str) -> Account:
        rows = Account.objects.filter(customer__name=name) | Account.objects.filter(buyer_partner__name=name)
        return rows.get()

    def _arrange_status(self, changes: Changes) -> None:
        sellers = {brand.name: brand.partner for brand in CAST.brands}
        for buyer in CAST.buyers:
            wanted = Status(changes.status.get(buyer.name, "active"))
            with tenant(actor_of(sellers[buyer.brand])) as actor:
                customer = Customer.objects.visible_to(actor).get(name=buyer.name)
                if customer.status != wanted:
                    set_customer_status(actor, customer, StatusData(status=wanted, reason="Golden call flow"))

    def _arrange_protection(self, changes: Changes) -> None:
        sellers = {brand.name: brand.partner for brand in CAST.brands}
        for buyer in CAST.buyers:
            allowed = [DestinationKind(kind) for kind in changes.allowed.get(buyer.name, ())]
            with tenant(actor_of(sellers[buyer.brand])) as actor:
                customer = Customer.objects.visible_to(actor).get(name=buyer.name)
                limit = changes.daily.get(buyer.name)
                spent = self.platform.sql("select callfeed.spent_today(%s)", self._account(buyer.name).pk)[0][0]
                daily = None if limit is None else spent + micro(limit)
                per_s = changes.calls_per_s.get(buyer.name)
                wanted = {
                    "allowed_classes": allowed,
                    "max_daily_spend_micro": daily,
                    "calls_per_s": per_s,
                    "max_channels": changes.max_channels.get(buyer.name),
                    "country": changes.country.get(buyer.name, buyer.country),
                }
                if any(getattr(customer, name) != value for name, value in wanted.items()):
                    values = {name: getattr(customer, name) for name in get_type_hints(CustomerData)}
                    update_customer(actor, customer, CustomerData(**{**values, **wanted}))

    def _arrange_forwarding(self, changes: Changes) -> None:
        sellers = {brand.name: brand.partner for brand in CAST.brands}
        for buyer in CAST.buyers:
            with tenant(actor_of(sellers[buyer.brand])) as actor:
                for user in User.objects.visible_to(actor).filter(customer__name=buyer.name):
                    name = next(phone.username for phone in buyer.phones if phone.name == user.name)
                    values = {field: getattr(user, field) for field in get_type_hints(UserData)}
                    wanted = {**values, **_forwarding(changes.forwarding.get(name, {}))}
                    wanted["emergency_number"] = changes.emergency.get(name, "")
                    if wanted != values:
                        update_user(actor, user, UserData(**wanted))

    def _arrange_received(self, changes: Changes) -> None:
        """Who pays by lists of its own and for being called, and which numbers are toll-free."""
        classes = (
            (Traffic.RECEIVED, {buyer: {prices: 0} for buyer, prices in changes.received.items()}),
            (Traffic.TOLL_FREE, {buyer: {prices: 0} for buyer, prices in changes.toll_free.items()}),
            (Traffic.CALLS, changes.lists),
            (Traffic.ONNET, changes.onnet),
        )
        wanted = {
            (traffic, buyer, prices, weight)
            for traffic, buyers in classes
            for buyer, lists in buyers.items()
            for prices, weight in lists.items()
        }
        with tenant(system_actor()) as actor:
            rows = PriceAssignment.objects.visible_to(actor).exclude(traffic=Traffic.CALLS, customer=None)
            there = {
                (row.traffic, str(row.customer or row.buyer_partner), row.price_list.name, row.weight): row
                for row in rows
            }
            for key in there.keys() - wanted:
                unassign_price_list(actor, there[key])
            for traffic, buyer, prices, weight in wanted - there.keys():
                customer_ids = Customer.objects.filter(name=buyer).values_list("pk", flat=True)
                partner_ids = Partner.objects.filter(name=buyer).values_list("pk", flat=True)
                data = AssignmentData(
                    price_list_id=PriceList.objects.get(name=prices).pk,
                    traffic=traffic,
                    customer_id=customer_ids.first(),
                    buyer_partner_id=partner_ids.first(),
                    weight=weight,
                    is_addition=True,
                )
                assign_price_list(actor, data)
            for number in Number.objects.filter(customer__isnull=False):
                kind = NumberKind.TOLL_FREE if number.e164 in changes.toll_free_numbers else NumberKind.GEOGRAPHIC
                if number.kind != kind:
                    update_number(actor, number, NumberData(e164=number.e164, kind=kind, partner_id=number.partner_id))

    def _arrange_blacklist(self, changes: Changes) -> bool:
        wanted = {
            (partner, kind, value) for partner, blocked in changes.blacklist.items() for value, kind in blocked.items()
        }
        with tenant(actor_of(OPERATOR)) as actor:
            entries = {(entry.partner.name, entry.kind, entry.value): entry for entry in blacklist_of(actor)}
            for key in entries.keys() - wanted:
                unblock(actor, entries[key])
            for partner, kind, value in wanted - entries.keys():
                owner = Partner.objects.visible_to(actor).get(name=partner)
                block(
                    actor,
                    BlacklistData(
                        kind=BlacklistKind(kind), value=value, reason="Golden call flow", partner_id=owner.pk
                    ),
                )
        return entries.keys() != wanted

    def _arrange_markup(self, changes: Changes) -> bool:
        wanted = {(partner, Decimal(percent)) for partner, percent in changes.markup.items()}
        with tenant(system_actor()) as actor:
            rules = {(rule.partner.name, rule.percent): rule for rule in markup_rules_of(actor).filter(price_list=None)}
            for key in rules.keys() - wanted:
                remove_rule(actor, rules[key])
            for partner, percent in wanted - rules.keys():
                add_rule(actor, RuleData(percent=percent, partner_id=Partner.objects.get(name=partner).pk))
        return rules.keys() != wanted

    def _arrange_gateways(self, changes: Changes) -> bool:
        changed = False
        ports = {"a": settings.CONFIG.ports.carrier_a, "b": settings.CONFIG.ports.carrier_b}
        with tenant(actor_of(OPERATOR)) as actor:
            for carrier in CAST.carriers:
                ring_s = changes.ring_timeout_s.get(carrier.name, RING_TIMEOUT_S)
                reply_ms = changes.reply_timeout_ms.get(carrier.name, REPLY_TIMEOUT_MS)
                gateway = Gateway.objects.visible_to(actor).get(name=carrier.name)
                brings = PriceList.objects.filter(name=changes.brings.get(carrier.name, "")).first()
                wanted: dict[str, Any] = {
                    "ring_timeout_s": ring_s,
                    "reply_timeout_ms": reply_ms,
                    "received_list_id": brings and brings.pk,
                    "max_channels": changes.max_channels.get(carrier.name),
                    "calls_per_s": changes.begun_per_s.get(carrier.name),
                    "auth_username": USERNAME if carrier.name in changes.signs_in else "",
                    "is_probed": False,  # whether a carrier is there is not what these calls are about
                }
                if any(getattr(gateway, name) != value for name, value in wanted.items()):
                    data = gateway_data(
                        actor, carrier, ports[carrier.key], ring_timeout_s=ring_s, reply_timeout_ms=reply_ms
                    )
                    update_gateway(actor, gateway, replace(data, auth_password=PASSWORD, **wanted))
                    changed = True
        return changed

    def _arrange_routes(self, changes: Changes) -> bool:
        with tenant(actor_of(OPERATOR)) as actor:
            route = routes_of(actor).get(name=CAST.ways[0].name)
            if route.allows_loss == changes.allows_loss:
                return False
            values: dict[str, Any] = {**route_values(route), "allows_loss": changes.allows_loss}
            update_route(actor, route, RouteData(**values))
        return True

    # ------------------------------------------------------------ after a flow

    def settled(self, *sip_call_ids: str) -> None:
        """Do the worker's rounds until these calls are rated and everything rated is posted."""

        def is_done() -> bool:
            with self.open():
                self.work()
            states = self.platform.sql("select state from calls_call where sip_call_id = any(%s)", list(sip_call_ids))
            waiting = self.platform.sql("select count(*) from billing_unpostedcharge")[0][0]
            return len(states) == len(sip_call_ids) and all(state == "rated" for (state,) in states) and not waiting

        wait_until(is_done, 60)

    def drained(self) -> None:
        """Do the worker's rounds until no ended call, no charge, no hold and no window is left of an earlier flow."""

        def is_done() -> bool:
            self.platform.sql("update billing_edgelease set expires_at = now() - interval '1 second'")
            with self.open():
                self.work()
            return not self.platform.sql(
                "select id from calls_call where state = 'ended' and due_at <= now()"
                " union all select null from billing_unpostedcharge"
                " union all select call_id from billing_hold where state = 'open'"
                " union all select null from billing_creditwindow"
            )

        wait_until(is_done, 60)

    def work(self) -> None:
        """One round of the worker: rate what has ended, post what is rated, take back windows without a lease."""
        with tenant(system_actor()) as actor:
            settle_due_calls(actor)
        with tenant(system_actor()) as actor:
            sweep_windows(actor)
        with tenant(system_actor()) as actor:
            post_charges(actor)

    def cdrs(self, sip_call_id: str) -> list[ExpectedCdr]:
        """The call's CDRs in order of chain and tier."""
        rows = self.platform.sql(
            """
            select d.chain, d.tier, s.name, coalesce(nullif(d.customer_name, ''), b.name, ''), coalesce(g.name, ''),
                   d.amount_micro,
                   case when d.amount_micro <> 0 and d.explanation -> 'taxes' <> '[]'
                        then d.explanation ->> 'tax' else '' end
            from calls_cdr d
            join calls_call c on c.id = d.call_id
            join partners_partner s on s.id = d.partner_id
            left join partners_partner b on b.id = d.buyer_partner_id
            left join routing_gateway g on g.id = d.gateway_id
            where c.sip_call_id = %s order by d.chain, d.chain_no, d.tier, d.is_carrier_cost
            """,
            sip_call_id,
        )
        return [ExpectedCdr(*row) for row in rows]

    def outcomes(self, sip_call_id: str) -> set[str]:
        """How the call ended, as its CDRs say."""
        rows = self.platform.sql(
            "select distinct d.outcome from calls_cdr d join calls_call c on c.id = d.call_id where c.sip_call_id = %s",
            sip_call_id,
        )
        return {outcome for (outcome,) in rows}

    def last_entry(self) -> int:
        """The newest ledger entry's id, to see later what came after it."""
        return int(self.platform.sql("select coalesce(max(id), 0) from billing_entry")[0][0])

    def movements(self, since: int) -> dict[str, int]:
        """What calls have moved on each account after that entry, by the account's name."""
        rows = self.platform.sql(
            """
            select coalesce(c.name, b.name, a.kind || ' of ' || p.name), sum(e.amount_micro)::bigint
            from billing_entry e
            join billing_transfer t on t.id = e.transfer_id and t.kind = 'calls'
            join billing_account a on a.id = e.account_id
            join partners_partner p on p.id = a.partner_id
            left join customers_customer c on c.id = a.customer_id
            left join partners_partner b on b.id = a.buyer_partner_id
            where e.id > %s group by 1 having sum(e.amount_micro) <> 0
            """,
            since,
        )
        return {str(name): int(amount) for name, amount in rows}

    def money(self, name: str) -> Money:
        """A buyer's account now."""
        with self.open(), tenant(system_actor()):
            account = self._account(name)
            return Money(
                account.balance_micro, account.reserved_micro, account.unposted_micro, account.credit_limit_micro
            )

    def faults(self) -> list[str]:
        """What must never be: a sum that is not zero, a hold without a call, a cached balance that is wrong."""
        return [f"{what}: {rows}" for what, query in UNTRUTHS.items() if (rows := self.platform.sql(query))]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Django's connection goes to the platform's database inside."""
        with self.blocker.unblock():
            database = self.platform.config.database("owner")
            before = {key: connection.settings_dict[key] for key in ("HOST", "PORT", "NAME", "USER", "PASSWORD")}
            reconnect(
                HOST=database.host,
                PORT=database.port,
                NAME=database.name,
                USER=database.user,
                PASSWORD=database.password,
            )
            try:
                yield
            finally:
                reconnect(**before)


def _forwarding(rules: dict[str, str]) -> dict[str, Any]:
    """A user's settings for a flow's words."""
    wanted: dict[str, Any] = {"no_answer_s": int(rules.get("no_answer_s", 20))}
    for condition in ForwardingCondition:
        wanted[f"forwards_{condition}"] = condition in rules
        wanted[f"forward_{condition}_to"] = str(rules.get(condition, ""))
    return wanted


def _buyers() -> list[tuple[str, str, str, str]]:
    """Name, seller, balance and credit limit of everybody who buys."""
    sellers = {brand.name: brand.partner for brand in CAST.brands}
    partners = [(seller.name, seller.parent, seller.balance, "0") for seller in CAST.sellers if seller.parent]
    return [*partners, *((b.name, sellers[b.brand], b.balance, b.credit_limit) for b in CAST.buyers)]


@pytest.fixture(scope="module")
def books(platform: Platform, django_db_blocker: Any) -> Iterator[Books]:
    """The platform's books, for one module's tests; afterwards the demo world is as it was."""
    made = Books(platform, django_db_blocker)
    yield made
    made.restore()
