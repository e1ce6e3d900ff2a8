"""Taking back all that a job has done: row by row, the last change first, and only what has not changed since."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.choices import JobState
from carillon.base.errors import CarillonError, Conflict
from carillon.base.jobs import JobData, Progress, open_job, start_job
from carillon.base.models import OF_ROWS, AuditEntry, Job
from carillon.base.tenancy import tenant
from carillon.panels.bulk import Outcome
from carillon.panels.bulkjobs import row_by_row
from carillon.panels.changes import Changes
from carillon.panels.declaration import Panel
from carillon.panels.manner import recorded
from carillon.panels.undo import take_back


@dataclass(frozen=True, slots=True)
class TakingBack:
    """Why a change, or all that a job has done, is taken back."""

    reason: str = ""


def can_be_taken_back(job: Job) -> bool:
    """Tell whether a job has done something that may be taken back, row by row."""
    has_ended = job.state in (JobState.DONE, JobState.CANCELLED, JobState.FAILED)
    return job.kind in (*OF_ROWS, "import") and has_ended and job.created + job.changed > 0


def begin_undo(panel: Panel, actor: Actor, job: Job, data: TakingBack) -> Job:
    """Begin a job that takes back what `job` has done to the rows of `panel`, and return it.

    Raises:
        Conflict: it has done nothing that history tells, or it is being taken back already.

    Cost: one query, and that of a new job.
    """
    count = _done_by(actor, panel, job).count()
    if not (panel.undoes and count):
        raise Conflict(_("Nothing of this can be taken back."))
    options = {"manner": recorded(), "reason": data.reason}
    name = _("Take back: %(name)s") % {"name": job.name}
    begun = JobData(kind="undo", panel=job.panel, object_id=str(job.pk), name=name, options=options)
    return start_job(actor, open_job(actor, begun, [f"take back {job.pk}".encode()], total=count))


def run_undo(
    changes: Changes, panels: Sequence[Panel], person: Callable[[], Actor], job: Job, progress: Progress
) -> None:
    """Take back what another job has done; the job's state and counts are written when this returns.

    Args:
        panels: the panel that the job is for, and others of its model.
        person: who has asked for it, as they are now.

    Raises:
        Stopped: the person has cancelled it.

    Cost: one transaction for each 20 changes.
    """
    actor = person()
    with tenant(actor):
        done = Job.objects.visible_to(actor).get(pk=job.object_id)
        keys = [str(key) for key in _done_by(actor, panels[0], done).values_list("pk", flat=True)]

    def do(actor: Actor, some: Sequence[str]) -> list[Outcome]:
        entries = AuditEntry.objects.visible_to(actor).filter(pk__in=[int(key) for key in some]).order_by("-id")
        return [_taken_back(changes, panels, actor, entry, job.options["reason"]) for entry in entries]

    row_by_row(person, job, progress, keys, do)


def _done_by(actor: Actor, panel: Panel, job: Job) -> QuerySet[AuditEntry]:
    """What a job did to the rows of its panel, the last first; what its actions did elsewhere goes with that."""
    mine = AuditEntry.objects.visible_to(actor).filter(request_id=job.request_id)
    return mine.filter(object_type=panel.model._meta.label_lower).order_by("-id")


def _taken_back(changes: Changes, panels: Sequence[Panel], actor: Actor, entry: AuditEntry, why: str) -> Outcome:
    try:
        take_back(changes, panels, actor, entry, why)
    except CarillonError as error:
        return Outcome(entry.object_id, entry.object_name, error)
    return Outcome(entry.object_id, entry.object_name)
