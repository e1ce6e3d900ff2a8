"""A carrier's CDR file against the calls that we sent there and what they should cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import InvalidInput
from carillon.base.rows import locked
from carillon.business.calls.choices import Outcome
from carillon.business.calls.models import Call, Cdr
from carillon.business.routing.cdrfile import MOST_CALLS, read_calls
from carillon.business.routing.choices import StartMeans
from carillon.business.routing.models import CdrProvider, ReconciledCall, Reconciliation
from carillon.logic.reconciliation import Compared, Record, Tolerance, Verdict, compared

BATCH = 5_000
LONGEST = timedelta(days=62)


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrFile:
    """A file of a provider. `since`, `until`: compare our calls of this time; None: from its first call to its last."""

    content: bytes
    name: str
    since: datetime | None = None
    until: datetime | None = None


@action("cdr_providers.reconcile")
def reconcile_cdrs(actor: Actor, provider: CdrProvider, file: CdrFile) -> Reconciliation:
    """Compare a file with our calls; all of it is kept, or nothing.

    Only answered calls count, and of ours those that the provider's gateways charge for, with our own reckoning.

    Raises:
        InvalidInput: what `read_calls` raises; a time that ends before it begins, or longer than 62 days.

    Cost: two queries over our calls of that time, an insert per 5000 calls; 200,000 calls take about 20 seconds.
    """
    provider = locked(CdrProvider.objects, actor, provider.pk)
    theirs = read_calls(file.content, provider)
    since, until = _span(file, theirs)
    ours = _our_calls(provider, since, until)
    tolerance = Tolerance(
        provider.start_tolerance_s * 1000, provider.duration_tolerance_s * 1000, provider.price_tolerance_micro
    )
    found = list(compared(theirs, ours, tolerance))
    done = Reconciliation(
        partner_id=provider.partner_id,
        provider=provider,
        file_name=file.name[:100],
        since=since,
        until=until,
        currency=provider.currency,
        **_sums(found),
    )
    with audited(actor, done, "create"):
        done.save(force_insert=True)
    lines = (_line(done, one) for one in found)
    ReconciledCall.objects.bulk_create(lines, batch_size=BATCH)
    return done


@action("cdr_providers.delete")
def remove_reconciliation(actor: Actor, reconciliation: Reconciliation) -> None:
    """Forget what a file was compared to."""
    reconciliation = locked(Reconciliation.objects, actor, reconciliation.pk)
    with audited(actor, reconciliation, "remove"):
        reconciliation.delete()


def _span(file: CdrFile, theirs: Sequence[Record]) -> tuple[datetime, datetime]:
    starts = [record.started_ms for record in theirs]
    since, until = file.since or _moment(min(starts)), file.until or _moment(max(starts))
    if since > until:
        raise InvalidInput(fields={"until": _("This is before the beginning.")})
    if until - since > LONGEST:
        why = _("From %(since)s to %(until)s is longer than 62 days: is a time wrong, or import it in parts.") % {
            "since": f"{since:%Y-%m-%d}",
            "until": f"{until:%Y-%m-%d}",
        }
        raise InvalidInput(why, fields={"file": why})
    return since, until


def _our_calls(provider: CdrProvider, since: datetime, until: datetime) -> list[Record]:
    """The answered calls that the provider's gateways charge us for; a little more than asked, for the tolerance."""
    slack = timedelta(seconds=provider.start_tolerance_s)
    rows = Cdr.objects.filter(
        partner_id=provider.partner_id,
        is_carrier_cost=True,
        gateway_id__in=provider.gateway_ids,
        outcome=Outcome.ANSWERED,
        started_at__gte=since - slack,
        started_at__lte=until + slack,
    )
    cdrs = list(rows.order_by("started_at", "pk")[: MOST_CALLS + 1])
    if len(cdrs) > MOST_CALLS:
        why = _("We have more than %(most)s calls of this time: import the file in parts.") % {
            "most": f"{MOST_CALLS:,}"
        }
        raise InvalidInput(why, fields={"file": why})
    call_ids = _sip_call_ids(provider.partner_id, [cdr.call_id for cdr in cdrs]) if provider.call_id_column else {}
    is_answer = provider.start_means == StartMeans.ANSWER
    return [_record(cdr, provider.currency, call_ids.get(cdr.call_id, ""), is_answer=is_answer) for cdr in cdrs]


def _record(cdr: Cdr, currency: str, sip_call_id: str, *, is_answer: bool) -> Record:
    began = cdr.answered_at if is_answer and cdr.answered_at else cdr.started_at
    return Record(
        key=str(cdr.call_id),
        started_ms=int(began.timestamp() * 1000),
        caller=cdr.caller,
        callee=cdr.callee,
        duration_ms=cdr.duration_ms,
        price_micro=cdr.amount_micro if cdr.currency == currency else None,
        sip_call_id=sip_call_id,
    )


def _sip_call_ids(partner_id: int, call_ids: Sequence[UUID]) -> dict[UUID, str]:
    found: dict[UUID, str] = {}
    for start in range(0, len(call_ids), BATCH):
        part = call_ids[start : start + BATCH]
        found |= dict(Call.objects.filter(pk__in=part).values_list("pk", "sip_call_id"))
    return found


def _sums(found: Iterable[Compared]) -> dict[str, object]:
    counts: Counter[str] = Counter()
    theirs = ours = over = under = 0
    for one in found:
        counts[one.verdict.value] += 1
        theirs += (one.theirs.price_micro or 0) if one.theirs else 0
        ours += (one.ours.price_micro or 0) if one.ours else 0
        if one.verdict is not Verdict.MATCHED:
            over += max(one.overcharged_micro, 0)
            under -= min(one.overcharged_micro, 0)
    return {
        "counts": dict(counts), "theirs_micro": theirs, "ours_micro": ours, "overcharged_micro": over,
        "undercharged_micro": under,
    }  # fmt: skip


def _line(done: Reconciliation, one: Compared) -> ReconciledCall:
    theirs, ours = one.theirs, one.ours
    shown = theirs or ours
    assert shown is not None  # noqa: S101 - one side has it
    return ReconciledCall(
        partner_id=done.partner_id,
        reconciliation=done,
        verdict=one.verdict.value,
        line=int(theirs.key) if theirs else None,
        started_at=_moment(shown.started_ms),
        caller=shown.caller or (ours.caller if ours else ""),
        callee=shown.callee,
        theirs_ms=theirs.duration_ms if theirs else None,
        ours_ms=ours.duration_ms if ours else None,
        theirs_micro=theirs.price_micro if theirs else None,
        ours_micro=ours.price_micro if ours else None,
        overcharged_micro=one.overcharged_micro,
        call_id=UUID(ours.key) if ours else None,
        sip_call_id=theirs.sip_call_id if theirs else "",
    )


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
