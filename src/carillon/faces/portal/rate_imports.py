"""Rates by file, in the background: a million of them into a draft, all or none."""

from __future__ import annotations

import csv
import io
from typing import BinaryIO

from carillon.base.actor import Actor
from carillon.base.choices import JobState
from carillon.base.errors import NotFound
from carillon.base.jobs import PIECE, Progress, add_errors, end_job, job_file
from carillon.base.models import Job
from carillon.base.tenancy import tenant
from carillon.business.pricing.actions import ImportOptions, RatesRefused, import_rates
from carillon.business.pricing.models import PriceListVersion


def run_rates(actor: Actor, job: Job, progress: Progress) -> None:
    """Fill the draft that `job` is for from its file; its state and counts are written when this returns.

    Raises:
        CarillonError: the draft is none any more, or the file as a whole cannot be read. Stopped: cancelled.

    Memory: that of `import_rates`, whatever the file's size.
    """
    options = ImportOptions(
        is_merge=bool(job.options.get("is_merge")), encoding=job.options.get("encoding", ""), file_name=job.name
    )
    with tenant(actor):
        file = job_file(job)
    with file:
        total = max(0, lines_of(file) - 1)
        with tenant(actor):
            Job.objects.filter(pk=job.pk).update(total=total)
        try:
            with tenant(actor):
                version = PriceListVersion.objects.visible_to(actor).filter(pk=int(job.object_id)).first()
                if version is None:
                    raise NotFound
                report = import_rates(actor, version, file, options, lambda stored: progress.beat(stored, is_now=True))
        except RatesRefused as refused:
            with tenant(actor):
                add_errors(job, _written(refused))
                end_job(job, JobState.FAILED, refused.detail, done=total, wrong=refused.error_count)
            return
    with tenant(actor):
        end_job(job, JobState.DONE, done=report.rows, total=report.rows, created=report.rows)


def lines_of(file: BinaryIO) -> int:
    """Return how many lines a file has, about; it stands at its beginning then."""
    count, last = 0, b""
    for piece in iter(lambda: file.read(PIECE), b""):
        count, last = count + piece.count(b"\n"), piece[-1:]
    file.seek(0)
    return count + (last not in (b"", b"\n"))


def _written(refused: RatesRefused) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([error.line, error.column, error.message] for error in refused.errors)
    return text.getvalue()
