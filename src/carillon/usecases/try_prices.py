"""What-if: calls that a price list has charged, charged again by a version of it with the rating of live calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.utils import timezone

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.calls.choices import Outcome
from carillon.business.calls.models import Cdr
from carillon.business.pricing.books import Book, book_of
from carillon.business.pricing.choices import Purpose, TrialState
from carillon.business.pricing.models import PriceTrial
from carillon.logic.rerating import charge_again
from carillon.usecases.rerate_calls import buyer_of, charged_of

MOST_CALLS = 500_000
CHUNK = 2_000
SHOWN = 50  # destinations with the largest difference
MINUTE_MS = 60_000


@dataclass(slots=True)
class Sums:
    """What a group of calls is charged now and would be charged, and what the seller pays for them; micro-units."""

    name: str = ""
    calls: int = 0
    duration_ms: int = 0
    now_micro: int = 0
    then_micro: int = 0
    cost_micro: int = 0

    def add(self, cdr: Cdr, then_micro: int, cost_micro: int) -> None:
        """Count one call."""
        self.calls += 1
        self.duration_ms += cdr.duration_ms
        self.now_micro += cdr.amount_micro
        self.then_micro += then_micro
        self.cost_micro += cost_micro

    def document(self) -> dict[str, Any]:
        """As the trial keeps it."""
        names = ("name", "calls", "now_micro", "then_micro", "cost_micro")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class Tally:
    """The trial's sums, over all, by destination and by who pays."""

    total: Sums = field(default_factory=Sums)
    by_name: dict[str, Sums] = field(default_factory=dict)
    by_payer: dict[str, Sums] = field(default_factory=dict)
    unpriced: int = 0
    left_out: int = 0


@action("cdrs.settle")
def try_prices(actor: Actor, trial_id: int) -> bool:
    """Work a what-if out; tell whether it was still waited for.

    Only the newest 500,000 calls are looked at. A call in another currency than the list's is left out, one without a
    rate counts with no charge. Cost: the version's rates in memory (50 MB a million), one pass over the calls.
    """
    trials = PriceTrial.objects.visible_to(actor).select_for_update(of=("self",), skip_locked=True)
    trial = trials.select_related("version__price_list").filter(pk=trial_id, state=TrialState.WAITING).first()
    if trial is None:
        return False
    book = book_of(trial.version)
    cdrs, tally = _charged_by(trial), Tally()
    for cdr in islice(cdrs, MOST_CALLS):
        _count(tally, cdr, book)
    trial.is_cut = next(cdrs, None) is not None
    _write(trial, tally)
    return True


def fail_trial(actor: Actor, trial_id: int) -> None:
    """Say that a what-if could not be worked out."""
    trials = PriceTrial.objects.visible_to(actor).filter(pk=trial_id, state=TrialState.WAITING)
    trials.update(state=TrialState.FAILED, finished_at=timezone.now())


def _charged_by(trial: PriceTrial) -> Iterator[Cdr]:
    """The answered calls of those days that the version's list has charged, newest first."""
    is_cost = trial.version.price_list.purpose == Purpose.COST
    rows = Cdr.objects.filter(
        partner_id=trial.partner_id,
        started_at__range=(trial.since, trial.until),
        is_carrier_cost=is_cost,
        outcome=Outcome.ANSWERED,
        explanation__list_id=trial.version.price_list_id,
    )
    return iter(rows.order_by("-started_at").iterator(chunk_size=CHUNK))


def _count(tally: Tally, cdr: Cdr, book: Book) -> None:
    if cdr.currency != book.tariff.currency:
        tally.left_out += 1
        return
    charged = charged_of(cdr)
    rate = book.rates.longest(charged.number)
    then_micro = charge_again(charged, rate, book.tariff, _same_currency).amount_micro if rate else 0
    tally.unpriced += rate is None
    margin = cdr.explanation.get("margin") or {}
    is_known = margin.get("cost_currency") == cdr.currency
    cost_micro = int(margin.get("cost_micro") or 0) if is_known else 0
    tally.total.add(cdr, then_micro, cost_micro)
    destination, payer = rate.name if rate else cdr.destination, buyer_of(cdr)
    tally.by_name.setdefault(destination, Sums(destination)).add(cdr, then_micro, cost_micro)
    tally.by_payer.setdefault(payer, Sums(payer)).add(cdr, then_micro, cost_micro)


def _same_currency(_partner_id: int, _source: str, _target: str, _at_ms: int) -> None:
    """Calls in other currencies are left out."""


def _write(trial: PriceTrial, tally: Tally) -> None:
    total = tally.total
    trial.calls, trial.minutes = total.calls, total.duration_ms // MINUTE_MS
    trial.now_micro, trial.then_micro, trial.cost_micro = total.now_micro, total.then_micro, total.cost_micro
    trial.unpriced, trial.left_out = tally.unpriced, tally.left_out
    trial.destinations, trial.customers = _largest(tally.by_name), _largest(tally.by_payer)
    trial.state, trial.finished_at = TrialState.DONE, timezone.now()
    trial.save()


def _largest(groups: Mapping[str, Sums]) -> list[dict[str, Any]]:
    largest = sorted(groups.values(), key=lambda sums: -abs(sums.then_micro - sums.now_micro))
    return [sums.document() for sums in largest[:SHOWN]]
