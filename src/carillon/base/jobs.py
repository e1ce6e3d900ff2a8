"""Jobs that people start: their file, their state, and what the worker tells of them while it works.

A job's file is kept in pieces in the database, so that any worker can take it, and is never held as a whole. While it
runs, progress is written by a connection of its own: the work itself may be one transaction that is not seen until it
ends, or never. That connection also holds the job's lock, so that nobody takes up a job that still runs.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, BinaryIO, cast

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from carillon.base.actor import Actor
from carillon.base.choices import JobState
from carillon.base.errors import Conflict, NotPermitted
from carillon.base.models import OF_ROWS, Job, JobPart

PIECE = 2**20
BEAT_S = 0.5
ACTIVE = (JobState.WAITING, JobState.RUNNING)
FILES_KEPT, JOBS_KEPT = timedelta(days=7), timedelta(days=90)
COUNTS = ("created", "changed", "unchanged", "wrong")
NOTHING: Mapping[str, int] = {}
LOCKS = 0x6A6F62  # first number of our advisory locks: "job"


class Stopped(Exception):
    """The job's person has cancelled it."""


class Taken(Exception):
    """Another worker has the job."""


@dataclass(frozen=True, slots=True)
class JobData:
    """A job to come. `kind`: which function runs it; `panel`, `object_id`: what it is for; `options`: how."""

    kind: str
    panel: str
    name: str
    object_id: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def jobs_of(actor: Actor) -> Any:
    """Return the actor's own jobs: those of the person, whether started in the portal or by a token."""
    mine = Job.objects.visible_to(actor).filter(partner_id=actor.partner_id or 0, login_id=actor.login_id or 0)
    return mine.defer("permissions")


def open_job(actor: Actor, data: JobData, pieces: Iterable[bytes], *, total: int = 0) -> Job:
    """Keep a file for a job that has yet to be started.

    Args:
        pieces: the file, in order; each is written as it comes.
        total: how much there is to do, where it is known already.

    Raises:
        NotPermitted: the actor is no member of staff.

    Cost: two statements, and one for each megabyte.
    """
    if actor.customer_id is not None or actor.partner_id is None or actor.login_id is None:
        raise NotPermitted
    digest = hashlib.sha256()
    with transaction.atomic():
        job = Job.objects.create(
            partner_id=actor.partner_id,
            login_id=actor.login_id,
            actor_name=actor.name,
            impersonators=list(actor.impersonators),
            permissions=sorted(actor.permissions),
            kind=data.kind,
            panel=data.panel,
            object_id=data.object_id,
            name=data.name[-200:] or _("a file"),
            options=dict(data.options),
            total=total,
        )
        for number, piece in enumerate(pieces):
            digest.update(piece)
            JobPart.objects.create(job=job, kind="file", number=number, content=piece)
        job.digest = digest.hexdigest()
        job.save(update_fields=["digest"])
    return job


def start_job(actor: Actor, job: Job, *, is_rehearsal: bool = False) -> Job:
    """Let the worker run a draft; asked twice, it runs once.

    Args:
        is_rehearsal: everything is tried and taken back; then the job is a draft again.

    Raises:
        Conflict: it has been started already, or another job does the same: with the same file, for the same panel.

    Cost: three statements. It begins when the transaction is committed.
    """
    same = jobs_of(actor).filter(digest=job.digest, panel=job.panel, object_id=job.object_id, state__in=ACTIVE)
    if same.exclude(pk=job.pk).exists():
        raise Conflict(_("The same is being done already."))
    fresh = {"done": 0, "detail": "", "ended_at": None, "is_cancel_wanted": False, **dict.fromkeys(COUNTS, 0)}
    drafts = jobs_of(actor).filter(pk=job.pk, state=JobState.DRAFT)
    if not drafts.update(state=JobState.WAITING, is_rehearsal=is_rehearsal, **fresh):
        raise Conflict(_("This has been started already."))
    JobPart.objects.filter(job_id=job.pk, kind="errors").delete()
    app.configure_task("run_job").defer(job_id=str(job.pk))
    return cast(Job, jobs_of(actor).get(pk=job.pk))


def cancel_job(actor: Actor, job: Job) -> Job:
    """Stop a job: at once while it waits, else when its worker next looks.

    Raises:
        Conflict: it has ended.
    """
    mine = jobs_of(actor).filter(pk=job.pk)
    ended = {"state": JobState.CANCELLED, "ended_at": timezone.now()}
    has_ended = mine.filter(state__in=(JobState.DRAFT, JobState.WAITING)).update(**ended)
    if not has_ended and not mine.filter(state=JobState.RUNNING).update(is_cancel_wanted=True):
        raise Conflict(_("This has ended already."))
    return cast(Job, mine.get())


cancel_job.permission = "jobs.view"  # type: ignore[attr-defined]  # jobs are their person's own


def job_file(job: Job) -> BinaryIO:
    """Return the job's file, open, on disk; it goes when it is closed. Cost: one query for each megabyte."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asks closes it
    for number in range(JobPart.objects.filter(job=job, kind="file").count()):
        file.write(bytes(JobPart.objects.get(job=job, kind="file", number=number).content))
    file.seek(0)
    return cast(BinaryIO, file)


def add_errors(job: Job, text: str) -> None:
    """Append lines to the list of what is wrong with the file."""
    if text:
        number = JobPart.objects.filter(job=job, kind="errors").count()
        JobPart.objects.create(job=job, kind="errors", number=number, content=text.encode())


def errors_of(job: Job) -> Iterator[bytes]:
    """Yield the list of what is wrong with the file, a CSV file in pieces."""
    parts = JobPart.objects.filter(job_id=job.pk, kind="errors").order_by("number")
    yield from (bytes(content) for content in parts.values_list("content", flat=True).iterator(chunk_size=1))


class Progress:
    """What a running job tells of itself; a context manager that holds the job's lock.

    Raises:
        Taken: another worker holds it.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.next = job, 0.0
        self.connection = connection.copy()
        self.counts: dict[str, int] = {}

    def __enter__(self) -> Progress:
        if not self._ask("select pg_try_advisory_lock(%s, hashtext(%s))", [LOCKS, str(self.job.pk)]):
            self.connection.close()
            raise Taken
        return self

    def __exit__(self, *_error: object) -> None:
        self._ask("select pg_advisory_unlock(%s, hashtext(%s))", [LOCKS, str(self.job.pk)])
        self.connection.close()

    def _ask(self, statement: str, values: Sequence[str | int]) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            row = cursor.fetchone()
        return row[0] if row else None

    def beat(self, done: int, counts: Mapping[str, int] = NOTHING, *, is_now: bool = False) -> None:
        """Tell how far the work is, twice a second at most.

        Args:
            counts: further ones of the job, such as `wrong`.

        Raises:
            Stopped: the person has cancelled it.
        """
        if time.monotonic() < self.next and not is_now:
            return
        self.next = time.monotonic() + BEAT_S
        columns = {"done": done, **counts}
        told = ", ".join(f"{name} = %s" for name in columns)
        statement = f"update base_job set {told} where id = %s returning is_cancel_wanted"  # noqa: S608 - our names
        with self.connection.cursor() as cursor:
            cursor.execute("begin")
            try:
                cursor.execute("select set_config('carillon.scope', %s, true)", [str(self.job.partner_id)])
                cursor.execute(statement, [*columns.values(), str(self.job.pk)])
                row = cursor.fetchone()
            finally:
                cursor.execute("commit")  # after an error that is a rollback
        if row is None or row[0]:
            raise Stopped


def claim_job(job_id: str) -> Job | None:
    """Take a waiting job, or one whose worker has died; None when there is none of that id."""
    open_ones = Job.objects.filter(pk=job_id, state__in=ACTIVE)
    open_ones.update(state=JobState.RUNNING, started_at=timezone.now())
    return Job.objects.filter(pk=job_id, state=JobState.RUNNING).first()


def end_job(job: Job, state: JobState, detail: str = "", **counts: int) -> None:
    """Write down what came of a job. A rehearsal leaves a draft, unless it failed."""
    is_back = job.is_rehearsal and state == JobState.DONE
    Job.objects.filter(pk=job.pk).update(
        state=JobState.DRAFT if is_back else state, detail=detail[:500], ended_at=timezone.now(), **counts
    )


def abandoned_jobs() -> list[str]:
    """Return the ids of running jobs that no worker has any more. Cost: one query, and one for each that runs."""
    found = []
    for job_id in Job.objects.filter(state=JobState.RUNNING).values_list("pk", flat=True):
        with connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_xact_lock(%s, hashtext(%s))", [LOCKS, str(job_id)])
            if cursor.fetchone()[0]:
                found.append(str(job_id))
    return found


def forget_jobs() -> None:
    """Remove the files of jobs that ended a week ago (drafts: that were left lying), and jobs of three months ago.

    What a job says in its own words stays as long as the job; errors in a file repeat what the file says.
    """
    now = timezone.now()
    parts = JobPart.objects.filter(job__created_at__lt=now - FILES_KEPT).exclude(job__state__in=ACTIVE)
    parts.exclude(kind="errors", job__kind__in=OF_ROWS).delete()
    Job.objects.filter(created_at__lt=now - JOBS_KEPT).exclude(state__in=ACTIVE).delete()
