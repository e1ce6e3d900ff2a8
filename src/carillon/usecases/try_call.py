"""A test call: what would happen if this device dialled that number, by the very code that decides live calls.

control is asked, which decides by the documents, prices and counts that it has in force. Nobody is called, nothing is
held. What comes back is cut to what the actor may know.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.base.rows import named, named_or_none
from carillon.business.billing.queries import accounts_of
from carillon.business.catalogue.queries import allowances_of
from carillon.business.customers.models import Customer, User
from carillon.business.endpoints.models import Endpoint
from carillon.business.endpoints.queries import domain_of, endpoints_of
from carillon.business.pricing.books import Book, book_of
from carillon.business.pricing.models import PriceListVersion
from carillon.business.pricing.queries import permit
from carillon.logic.callflow.allowance import Allowance
from carillon.logic.callflow.bundles import NOTHING, Bundled, at_hand, paid_by, promised
from carillon.logic.callflow.charging import charge_of, cost_of, used_by
from carillon.logic.callflow.diagnosis import Case, diagnose
from carillon.logic.callflow.feed import Tier
from carillon.logic.callflow.notes import attempt_label, notes_for
from carillon.logic.callflow.remaining import bundles_end_s, lasting, paid_at_most, unpaid
from carillon.logic.callflow.values import (
    LONGEST_S,
    CarrierCharge,
    Chain,
    ChainKind,
    Decision,
    HoldRequest,
    Outcome,
    Target,
    TierCharge,
)
from carillon.logic.documents import from_document
from carillon.logic.rating import Charge
from carillon.usecases.ask_control import ControlSilent, answer_of_control

MINUTE_MS = 60_000
TIMEOUT_S = 6  # control gives up after five


@dataclass(frozen=True, slots=True)
class TrialData:
    """Who calls (one of the three), what they dial, when (None: now), and how long they talk.

    A user calls with the first of their SIP accounts that is enabled, a customer with its first. `version_id`: what the
    sellers of that version's list would charge by it instead, drafts too.
    """

    number: str
    endpoint_id: int | None = None
    user_id: int | None = None
    customer_id: int | None = None
    at: datetime | None = None
    duration_s: int = 60
    version_id: int | None = None


@dataclass(frozen=True, slots=True)
class TierPrice:
    """What one tier charges for a minute and for the whole call, and for how long its buyer's money lasts (None: not
    the actor's to know). `other` is the whole call by the version that it is compared to; None: there is none.

    `paid` is what the buyer's packages pay of the whole call; `minute` is without them.
    """

    seller: str
    buyer: str
    is_cost: bool  # the actor pays it
    charge: TierCharge
    minute: Charge | None  # None: free of charge
    available_micro: int | None
    lasts_s: int | None  # -1: as long as anybody likes
    whole: Charge | None = None
    other: Charge | None = None
    paid: Bundled = NOTHING


@dataclass(frozen=True, slots=True)
class PackageUse:
    """What one package would give: of `left_s` that it has now the call talks `seconds` and uses up `used_s`."""

    package: Allowance
    left_s: int
    seconds: int
    used_s: int


@dataclass(frozen=True, slots=True)
class TriedTarget:
    """One of those that would be tried. `cost` and `margin_micro` are of a minute, as far as the actor may know."""

    name: str
    number: str
    caller: str
    carrier: CarrierCharge | None
    cost: Charge | None
    margin_micro: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What would happen, as the actor may know it.

    `packages` are those that may pay, by chain, in the order of use; `ends_s`: they alone may pay, and the call ends
    when they are used up (None: it goes on with money). `holds` are as they would be taken now.
    """

    endpoint: Endpoint
    account: str
    at: datetime
    duration_s: int
    version: str  # that it is compared to
    decision: Decision
    refused_because: str
    notes: tuple[str, ...]
    prices: tuple[tuple[Chain, tuple[TierPrice, ...]], ...]
    targets: tuple[TriedTarget, ...]
    packages: tuple[tuple[Chain, tuple[PackageUse, ...]], ...]
    ends_s: int | None
    holds: tuple[HoldRequest, ...]

    @property
    def talked_s(self) -> int:
        """How long they talk: as long as they want to, unless packages end the call before."""
        return self.duration_s if self.ends_s is None else min(self.duration_s, self.ends_s)


def try_call(actor: Actor, data: TrialData) -> Trial:
    """Return what would happen with the call.

    Raises:
        InvalidInput: nobody calls, or somebody without a SIP account.
        ControlSilent
    """
    endpoint = caller_of(actor, data)
    account = f"{endpoint.username}@{domain_of(endpoint.web_product_id)}"
    at = data.at or timezone.now()
    version = _version(actor, data)
    decision = _decided(account, data.number, at)
    left = _left(actor, decision)
    decision = unpaid(_without_unseen(decision, left), left.money, left.seconds)
    ends_s = None if decision.refusal else bundles_end_s(decision, left.seconds)
    talked_s = data.duration_s if ends_s is None else min(data.duration_s, ends_s)
    book = book_of(version) if version else None
    when = _When(int(at.timestamp() * 1000), talked_s * 1000, version, book)
    chains = decision.chains
    return Trial(
        endpoint,
        account,
        at,
        data.duration_s,
        str(version or ""),
        decision,
        _because(decision),
        tuple(notes_for(decision, actor.scope)),
        tuple((chain, tuple(_prices(actor, decision, chain, left, when))) for chain in chains),
        tuple(_target(actor, decision, place, target, when) for place, target in enumerate(decision.targets)),
        tuple((chain, tuple(_packages(chain, left, when))) for chain in chains),
        ends_s,
        tuple(promised(hold, chains[hold.chain], left.seconds) for hold in decision.holds),
    )


@dataclass(frozen=True, slots=True)
class _Left:
    """What can be spent of the accounts that the actor sees, micro-units by id, and packages' seconds by theirs."""

    money: Mapping[int, int]
    seconds: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class _When:
    """What a call is priced for: answered at `at_ms` (Unix epoch), `duration_ms` long, compared to a version."""

    at_ms: int
    duration_ms: int
    version: PriceListVersion | None
    book: Book | None


def _version(actor: Actor, data: TrialData) -> PriceListVersion | None:
    if not 0 <= data.duration_s <= LONGEST_S:
        raise InvalidInput(fields={"duration_s": _("From 0 to %(most)s seconds.") % {"most": LONGEST_S}})
    version = named_or_none(PriceListVersion.objects, actor, data.version_id, "version_id")
    if version is not None:
        permit(actor, version.price_list, "view")
    return version


def caller_of(actor: Actor, data: TrialData) -> Endpoint:
    """Return the SIP endpoint that calls; one or two queries. Raises InvalidInput when nobody can."""
    rows = endpoints_of(actor).order_by("pk")
    if data.endpoint_id is not None:
        found = rows.filter(pk=data.endpoint_id).first()
        if found is None:
            raise InvalidInput(fields={"endpoint_id": _("There is no such SIP endpoint.")})
        return found
    if data.user_id is not None:
        user = named(User.objects, actor, data.user_id, "user_id")
        field, name, found = "user_id", user.name, rows.filter(user_id=user.pk, is_enabled=True).first()
    elif data.customer_id is not None:
        customer = named(Customer.objects, actor, data.customer_id, "customer_id")
        field, name, found = "customer_id", customer.name, rows.filter(customer_id=customer.pk, is_enabled=True).first()
    else:
        raise InvalidInput(fields={"endpoint_id": _("Say who calls: a SIP endpoint, a user or a customer.")})
    if found is None:
        raise InvalidInput(fields={field: _("%(name)s has no enabled SIP endpoint to call with.") % {"name": name}})
    return found


def _decided(account: str, number: str, at: datetime) -> Decision:
    at_ms = str(max(int(at.timestamp() * 1000), 0))
    status, body = answer_of_control(settings.CONFIG, "GET", "decisions", account, number, at_ms, timeout_s=TIMEOUT_S)
    if status != http.client.OK:
        raise ControlSilent(str(body.get("detail") or ""))
    return from_document(Decision, body["decision"])


# ---------------------------------------------------------------- money


def _left(actor: Actor, decision: Decision) -> _Left:
    """Two queries, one when no package may pay."""
    ids = {charge.tier.account_id for chain in decision.chains for charge in chain.tiers}
    accounts = accounts_of(actor).filter(pk__in=ids)
    fitting = {allowance.id for chain in decision.chains for allowance in chain.allowances}
    packages = allowances_of(actor).filter(pk__in=fitting) if fitting else ()
    seconds = {row.pk: max(row.granted - row.used - row.reserved, 0) for row in packages}
    return _Left({row.pk: row.available_micro for row in accounts}, seconds)


def _packages(chain: Chain, left: _Left, when: _When) -> Iterator[PackageUse]:
    used = {use.allowance_id: use for use in used_by(chain, at_hand(chain, left.seconds), when.duration_ms)}
    for allowance in chain.allowances:
        use = used.get(allowance.id)
        seconds, used_s = (use.seconds, use.used_s) if use else (0, 0)
        yield PackageUse(allowance, left.seconds[allowance.id], seconds, used_s)


def _without_unseen(decision: Decision, left: _Left) -> Decision:
    """The decision without packages of customers whom the actor does not see: of a forwarder of another partner's."""
    chains = [
        replace(chain, allowances=tuple(each for each in chain.allowances if each.id in left.seconds))
        for chain in decision.chains
    ]
    return replace(decision, chains=tuple(chains))


def _because(decision: Decision) -> str:
    return why_refused(decision.refusal.slug, decision.callee or decision.dialled) if decision.refusal else ""


def why_refused(slug: str, number: str) -> str:
    """Return in plain words why a call to the number is refused."""
    return " ".join(found.text for found in diagnose(Case(Outcome.REFUSED, number, refusal=slug)))


def _prices(actor: Actor, decision: Decision, chain: Chain, left: _Left, when: _When) -> Iterator[TierPrice]:
    """The sales that the actor makes, or buys by; those above are its supplier's business."""
    used = used_by(chain, at_hand(chain, left.seconds), when.duration_ms)
    for charge in chain.tiers:
        tier = charge.tier
        sells = tier.seller_partner_id in actor.scope
        if not sells and tier.buyer_partner_id not in actor.scope:
            continue
        paid = NOTHING if tier.position else paid_by(used)
        available = left.money.get(tier.account_id)
        yield TierPrice(
            tier.seller,
            tier.buyer,
            not sells,
            charge,
            _minute(charge, when),
            available,
            None if available is None else _lasting(decision, chain, charge, available, left, when),
            charge_of(charge, when.duration_ms, when.at_ms, paid),
            _other(charge, chain, chain.callee or decision.callee, when, paid),
            paid,
        )


def _lasting(decision: Decision, chain: Chain, charge: TierCharge, available: int, left: _Left, when: _When) -> int:
    most_s = lasting(charge, available, decision.max_s, when.at_ms, paid_at_most(chain, charge, left.seconds))
    end_s = bundles_end_s(decision, left.seconds)
    return most_s if end_s is None else min(most_s, end_s)


def _minute(charge: TierCharge, when: _When) -> Charge | None:
    return charge_of(charge, MINUTE_MS, when.at_ms)


def _other(charge: TierCharge, chain: Chain, number: str, when: _When, paid: Bundled) -> Charge | None:
    """The call by the version that it is compared to, at the tier that sells by it; only calls that are placed."""
    tier, version, book = charge.tier, when.version, when.book
    if version is None or book is None or charge.tariff is None or chain.kind is ChainKind.TERMINATING:
        return None
    is_convertible = book.tariff.currency in (tier.account_currency, charge.tariff.currency)
    rate = book.rates.longest(number)
    if tier.seller_partner_id != version.partner_id or rate is None or not is_convertible:
        return None
    exchange_rate = None if book.tariff.currency == tier.account_currency else charge.exchange_rate
    other = replace(charge, tariff=book.tariff, rate=rate, exchange_rate=exchange_rate)
    return charge_of(other, when.duration_ms, when.at_ms, paid)


# ---------------------------------------------------------------- targets


def _target(actor: Actor, decision: Decision, place: int, target: Target, when: _When) -> TriedTarget:
    own = target.carrier if target.carrier and target.carrier.owner_partner_id in actor.scope else None
    real = target.carrier.gateway if target.carrier else ", ".join(target.contacts) or decision.callee
    name = attempt_label(decision, place, real, actor.scope)
    is_shown = own is not None or name == real
    cost = cost_of(own, MINUTE_MS, when.at_ms) if own else None
    sold_by = decision.chains[target.chain : target.chain + 1]
    margin = _margin(actor, [(c.tier, _minute(c, when)) for chain in sold_by for c in chain.tiers], own, cost)
    return TriedTarget(name, target.number if is_shown else "", target.caller if is_shown else "", own, cost, margin)


def _margin(
    actor: Actor, sales: Sequence[tuple[Tier, Charge | None]], own: CarrierCharge | None, cost: Charge | None
) -> int | None:
    """What is left of a minute to the carrier's owner, or to the actor's partner, who buys the call."""
    seller = own.owner_partner_id if own else actor.partner_id
    income = next((minute for tier, minute in sales if tier.seller_partner_id == seller), None)
    paid = cost if own else next((minute for tier, minute in sales if tier.buyer_partner_id == seller), None)
    if income is None or paid is None or income.currency != paid.currency:
        return None
    return income.amount_micro - paid.amount_micro
