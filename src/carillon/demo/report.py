"""What `./carillon demo call` prints about a call, read through the contexts' own queries."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TextIO
from uuid import UUID

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.billing.actions import TopUpData, top_up_customer
from carillon.business.billing.models import Account, UnpostedCharge
from carillon.business.billing.queries import accounts_of, ledger_sums
from carillon.business.calls.choices import CallState
from carillon.business.calls.models import Call, Cdr
from carillon.business.calls.queries import trace_of
from carillon.business.customers.models import Customer
from carillon.business.endpoints.actions import reveal_secret
from carillon.business.endpoints.models import Endpoint
from carillon.business.partners.queries import system_actor
from carillon.demo.cast.load import actor_of
from carillon.demo.ladder import Arrow, draw
from carillon.demo.world import CAST
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.values import Decision
from carillon.logic.documents import from_document
from carillon.logic.money import format_amount

RATED_WITHIN_S = 20.0
POSTED_WITHIN_S = 30.0
PENNY_MICRO = 10_000  # what a second to Germany costs the cast's business customers


class Report:
    """Prints to `out`; looks at the database as the platform itself, but reveals secrets as their partner's staff."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def say(self, line: str = "") -> None:
        self._out.write(line + "\n")
        self._out.flush()

    def heading(self, text: str) -> None:
        self.say(f"\n{text}\n{'=' * len(text)}")

    # ------------------------------------------------------------ before a call

    def secret(self, username: str) -> str:
        """The SIP secret of a phone of the cast, revealed (and so witnessed) by its partner's administrator."""
        with tenant(_seller_of(username)) as actor:
            endpoint = Endpoint.objects.visible_to(actor).get(username=username)
            return reveal_secret(actor, endpoint)

    def fund_until_cut(self, name: str, chunk_s: int) -> int:
        """Top a customer up so that its money lasts for the first second and one chunk; returns how long it lasts.

        That is longer when it has more already, from calls of other days.
        """
        with tenant(system_actor()) as system:
            customer = Customer.objects.visible_to(system).get(name=name)
            account = accounts_of(system).get(customer=customer)
            available = _available(account)
            short = (1 + chunk_s) * PENNY_MICRO - available
            missing = max(-(-short // PENNY_MICRO), 0) * PENNY_MICRO  # in whole coins
        if missing > 0:
            with tenant(actor_of(_partner_of(name))) as actor:
                data = TopUpData(
                    amount_micro=missing, idempotency_key=f"demo-call:{time.time_ns()}", reference="Demo call"
                )
                top_up_customer(actor, customer, data)
        return (available + missing) // PENNY_MICRO

    def balances(self) -> dict[str, tuple[int, str]]:
        """What every buyer has, by name: micro-units and currency."""
        with tenant(system_actor()) as actor:
            rows = accounts_of(actor).select_related("partner")
            return {_holder(account): (_available(account), account.currency) for account in rows}

    # ------------------------------------------------------------ after a call

    def call(
        self,
        sip_call_id: str,
        names: Mapping[str, str],
        heard: list[str],
        before: Mapping[str, tuple[int, str]],
    ) -> list[str]:
        """Print a call; returns what is amiss."""
        for line in heard:
            self.say(f"  {line}")
        call = _rated(sip_call_id)
        if call is None:
            return ["The call was not written down and rated within 20 seconds."]
        self._ladder(call.pk, names)
        self._decision(call)
        faults = self._cdrs(call.pk)
        if not _is_posted():
            faults.append("The charges were not posted within 30 seconds.")
        self._balances(before)
        return faults

    def verdict(self, faults: list[str]) -> int:
        """Print the ledger's sums and the verdict; returns the exit code."""
        with tenant(system_actor()) as actor:
            sums = ledger_sums(actor)
        self.heading("Ledger")
        for currency, total in sums.items():
            self.say(f"  All entries in {currency} sum to {total}.")
        faults += [f"The ledger's entries in {currency} sum to {total}." for currency, total in sums.items() if total]
        for fault in faults:
            self.say(f"  WRONG: {fault}")
        self.say("\nEverything was as promised." if not faults else f"\n{len(faults)} things were not as promised.")
        return 1 if faults else 0

    def _ladder(self, call_id: UUID, names: Mapping[str, str]) -> None:
        with tenant(system_actor()) as actor:
            trace = trace_of(actor, call_id)
        self.say("\n  On the wire")
        arrows = [Arrow(m.at_us, m.source, m.target, m.first_line) for m in trace.messages] if trace else []
        for line in draw(arrows, names):
            self.say(f"  {line}")

    def _decision(self, call: Call) -> None:
        self.say("\n  Decision")
        with tenant(system_actor()) as actor:
            notes = notes_for(from_document(Decision, call.decision), actor.scope)
        for note in notes:
            self.say(f"    {note}")

    def _cdrs(self, call_id: UUID) -> list[str]:
        with tenant(system_actor()) as actor:
            rows = list(
                Cdr.objects.visible_to(actor)
                .filter(call_id=call_id)
                .select_related("partner", "buyer_partner")
                .order_by("chain", "tier", "is_carrier_cost")
            )
        self.say("\n  CDRs")
        for row in rows:
            buyer = row.customer_name or (row.buyer_partner.name if row.buyer_partner else "")
            parties = f"{row.gateway_name} costs {row.partner}" if row.is_carrier_cost else f"{row.partner} to {buyer}"
            price = format_amount(row.amount_micro, row.currency)
            self.say(
                f"    {row.chain:<11} tier {row.tier}  {parties:<42} {row.duration_ms / 1000:6.1f} s,"
                f" {row.billed_s:>3} s charged  {price:>14}  {row.outcome}"
            )
        keys = [(row.chain, row.tier, row.is_carrier_cost) for row in rows]
        return [] if rows and len(keys) == len(set(keys)) else ["There is not exactly one CDR per chain and tier."]

    def _balances(self, before: Mapping[str, tuple[int, str]]) -> None:
        after = self.balances()
        changed = {name: old for name, old in before.items() if after[name] != old}
        if not changed:
            self.say("\n  Nobody's money has changed.")
            return
        self.say("\n  Can spend                    before           after")
        for name, (old, currency) in changed.items():
            new = after[name][0]
            was, now, moved = (format_amount(amount, currency) for amount in (old, new, new - old))
            self.say(f"    {name:<20} {was:>15} {now:>15}   {moved}")


def _partner_of(customer: str) -> str:
    brands = {brand.name: brand.partner for brand in CAST.brands}
    return next(brands[buyer.brand] for buyer in CAST.buyers if buyer.name == customer)


def _seller_of(username: str) -> Actor:
    buyer = next(b for b in CAST.buyers if any(phone.username == username for phone in b.phones))
    return actor_of(_partner_of(buyer.name))


def _available(account: Account) -> int:
    spent = account.reserved_micro + account.unposted_micro
    return account.balance_micro + account.credit_limit_micro - spent


def _holder(account: Account) -> str:
    return str(account.customer or account.buyer_partner)


def _rated(sip_call_id: str) -> Call | None:
    """The call once the worker has rated it and control has written its trace; as it is after 20 seconds."""
    deadline = time.monotonic() + RATED_WITHIN_S
    while True:
        with tenant(system_actor()) as actor:
            call = Call.objects.visible_to(actor).filter(sip_call_id=sip_call_id).first()
            is_done = call is not None and call.state == CallState.RATED and trace_of(actor, call.pk) is not None
        if is_done:
            return call
        if time.monotonic() > deadline:
            return call if call is not None and call.state == CallState.RATED else None
        time.sleep(0.1)


def _is_posted() -> bool:
    """Wait until the worker has posted everything that was rated."""
    deadline = time.monotonic() + POSTED_WITHIN_S
    while time.monotonic() < deadline:
        with tenant(system_actor()) as actor:
            if not UnpostedCharge.objects.visible_to(actor).exists():
                return True
        time.sleep(0.1)
    return False
