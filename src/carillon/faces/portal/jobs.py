"""Imports: a file is sent, its columns are named, it is tried, it is taken. And the panel of a person's jobs."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping
from typing import Any, BinaryIO

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from carillon.base.actor import Actor
from carillon.base.choices import JobState
from carillon.base.errors import CarillonError, InvalidInput, NotFound
from carillon.base.jobs import ACTIVE, JobData, cancel_job, errors_of, job_file, jobs_of, open_job, start_job
from carillon.base.models import Job
from carillon.faces.portal.access import actor_of, for_panel, staff_only
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.panels.changes import find_row
from carillon.panels.declaration import Column, Detail, Extra, Filter, Panel, RowAction
from carillon.panels.importing import guessed, importable, keys_of, may_import, plain
from carillon.panels.tables import ENCODINGS, open_table

SAMPLES = 3
REMEMBERED = 10  # jobs
ERRORS_SHOWN = 200
PIECE = 2**20


# ---------------------------------------------------------------- a new import


@for_panel
def import_file(request: HttpRequest, panel: Panel) -> HttpResponse:
    """The dialog that asks for the file; then its job's page asks what the columns mean."""
    actor = actor_of(request)
    if not may_import(panel, actor):
        raise NotFound
    context: dict[str, Any] = {"panel": panel, "encodings": ENCODINGS}
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            if file is None:
                raise InvalidInput(fields={"file": _("Choose a file.")})
            job = draft(actor, panel, file, str(file.name or ""), encoding=request.POST.get("encoding", ""))
        except CarillonError as error:
            refused = {"error": " ".join(dict.fromkeys([*error.fields.values()] or [error.detail]))}
            return render(request, "portal/jobs/upload.html", {**context, **refused}, status=422)
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = reverse("portal:detail", args=["jobs", job.pk])
        return answer
    return render(request, "portal/jobs/upload.html", context)


def draft(actor: Actor, panel: Panel, file: Any, name: str, *, encoding: str = "") -> Job:
    """Keep a file for an import into `panel`, its columns guessed.

    Raises:
        InvalidInput: on "file" or "encoding".
    """
    options = read_head(actor, panel, file, encoding)
    file.seek(0)
    data = JobData(kind="import", panel=panel.slug, name=name, options=options)
    return open_job(actor, data, iter(lambda: file.read(PIECE), b""))


def read_head(actor: Actor, panel: Panel, file: BinaryIO, encoding: str) -> dict[str, Any]:
    """Return the options of a job for this file: headings, some lines, what the columns probably mean."""
    if encoding and encoding not in ENCODINGS:
        raise InvalidInput(fields={"encoding": _("Choose one of the encodings offered.")})
    with open_table(file, encoding=encoding) as table:
        samples = [cells[: len(table.headings)] for _line, cells in itertools.islice(table.lines, SAMPLES)]
        headings = list(table.headings)
    return {
        "headings": headings,
        "samples": samples,
        "encoding": encoding,
        "found_encoding": table.encoding,
        "mapping": list(guessed(panel, headings, remembered(actor, panel))),
        "key": "",
        "is_all_or_nothing": True,
    }


def remembered(actor: Actor, panel: Panel) -> dict[str, str]:
    """Return what headings meant when this person last imported here. Cost: one query."""
    found: dict[str, str] = {}
    earlier = jobs_of(actor).filter(panel=panel.slug, kind="import", started_at__isnull=False).order_by("created_at")
    for options in earlier.values_list("options", flat=True)[:REMEMBERED]:
        pairs = zip(options.get("headings", ()), options.get("mapping", ()), strict=False)
        found |= {plain(heading): name for heading, name in pairs}
    return found


# ---------------------------------------------------------------- its page


def _job_panel(job: Job) -> Panel:
    panel = find_panel(job.panel)
    if panel is None:
        raise NotFound
    return panel


def page_context(actor: Actor, job: Job) -> dict[str, Any]:
    """What the page of a job draws."""
    panel, options = _job_panel(job), job.options
    context: dict[str, Any] = {
        "job": job,
        "target": panel,
        "is_active": job.state in ACTIVE,
        "is_draft": job.state == JobState.DRAFT and job.kind == "import",
        "is_checked": job.state == JobState.DRAFT and job.is_rehearsal,
        "percent": percent(job),
        "errors": list(itertools.islice(error_lines(job), ERRORS_SHOWN)),
        "more_errors": max(0, job.wrong - ERRORS_SHOWN),
    }
    if context["is_draft"]:
        examples = itertools.zip_longest(*options["samples"], fillvalue="")
        rows = itertools.zip_longest(options["headings"], options["mapping"], examples, fillvalue="")
        context |= {
            "columns": [(heading, name or "", [one for one in texts if one]) for heading, name, texts in rows],
            "choices": [(one.name, one.field.label, one.is_required) for one in importable(panel)],
            "keys": keys_of(panel) if panel.may(actor, "change") else (),
            "options": options,
            "encodings": ENCODINGS,
        }
    return context


def percent(job: Job) -> int:
    """How much of a job is done."""
    return min(100, 100 * job.done // job.total) if job.total else 0


def error_lines(job: Job) -> Any:
    """The lines of the error list: [line, columns, what is wrong, ...cells]."""
    for piece in errors_of(job):
        yield from csv.reader(io.StringIO(piece.decode()))


@require_POST
@staff_only
def start(request: HttpRequest, key: Any) -> HttpResponse:
    """Take what the page says about the file, and check it, import it, or read it in another encoding."""
    actor = actor_of(request)
    job: Job = find_row(JOBS, actor, str(key))
    back = redirect("portal:detail", "jobs", str(key))
    panel = _job_panel(job)
    if job.state != JobState.DRAFT or not may_import(panel, actor):
        return back
    choice, encoding = request.POST.get("choice"), request.POST.get("encoding", "")
    if choice == "read" or encoding != job.options.get("encoding", ""):
        with job_file(job) as file:
            _keep(actor, job, read_head(actor, panel, file, encoding))
        return back
    names = [request.POST.get(f"column-{at}", "") for at in range(len(job.options["headings"]))]
    is_whole = request.POST.get("is_all_or_nothing") == "true"
    _keep(actor, job, planned(panel, job.options, names, request.POST.get("key", ""), is_whole=is_whole))
    start_job(actor, job, is_rehearsal=choice != "import")
    return back


def planned(panel: Panel, options: Mapping[str, Any], names: list[str], key: str, *, is_whole: bool) -> dict[str, Any]:
    """Return the options with what a person has said about the columns.

    Raises:
        InvalidInput: one input is filled by two columns, something needed by none, or the key has no column.
    """
    known = {one.name for one in importable(panel)} | {"id"}
    chosen = [name for name in names if name]
    twice = {name for name in chosen if chosen.count(name) > 1}
    if twice or not set(chosen) <= known or not chosen:
        raise InvalidInput(_("Each column fills one field, and each field has one column at most."))
    if key and (key not in chosen or key not in dict(keys_of(panel))):
        raise InvalidInput(_("Choose a column for the key: by it rows that are there are found."))
    missing = [str(one.field.label) for one in importable(panel) if one.is_required and one.name not in chosen]
    if missing and not key:
        raise InvalidInput(_("No column fills %(names)s, which every new row needs.") % {"names": ", ".join(missing)})
    return {**options, "mapping": names, "key": key, "is_all_or_nothing": is_whole}


def _keep(actor: Actor, job: Job, options: Mapping[str, Any]) -> None:
    job.options = dict(options)
    jobs_of(actor).filter(pk=job.pk, state=JobState.DRAFT).update(options=job.options, is_rehearsal=False)


@require_GET
@staff_only
def progress(request: HttpRequest, key: Any) -> HttpResponse:
    """How far a job is, for its page, which asks each second; the whole page again when it has ended."""
    job: Job = find_row(JOBS, actor_of(request), str(key))
    answer = render(request, "portal/jobs/progress.html", {"job": job, "percent": percent(job), "is_active": True})
    if job.state not in ACTIVE:
        answer["HX-Refresh"] = "true"
    return answer


@require_GET
@staff_only
def errors(request: HttpRequest, key: Any) -> HttpResponse:
    """The lines that are wrong, with what is wrong, as CSV: to be mended and sent again."""
    job: Job = find_row(JOBS, actor_of(request), str(key))
    head = io.StringIO()
    csv.writer(head).writerow([_("Line"), _("Column"), _("What is wrong"), *job.options.get("headings", ())])
    content = "\ufeff" + head.getvalue() + b"".join(errors_of(job)).decode()
    answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="errors-{job.pk}.csv"'
    return answer


def is_open(job: Job) -> bool:
    """Whether the job can still be stopped."""
    return job.state in (*ACTIVE, JobState.DRAFT)


def what_for(job: Job) -> str:
    """The panel that the job is for."""
    panel = find_panel(job.panel)
    return str(panel.title) if panel else job.panel


JOBS = Panel(
    slug="jobs",
    title=gettext_lazy("Imports and jobs"),
    name=gettext_lazy("job"),
    section="main",
    icon="file-import",
    model=Job,
    rows=jobs_of,
    columns=(
        Column("name", gettext_lazy("File"), width=170, grow=2),
        Column("panel", gettext_lazy("For"), value=what_for, width=130, in_api=False),
        Column("state", gettext_lazy("State"), kind="status", width=100),
        Column("percent", gettext_lazy("Done %"), kind="integer", value=percent, width=75),
        Column("created", gettext_lazy("Added"), kind="integer", width=75),
        Column("changed", gettext_lazy("Changed"), kind="integer", width=80),
        Column("wrong", gettext_lazy("Wrong"), kind="integer", width=70),
        Column("detail", gettext_lazy("What came of it"), width=200, grow=2),
        Column("created_at", gettext_lazy("Started"), kind="datetime", width=150),
    ),
    api=(
        Column("panel", gettext_lazy("For")),
        Column("object_id", gettext_lazy("Object")),
        Column("kind", gettext_lazy("Kind")),
        Column("is_rehearsal", gettext_lazy("Only a trial"), kind="bool"),
        Column("total", gettext_lazy("Lines"), kind="integer"),
        Column("done", gettext_lazy("Lines done"), kind="integer"),
        Column("unchanged", gettext_lazy("Unchanged"), kind="integer"),
        Column("started_at", gettext_lazy("Began"), kind="datetime"),
        Column("ended_at", gettext_lazy("Ended"), kind="datetime"),
    ),
    filters=(Filter("state", gettext_lazy("State"), choices=JobState.choices),),
    order=("-created_at",),
    actions=(
        RowAction(
            "cancel",
            gettext_lazy("Cancel"),
            cancel_job,
            icon="ban",
            confirm=gettext_lazy("It stops. Of an import that takes all or nothing, nothing stays."),
            danger=True,
            applies=is_open,
            done=gettext_lazy("It is being stopped."),
        ),
    ),
    detail=Detail("portal/jobs/job.html", page_context, title=gettext_lazy("Open")),
    extras=(
        Extra(
            "errors",
            lambda _actor, job: [
                {"line": int(line[0]), "column": line[1], "text": line[2]}
                for line in itertools.islice(error_lines(job), 1000)
            ],
            "The first 1,000 lines that are wrong.",
            many=True,
        ),
    ),
    has_history=False,
    search="name",
    help=gettext_lazy(
        "Files that you have imported and what came of them. A file is tried before it is taken: each line that is "
        "wrong is told, and nothing is changed until you say so. Files are kept for a week."
    ),
    empty=gettext_lazy("Import a file from the bar under any grid to which you may add rows."),
)

PANELS = (JOBS,)
