"""Re-rating: calls of the past charged again by other prices. First worked out and looked at, then applied.

A run is a row (`billing.Rerating`) with a line for each charge that would differ. A job works it out; when a person has
confirmed it, another applies it (`usecases.apply_rerating`). Undoing a run is a run of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput, NotPermitted
from carillon.base.jobs import ACTIVE, JobData, Progress, open_job, start_job
from carillon.base.models import Job
from carillon.base.places import Faults
from carillon.base.rows import locked, named_or_none
from carillon.base.tenancy import tenant
from carillon.business.billing.choices import ReratedState, ReratingState
from carillon.business.billing.models import ReratedCharge, Rerating
from carillon.business.calls.choices import Outcome
from carillon.business.calls.models import Cdr
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Partner
from carillon.business.pricing.choices import VersionState
from carillon.business.pricing.models import PriceList, PriceListVersion
from carillon.business.pricing.queries import permit
from carillon.logic.rerating import MARK, Charged, Price, price_from, replaced_part
from carillon.usecases.past_prices import PastPrices

T = TypeVar("T")
LONGEST = timedelta(days=366)
CHUNK = 1_000
SHOWN = 50  # of each group, those with the largest difference
JOB = "rerate"  # the kind of job
WORK_OUT, APPLY = "work_out", "apply"  # what it does


@dataclass(frozen=True, slots=True, kw_only=True)
class ReratingData:
    """Which charges, by which prices, and why; see `billing.Rerating`.

    At least one of `customer_id`, `price_list_id`, `cost_list_id` (a carrier's) and `buyer_partner_id` (a sub-partner)
    is needed.
    """

    since: datetime
    until: datetime
    reason: str
    customer_id: int | None = None
    price_list_id: int | None = None
    cost_list_id: int | None = None
    buyer_partner_id: int | None = None
    version_id: int | None = None
    is_whole_chain: bool = False


# ---------------------------------------------------------------- what people ask for


@action("reratings.add")
def start_rerating(actor: Actor, data: ReratingData) -> Rerating:
    """Ask what calls of the past would cost; a job finds out, and nothing is changed.

    Raises:
        InvalidInput: no charges are named, an empty or too long time, or a version that is not approved or not of the
            list. NotPermitted: the actor may not read CDRs or that list.

    Cost: about eight queries and a job that goes once through the charges.
    """
    if not actor.may("cdrs.view"):
        raise NotPermitted(_("This needs the permission cdrs.view."))
    _check(data)
    field = "cost_list_id" if data.price_list_id is None else "price_list_id"
    price_list = named_or_none(PriceList.objects, actor, data.price_list_id or data.cost_list_id, field)
    run = Rerating(
        partner_id=actor.partner_id or 0,
        customer=named_or_none(Customer.objects, actor, data.customer_id, "customer_id"),
        price_list=price_list,
        buyer_partner=named_or_none(Partner.objects, actor, data.buyer_partner_id, "buyer_partner_id"),
        version=_version(actor, data, price_list),
        since=data.since,
        until=data.until,
        is_whole_chain=data.is_whole_chain,
        reason=data.reason.strip(),
        actor_name=actor.name[:200],
    )
    for one in (price_list, run.version.price_list if run.version else None):
        if one is not None:
            permit(actor, one, "view")
    return _started(actor, run, data.reason)


def _check(data: ReratingData) -> None:
    faults = Faults()
    is_named = any((data.customer_id, data.price_list_id, data.cost_list_id, data.buyer_partner_id))
    faults.unless(is_named, "customer_id", _("Say whose calls: a customer, a list or a sub-partner."))
    is_one = data.price_list_id is None or data.cost_list_id is None
    faults.unless(is_one, "cost_list_id", _("Either prices or costs."))
    faults.unless(data.since < data.until, "until", _("This is before the beginning."))
    faults.unless(data.until - data.since <= LONGEST, "until", _("At most a year at once."))
    faults.unless(bool(data.reason.strip()), "reason", _("Say why the calls are charged again."))
    faults.stop()


def _version(actor: Actor, data: ReratingData, price_list: PriceList | None) -> PriceListVersion | None:
    version = named_or_none(PriceListVersion.objects, actor, data.version_id, "version_id")
    if version is None:
        return None
    if version.state != VersionState.APPROVED:
        raise InvalidInput(fields={"version_id": _("Only an approved version charges calls; try a draft by What if.")})
    if price_list is not None and version.price_list.purpose != price_list.purpose:
        raise InvalidInput(fields={"version_id": _("Prices and costs can't stand for each other.")})
    found: PriceListVersion = version
    return found


def _started(actor: Actor, run: Rerating, reason: str) -> Rerating:
    with audited(actor, run, "create", reason=reason):
        run.save(force_insert=True)
    run.job_id = _begin(actor, run, WORK_OUT).pk
    run.save(update_fields=["job_id"])
    return run


def _begin(actor: Actor, run: Rerating, step: str) -> Job:
    name = _("Re-rating %(number)s") % {"number": run.pk}
    data = JobData(kind=JOB, panel="reratings", name=name, object_id=str(run.pk), options={"step": step})
    return start_job(actor, open_job(actor, data, [f"{step} {run.pk}".encode()]))


@action("reratings.apply")
def apply_rerating(actor: Actor, run: Rerating) -> Rerating:
    """Let a job apply what was worked out; asked twice, it happens once.

    Raises:
        Conflict: there is nothing to apply, or it is being applied.
    """
    run = locked(Rerating.objects, actor, run.pk)
    is_waiting = run.state == ReratingState.READY or (run.state == ReratingState.APPLYING and not _is_worked_on(run))
    if not is_waiting or not _open_charges(run).exists():
        raise Conflict(_("There is nothing to apply."))
    with audited(actor, run, "apply"):
        run.state = ReratingState.APPLYING
        run.job_id = _begin(actor, run, APPLY).pk
        run.save(update_fields=["state", "job_id"])
    return run


@action("reratings.undo")
def undo_rerating(actor: Actor, run: Rerating) -> Rerating:
    """Ask for a run that puts back what this one has changed; it is confirmed like any other.

    Raises:
        Conflict: it has changed nothing, it is being applied, or there is such a run already.
    """
    run = locked(Rerating.objects, actor, run.pk)
    if _is_worked_on(run) or not run.applied:
        raise Conflict(_("Nothing of this can be taken back."))
    if Rerating.objects.filter(undoes=run).exists():
        raise Conflict(_("This is taken back already."))
    counter = Rerating(
        partner_id=run.partner_id,
        undoes=run,
        customer_id=run.customer_id,
        price_list_id=run.price_list_id,
        buyer_partner_id=run.buyer_partner_id,
        since=run.since,
        until=run.until,
        reason=run.reason,
        actor_name=actor.name[:200],
    )
    return _started(actor, counter, "")


@action("reratings.delete")
def remove_rerating(actor: Actor, run: Rerating) -> None:
    """Forget a run that has changed nothing.

    Raises:
        Conflict: it has, or a job is at work on it.
    """
    run = locked(Rerating.objects, actor, run.pk)
    if run.applied or _is_worked_on(run):
        raise Conflict(_("What has changed charges stays: it is their history."))
    with audited(actor, run, "remove"):
        run.delete()


def _is_worked_on(run: Rerating) -> bool:
    return run.job_id is not None and Job.objects.filter(pk=run.job_id, state__in=ACTIVE).exists()


def _open_charges(run: Rerating) -> QuerySet[ReratedCharge]:
    return ReratedCharge.objects.filter(rerating=run, state=ReratedState.DIFFERENT)


# ---------------------------------------------------------------- working it out


@dataclass(slots=True)
class Sums:
    """What some charges are and would be, in one currency; micro-units."""

    calls: int = 0
    different: int = 0
    was_micro: int = 0
    amount_micro: int = 0

    def add(self, was_micro: int, amount_micro: int) -> None:
        """Count one charge."""
        self.calls += 1
        self.different += was_micro != amount_micro
        self.was_micro += was_micro
        self.amount_micro += amount_micro

    def document(self) -> dict[str, int]:
        """As the run keeps it."""
        names = ("calls", "different", "was_micro", "amount_micro")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class Tally:
    """The run's sums: by currency and by (group, name, currency)."""

    totals: dict[str, Sums] = field(default_factory=dict)
    groups: dict[tuple[str, str, str], Sums] = field(default_factory=dict)
    calls: int = 0
    unpriced: int = 0
    invoiced: int = 0

    def add(self, line: ReratedCharge) -> None:
        """Count one charge. Tiers are told apart by who sells and who pays a carrier."""
        self.totals.setdefault(line.currency, Sums()).add(line.was_micro, line.amount_micro)
        tier = f"cost:{line.buyer}" if line.is_carrier_cost else f"{line.tier}:{line.seller}"
        for group, name in (("buyer", line.buyer), ("destination", line.destination), ("tier", tier)):
            self.groups.setdefault((group, name, line.currency), Sums()).add(line.was_micro, line.amount_micro)

    def largest(self, group: str) -> list[dict[str, Any]]:
        """The group's lines with the largest difference."""
        lines = [(key[1], key[2], sums) for key, sums in self.groups.items() if key[0] == group]
        lines.sort(key=lambda line: (-abs(line[2].amount_micro - line[2].was_micro), line[0]))
        return [{"name": name, "currency": currency, **sums.document()} for name, currency, sums in lines[:SHOWN]]


def work_out_rerating(actor: Actor, run_id: int, progress: Progress) -> None:
    """Write down what a run would change. Begun anew when a worker has died with it.

    Raises:
        Stopped: the person has cancelled it.

    Cost: the rates of every version used in memory, one pass over the charges in one transaction.
    """
    with tenant(actor):
        run = locked(Rerating.objects, actor, run_id)
        if run.state != ReratingState.WAITING:
            return
        run.charges.all().delete()
        tally = Tally()
        progress.beat(0, {"total": _count(actor, run)}, is_now=True)
        lines = _lines_of_undoing(run, tally) if run.undoes_id else _lines(actor, run, tally)
        for some in _batches(_beating(lines, tally, progress)):
            ReratedCharge.objects.bulk_create(some)
        _write(run, tally)


def _lines(actor: Actor, run: Rerating, tally: Tally) -> Iterator[ReratedCharge]:
    names = dict(Partner.objects.visible_to(actor).values_list("pk", "name"))
    prices = PastPrices(actor, run.version)
    for some in _charges(actor, run):
        prices.look_at(some)
        for cdr, is_chosen in some:
            charged = charged_of(cdr)
            if charged.list_id is None:  # free by its kind: no list has a say
                continue
            price = prices.price(cdr, charged, is_chosen)
            old = replaced_part(charged, price) if price else None
            line = _line(run, cdr, names.get(cdr.partner_id, ""), old, price)
            tally.add(line)
            tally.calls += 1
            tally.unpriced += price is None
            if line.was_micro != line.amount_micro:
                tally.invoiced += line.state == ReratedState.INVOICED
                yield line


def _count(actor: Actor, run: Rerating) -> int:
    """About how many charges there are; of whole chains those that were chosen."""
    return run.undoes.applied if run.undoes else _chosen_charges(actor, run).count()


def _beating(lines: Iterable[ReratedCharge], tally: Tally, progress: Progress) -> Iterator[ReratedCharge]:
    for line in lines:
        progress.beat(tally.calls)
        yield line


def _charges(actor: Actor, run: Rerating) -> Iterator[list[tuple[Cdr, bool]]]:
    """The charges of a run, each with whether it was chosen itself: not only as a part of a chosen call.

    Those of a chain that was chosen as a whole come together.
    """
    rows = _chosen_charges(actor, run).order_by("started_at", "call_id", "pk")
    if not run.is_whole_chain:
        yield from _batches((cdr, True) for cdr in rows.iterator(chunk_size=CHUNK))
        return
    before: set[tuple[Any, int]] = set()
    for some in _batches(rows.values_list("call_id", "chain_no").iterator(chunk_size=CHUNK)):
        chains = set(some) - before
        of_chains = _charges_in_time(actor, run).filter(call_id__in={call_id for call_id, _chain in chains})
        is_chosen = Case(When(_chosen(run), then=True), default=False)
        marked = of_chains.annotate(is_chosen=is_chosen).order_by("call_id", "pk")
        yield [(cdr, cdr.is_chosen) for cdr in marked if (cdr.call_id, cdr.chain_no) in chains]
        before = set(some)


def _charges_in_time(actor: Actor, run: Rerating) -> QuerySet[Cdr]:
    """What the actor's part of the tree has sold, or paid carriers for, in a run's time."""
    answered = Cdr.objects.filter(partner_id__in=actor.scope, outcome=Outcome.ANSWERED)
    return answered.filter(started_at__gte=run.since, started_at__lt=run.until)


def _chosen_charges(actor: Actor, run: Rerating) -> QuerySet[Cdr]:
    return _charges_in_time(actor, run).filter(_chosen(run))


def _chosen(run: Rerating) -> Q:
    """What a run is asked to charge again: of a customer alone, what the customer itself pays."""
    wanted = Q()
    if run.price_list_id is not None:
        wanted &= Q(explanation__list_id=run.price_list_id)
    if run.buyer_partner_id is not None:
        wanted &= Q(buyer_partner_id=run.buyer_partner_id)
    if run.customer_id is None:
        return wanted
    paid = Q(tier=0, is_carrier_cost=False, customer_id=run.customer_id)
    if run.price_list_id is None and run.buyer_partner_id is None:
        return wanted & paid
    same = Cdr.objects.filter(paid, call_id=OuterRef("call_id"), chain_no=OuterRef("chain_no"))
    return wanted & Q(Exists(same))


def _lines_of_undoing(run: Rerating, tally: Tally) -> Iterator[ReratedCharge]:
    """What puts back what another run has changed; charges that a later one has changed again stay."""
    done = ReratedCharge.objects.filter(rerating=run.undoes, state=ReratedState.APPLIED).order_by("pk")
    for some in _batches(done.iterator(chunk_size=CHUNK)):
        cdrs = Cdr.objects.in_bulk([line.cdr_id for line in some])
        for line in some:
            cdr, price = cdrs[line.cdr_id], price_from(line.before)
            now = replaced_part(charged_of(cdr), price)
            again = _line(run, cdr, line.seller, now, price)
            if now.explanation.get(MARK, {}).get("run") != run.undoes_id:
                again.state = ReratedState.CHANGED
                run.changed += 1
            tally.calls += 1
            tally.invoiced += again.state == ReratedState.INVOICED
            tally.add(again)
            yield again


def _line(run: Rerating, cdr: Cdr, seller: str, old: Price | None, new: Price | None) -> ReratedCharge:
    """A charge beside what it would be; without a new price it stays as it is."""
    return ReratedCharge(
        partner_id=cdr.partner_id,
        rerating_id=run.pk,
        state=ReratedState.DIFFERENT if cdr.invoice_id is None else ReratedState.INVOICED,
        cdr_id=cdr.pk,
        call_id=cdr.call_id,
        started_at=cdr.started_at,
        tier=cdr.tier,
        is_carrier_cost=cdr.is_carrier_cost,
        seller=cdr.gateway_name if cdr.is_carrier_cost else seller,
        buyer=seller if cdr.is_carrier_cost else buyer_of(cdr),
        callee=cdr.callee,
        duration_ms=cdr.duration_ms,
        destination=new.destination if new else cdr.destination,
        currency=cdr.currency,
        was_micro=cdr.amount_micro,
        amount_micro=new.amount_micro if new else cdr.amount_micro,
        before=old.document() if old else {},
        after=new.document() if new else {},
    )


def _batches(lines: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(lines)
    while some := list(islice(rest, CHUNK)):
        yield some


def _write(run: Rerating, tally: Tally) -> None:
    run.calls, run.unpriced, run.invoiced = tally.calls, tally.unpriced, tally.invoiced
    run.different = sum(sums.different for sums in tally.totals.values())
    run.sums = [{"currency": currency, **sums.document()} for currency, sums in sorted(tally.totals.items())]
    run.groups = {group: tally.largest(group) for group in ("buyer", "destination", "tier")}
    run.state = ReratingState.READY
    run.save()


def fail_rerating(actor: Actor, run_id: int) -> None:
    """Say that a run has not been worked out, or let one whose application was stopped be applied further."""
    runs = Rerating.objects.visible_to(actor).filter(pk=run_id)
    runs.filter(state=ReratingState.WAITING).update(state=ReratingState.FAILED)
    runs.filter(state=ReratingState.APPLYING).update(state=ReratingState.READY)


def buyer_of(cdr: Cdr) -> str:
    """Return who pays: the customer or the sub-partner by name, "" for what carriers cost; no query."""
    return str(cdr.explanation.get("buyer") or cdr.customer_name)[:100]


def charged_of(cdr: Cdr) -> Charged:
    """Return a CDR's charge as `logic.rerating` speaks of it; no query."""
    answered = cdr.answered_at or cdr.started_at
    return Charged(
        chain=cdr.chain,
        is_carrier_cost=cdr.is_carrier_cost,
        caller=cdr.caller,
        callee=cdr.callee,
        seller_partner_id=cdr.partner_id,
        started_ms=round(cdr.started_at.timestamp() * 1000),
        answered_ms=round(answered.timestamp() * 1000),
        duration_ms=cdr.duration_ms,
        currency=cdr.currency,
        price=Price(cdr.amount_micro, cdr.billed_s, cdr.destination, {}),
        explanation=cdr.explanation,
    )
