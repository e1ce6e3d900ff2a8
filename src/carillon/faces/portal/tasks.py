"""What the worker runs for people who have started something in the portal or by the API."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import connection
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from carillon.base.actor import Actor
from carillon.base.choices import JobState
from carillon.base.errors import CarillonError, NotPermitted
from carillon.base.jobs import Progress, Stopped, Taken, abandoned_jobs, claim_job, end_job, forget_jobs
from carillon.base.models import Job
from carillon.base.tenancy import tenant
from carillon.business.partners.queries import staff_actor, system_actor
from carillon.business.partners.roles import common
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.catalogue import panels_of
from carillon.faces.portal.rate_imports import run_rates
from carillon.faces.portal.reratings import run_rerating
from carillon.panels.bulkjobs import run_bulk
from carillon.panels.changes import Changes
from carillon.panels.declaration import Panel
from carillon.panels.importing import Importer, may_import
from carillon.panels.imports import Import, plan_of
from carillon.panels.manner import speaking_as
from carillon.panels.undojobs import run_undo

log = logging.getLogger("carillon.jobs")
CHANGES = Changes(find_panel)


@app.task(name="run_job")
def run_job(job_id: str) -> None:
    """Run a job that a person started, as that person; whatever happens is written down in it."""
    system = system_actor()
    with tenant(system):
        job = claim_job(job_id)
    if job is None:
        return
    try:
        with Progress(job) as progress, speaking_as(job.options.get("manner", {})):
            _run(job, progress)
    except Taken:
        return
    finally:
        connection.close()


def _run(job: Job, progress: Progress) -> None:
    state, detail = JobState.FAILED, ""
    try:
        KINDS[job.kind](_person(job), job, progress)
        return
    except Stopped:
        state, detail = JobState.CANCELLED, _("Cancelled.")
    except CarillonError as error:
        detail = " ".join(dict.fromkeys([error.detail, *error.fields.values()]))
    except Exception:
        log.exception("Job %s failed", job.pk)
        detail = _("This failed for a reason of the platform's own. Nothing more was done; ask support.")
    with tenant(system_actor()):
        end_job(job, state, detail)


def _person(job: Job) -> Actor:
    """Who started the job, with what they may today and their token allowed then."""
    with tenant(system_actor()):
        actor = staff_actor(
            job.login_id,
            job.actor_name,
            partner_id=job.partner_id,
            request_id=job.request_id,
            impersonators=tuple(job.impersonators),
        )
    if actor.partner_id != job.partner_id:
        raise NotPermitted
    return actor.limited_to(common(job.permissions, actor.permissions))


def run_import(actor: Actor, job: Job, progress: Progress) -> None:
    """Import rows of a panel."""
    panel = _panel(job)
    if not may_import(panel, actor):
        raise NotPermitted
    with tenant(actor):
        importer = Importer(find_panel, panel, actor, plan_of(job))
    Import(importer.take, actor, job, progress).run()


def run_rows(actor: Actor, job: Job, progress: Progress) -> None:
    """Change many rows of a panel."""
    run_bulk(CHANGES, _panel(job), lambda: _person(job), job, progress)


def run_taking_back(actor: Actor, job: Job, progress: Progress) -> None:
    """Take back what another job has done."""
    run_undo(CHANGES, panels_of(_panel(job)), lambda: _person(job), job, progress)


def _panel(job: Job) -> Panel:
    panel = find_panel(job.panel)
    if panel is None:
        raise NotPermitted
    return panel


KINDS: dict[str, Callable[[Actor, Job, Progress], None]] = {
    "import": run_import,
    "rates": run_rates,
    "bulk": run_rows,
    "undo": run_taking_back,
    "rerate": run_rerating,
}


@app.periodic(cron="* * * * *")
@app.task(name="resume_jobs", queueing_lock="resume_jobs")
def resume_jobs(timestamp: int) -> None:
    """Take up the jobs of workers that have died. `timestamp` is when the run was due, Unix seconds."""
    with tenant(system_actor()):
        for job_id in abandoned_jobs():
            app.configure_task("run_job", queueing_lock=f"resume {job_id}").defer(job_id=job_id)


@app.periodic(cron="11 4 * * *")
@app.task(name="forget_old_jobs", queueing_lock="forget_old_jobs")
def forget_old_jobs(timestamp: int) -> None:
    """Remove files that were imported a week ago, and jobs of three months ago."""
    with tenant(system_actor()):
        forget_jobs()
