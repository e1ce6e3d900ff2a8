"""Many rows as a job: it keeps which ones were meant, does some at a time, and writes each refusal down."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from carillon.base.actor import Actor
from carillon.base.choices import JobState
from carillon.base.errors import InvalidInput
from carillon.base.jobs import JobData, Progress, add_errors, end_job, job_file, open_job, start_job
from carillon.base.models import Job
from carillon.base.tenancy import tenant
from carillon.panels.bulk import AT_ONCE, MOST_CHOSEN, Bulk, Outcome, bulk_called, change_many, check_many, sentence_of
from carillon.panels.changes import Changes
from carillon.panels.declaration import Panel
from carillon.panels.export import neutral
from carillon.panels.manner import recorded

TOLD = 60  # characters of a name in the list of refusals


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done: to the rows `keys`, with `given` as input, for the reason `why`; `query` had found them."""

    keys: Sequence[str]
    given: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    query: str = ""


def change_or_begin(changes: Changes, panel: Panel, actor: Actor, bulk: Bulk, wanted: Wanted) -> list[Outcome] | Job:
    """Do it to a few rows and return what came of each, or begin a job that does it to many.

    Raises:
        InvalidInput: the input is wrong whatever the row, or there are no or too many rows. Conflict: the same is
            being done already. NotPermitted: many rows, for a customer's user.
    """
    keys = list(dict.fromkeys(wanted.keys))
    if not 0 < len(keys) <= MOST_CHOSEN:
        raise InvalidInput(_("Choose 1 to %(most)d rows.") % {"most": MOST_CHOSEN})
    if len(keys) <= AT_ONCE:
        return change_many(changes, panel, actor, bulk, keys, wanted.given, wanted.why)
    check_many(changes, panel, actor, bulk, keys, wanted.given, wanted.why)
    asked = json.dumps({"given": dict(wanted.given), "reason": wanted.why, "action": bulk.name}, sort_keys=True)
    options = {"action": bulk.name, "query": wanted.query, "manner": recorded()}
    data = JobData(kind="bulk", panel=panel.slug, name=name_of(bulk, len(keys)), options=options)
    return start_job(actor, open_job(actor, data, ["\n".join([asked, *keys]).encode()], total=len(keys)))


def name_of(bulk: Bulk, count: int) -> str:
    """Return what is done to how many rows, in words."""
    rows = ngettext("%(count)d row", "%(count)d rows", count) % {"count": count}
    return f"{bulk.title}: {rows}"


def run_bulk(changes: Changes, panel: Panel, person: Callable[[], Actor], job: Job, progress: Progress) -> None:
    """Do what a job says to its rows; its state and counts are written when this returns.

    Args:
        person: who has started it, as they are now: asked again for each 20 rows, so that a right that was taken away
            holds from then on.

    Raises:
        NotPermitted: the person may not do this any more. Stopped: the person has cancelled it.

    Cost: one transaction for each 20 rows; the rows of one that had ended stay done whatever comes.
    """
    actor = person()
    with tenant(actor), job_file(job) as file:
        asked, *keys = file.read().decode().split("\n")
        bulk = bulk_called(panel, actor, job.options["action"])
    wanted = json.loads(asked)

    def do(actor: Actor, some: Sequence[str]) -> list[Outcome]:
        return change_many(changes, panel, actor, bulk, some, wanted["given"], wanted["reason"])

    row_by_row(person, job, progress, keys, do)


def row_by_row(
    person: Callable[[], Actor],
    job: Job,
    progress: Progress,
    keys: Sequence[str],
    do: Callable[[Actor, Sequence[str]], list[Outcome]],
) -> None:
    """Do something to rows, 20 in a transaction, from where the job is; what came of it is written down in the job.

    Raises: what `person` and `do` raise. Stopped: the person has cancelled it.
    """
    actor = person()
    rest = iter(keys[job.done :])
    while some := list(islice(rest, AT_ONCE)):
        progress.beat(job.done, is_now=True)
        actor = person()
        with tenant(actor):
            refused = [one for one in do(actor, some) if one.error is not None]
            job.done += len(some)
            job.changed += len(some) - len(refused)
            job.wrong += len(refused)
            add_errors(job, refusals(refused))
            Job.objects.filter(pk=job.pk).update(done=job.done, changed=job.changed, wrong=job.wrong)
    with tenant(actor):
        end_job(job, JobState.DONE, refused_text(job.wrong))


def refusals(outcomes: Sequence[Outcome]) -> str:
    """Return rows that were refused as lines of CSV: id, kind of error, why, name."""
    text = io.StringIO()
    for one in outcomes:
        if one.error is not None:
            told = (one.key, one.error.slug, sentence_of(one.error), one.name[:TOLD])
            csv.writer(text).writerow([neutral(cell) for cell in told])
    return text.getvalue()


def refused_text(count: int) -> str:
    """Return how many rows were refused, in words; nothing when none was."""
    text = ngettext("%(count)d row was refused.", "%(count)d rows were refused.", count) % {"count": count}
    return text if count else ""
