"""The test call page: what would happen if somebody dialled a number, without calling anybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.sentences import retold, retold_all
from carillon.faces.portal.reasons import reasons
from carillon.logic.callflow.explanation import price_part, rate_part
from carillon.logic.callflow.values import LONGEST_S, Chain, TierCharge
from carillon.logic.rating import Charge
from carillon.logic.rating.words import bill_sentences
from carillon.panels.declaration import Field, Page
from carillon.usecases.try_call import PackageUse, TierPrice, Trial, TrialData, TriedTarget, try_call


def read_test_call(actor: Actor, data: TrialData) -> dict[str, Any]:
    """What would happen, as the actor may know it. About ten queries and one question to the call control."""
    trial = try_call(actor, data)
    decision = trial.decision
    return {
        "at": trial.at.isoformat(),
        "caller": {"account": trial.account, "customer": trial.endpoint.customer.name, **_user(trial)},
        "is_allowed": decision.refusal is None,
        "refusal": _refusal(trial),
        "direction": decision.direction.value,
        "dialled": decision.dialled,
        "callee": decision.callee,
        "shown_caller": decision.caller,
        "is_withheld": decision.is_withheld,
        "longest_s": decision.max_s,
        "duration_s": trial.duration_s,
        "ends_s": trial.ends_s,
        "compared_with": trial.version,
        "notes": [retold(note) for note in trial.notes],
        "targets": [_target(place, target) for place, target in enumerate(trial.targets, 1)],
        "prices": [
            _price(chain, price, trial.talked_s)
            for chain, prices in trial.prices
            for price in prices
            if price.minute is not None or decision.refusal is None  # what is refused is not "free"
        ],
        "packages": [_package(chain, use) for chain, uses in trial.packages for use in uses],
        "money_from_s": _money_from_s(trial),
        "holds": _holds(trial),
    }  # fmt: skip


def _refusal(trial: Trial) -> dict[str, Any] | None:
    refusal = trial.decision.refusal
    if refusal is None:
        return None
    return {"slug": refusal.slug, "text": retold(trial.refused_because), "sip_code": refusal.sip_code}


def _user(trial: Trial) -> dict[str, Any]:
    user = trial.endpoint.user
    return {"user": user.name if user else ""}


def _holds(trial: Trial) -> list[dict[str, Any]]:
    """What would be set aside of the customers' money that the actor may see."""
    seen = {
        price.charge.tier.account_id: price
        for _chain, prices in trial.prices
        for price in prices
        if price.charge.tier.position == 0
    }
    return [
        {
            "buyer": seen[hold.account_id].buyer,
            "amount_micro": hold.amount_micro,
            "currency": seen[hold.account_id].charge.tier.account_currency,
            "funded_s": hold.funded_s,
            "is_included": bool(hold.bundles),
        }
        for hold in trial.holds
        if hold.account_id in seen
    ]


def _money_from_s(trial: Trial) -> int | None:
    """From which second on the dialled call costs money; None: no package pays, or they pay for all of it."""
    paid_s = sum(use.seconds for use in trial.packages[0][1]) if trial.packages else 0
    return paid_s if 0 < paid_s < trial.talked_s else None


def _package(chain: Chain, use: PackageUse) -> dict[str, Any]:
    """What a package would give to the call, in seconds, in the order of use."""
    package = use.package
    return {
        "chain": chain.kind.value,
        "customer": chain.tiers[0].tier.buyer,
        "allowance_id": package.id,
        "name": package.name,
        "left_s": use.left_s,
        "seconds": use.seconds,
        "used_s": use.used_s,
        "initial_s": package.initial_s,
        "increment_s": package.increment_s,
        "covers_fee": package.covers_fee,
        "blocks": package.blocks,
    }


def _target(place: int, target: TriedTarget) -> dict[str, Any]:
    carrier = target.carrier
    return {
        "place": place,
        "name": target.name,
        "gateway_id": carrier.gateway_id if carrier else None,
        "number": target.number,
        "caller": target.caller,
        **rate_part(carrier.rate if carrier else None, carrier.tariff if carrier else None),
        **_minute(target.cost),
        "margin_micro": target.margin_micro,
    }


def _price(chain: Chain, price: TierPrice, duration_s: int) -> dict[str, Any]:
    charge = price.charge
    return {
        "chain": chain.kind.value,
        "seller": price.seller,
        "buyer": price.buyer,
        "is_cost": price.is_cost,
        "free_reason": retold(charge.free_reason),
        **rate_part(charge.rate, charge.tariff),
        **_minute(price.minute),
        "account_currency": charge.tier.account_currency,
        "available_micro": price.available_micro,
        "lasts_s": price.lasts_s,
        "included_s": price.paid.seconds,
        "call": _whole(price.whole, charge, duration_s),
        "compared": _whole(price.other, charge, duration_s),
    }


def _whole(found: Charge | None, charge: TierCharge, duration_s: int) -> dict[str, Any] | None:
    """What the call costs as long as it lasts, with its reasons as data and in words; None: free."""
    if found is None:
        return None
    currency, taxes = charge.tier.account_currency, charge.tier.taxes
    told = price_part(found.rate, found.tariff, found, currency, found.exchange_rate, taxes)
    return {
        "amount_micro": found.amount_micro,
        "tax_micro": found.tax_micro,
        "currency": found.currency,
        "explanation": retold_all(told),
        "why": reasons(told, duration_s * 1000),
    }


def _minute(charge: Charge | None) -> dict[str, Any]:
    return {
        "minute_micro": charge.amount_micro if charge else None,
        "currency": charge.currency if charge else None,
        "steps": [retold(step) for step in _steps(charge)] if charge else [],
    }


def _steps(charge: Charge) -> Iterator[str]:
    return bill_sentences(price_part(charge.rate, charge.tariff, charge, charge.currency, charge.exchange_rate))


TEST_CALL = Page(
    slug="test-call",
    title=_("Test call"),
    section="settings",
    read=read_test_call,
    template="portal/routing/test_call.html",
    icon="phone-outgoing",
    data=TrialData,
    fields=(
        Field("number", _("Number"), kind="code", max_length=64, help=_("As it is dialled.")),
        Field("customer_id", _("Customer"), lookup="customers", help=_("Calls with its first SIP endpoint.")),
        Field("user_id", _("or user"), lookup="users"),
        Field("endpoint_id", _("or SIP endpoint"), lookup="sip-endpoints"),
        Field("at", _("At"), help=_("Empty: now. A later time takes the prices that hold then.")),
        Field("duration_s", _("Seconds talked"), minimum=0, maximum=LONGEST_S),
        Field(
            "version_id",
            _("Compare with version"),
            lookup="price-list-versions",
            help=_("What its seller would charge by it, also by a draft."),
        ),
    ),
    help=_(
        "What would happen if somebody dialled a number: whether they may, which gateways are tried in which order and"
        " why others are not, and what a minute costs at each tier. The same code decides as for real calls, with the"
        " same data. Nobody is called and no money is set aside."
    ),
)  # fmt: skip

PAGES = (TEST_CALL,)
