"""Imports: a file is sent, its columns are named, it is tried, it is taken. And the panel of a person's jobs."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
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
from carillon.business.partners.choices import DateFormat, NumberFormat
from carillon.faces.portal.access import actor_of, for_panel, staff_only
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.panels.changes import find_row
from carillon.panels.declaration import Column, Detail, Extra, Field, Filter, Panel, RowAction
from carillon.panels.importing import guessed, importable, keys_of, may_import, plain
from carillon.panels.manner import chosen, recorded, speaking_as, timezone_choices
from carillon.panels.tables import ENCODINGS, SEPARATORS, open_table
from carillon.panels.undojobs import TakingBack, begin_undo, can_be_taken_back

SAMPLES = 3
REMEMBERED = 10  # jobs
ERRORS_SHOWN = 200
PIECE = 2**20
SEPARATOR_NAMES = {
    ",": gettext_lazy("Comma ( , )"),
    ";": gettext_lazy("Semicolon ( ; )"),
    "\t": gettext_lazy("Tab"),
    "|": gettext_lazy("Bar ( | )"),
}


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
            job = draft(actor, panel, file, str(file.name or ""), request.POST.dict())
        except CarillonError as error:
            refused = {"error": " ".join(dict.fromkeys([*error.fields.values()] or [error.detail]))}
            return render(request, "portal/jobs/upload.html", {**context, **refused}, status=422)
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = reverse("portal:detail", args=["jobs", job.pk])
        return answer
    return render(request, "portal/jobs/upload.html", context)


def draft(actor: Actor, panel: Panel, file: Any, name: str, given: Mapping[str, str]) -> Job:
    """Keep a file for an import into `panel`, its columns guessed.

    Args:
        given: "encoding" and "separator" of the file, "" or missing: detected; "dates", "numbers" and "timezone" as in
            `panels.manner`, missing: the person's own.

    Raises:
        InvalidInput: on "file" or one of those.
    """
    options = read_head(actor, panel, file, given, recorded())
    file.seek(0)
    data = JobData(kind="import", panel=panel.slug, name=name, options=options)
    return open_job(actor, data, iter(lambda: file.read(PIECE), b""))


def read_head(
    actor: Actor, panel: Panel, file: BinaryIO, given: Mapping[str, str], record: Mapping[str, str]
) -> dict[str, Any]:
    """Return the options of a job for this file: headings, some lines, what the columns probably mean."""
    encoding, separator = given.get("encoding", ""), given.get("separator", "")
    if encoding and encoding not in ENCODINGS:
        raise InvalidInput(fields={"encoding": _("Choose one of the encodings offered.")})
    if separator and separator not in SEPARATORS:
        raise InvalidInput(fields={"separator": _("Choose one of the separators offered.")})
    manner = chosen(record, given)
    with speaking_as(manner), open_table(file, encoding=encoding, separator=separator) as table:
        samples = [cells[: len(table.headings)] for _line, cells in itertools.islice(table.lines, SAMPLES)]
        headings = list(table.headings)
    return {
        "headings": headings,
        "samples": samples,
        "encoding": encoding,
        "found_encoding": table.encoding,
        "separator": separator,
        "found_separator": table.separator,
        "manner": manner,
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
        "back": f"{reverse('portal:panel', args=[panel.slug])}?{options.get('query', '')}".rstrip("?"),
        "stage": titles(job)[0 if job.state in ACTIVE else 1],
        "facts": facts(job),
        "is_active": job.state in ACTIVE,
        "can_be_taken_back": can_be_taken_back(job),
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
            "separators": SEPARATOR_NAMES.items(),
            "found_separator": SEPARATOR_NAMES.get(options.get("found_separator", ""), ""),
            "ways": ways(panel, options.get("manner", {})),
        }
    return context


@dataclass(frozen=True, slots=True)
class Way:
    """Something that a file may write in several ways: a drop-down of the page."""

    name: str
    label: str
    value: str
    choices: Sequence[tuple[str, Any]]


def ways(panel: Panel, record: Mapping[str, str]) -> list[Way]:
    """How the file writes what this panel's fields take: numbers, days and times."""
    inputs = importable(panel)
    found = []
    if any(one.is_money or one.type is Decimal for one in inputs):
        found.append(("numbers", _("Numbers in the file"), NumberFormat.choices))
    if any(one.type in (date, datetime) for one in inputs):
        found.append(("dates", _("Dates in the file"), DateFormat.choices))
    if any(one.type is datetime for one in inputs):
        found.append(("timezone", _("Times in the file are of"), timezone_choices()))
    return [Way(name, label, record.get(name, ""), choices) for name, label, choices in found]


def titles(job: Job) -> tuple[str, str]:
    """What its page calls a job while it goes on, and when it has ended."""
    if job.kind == "rerate":
        return _("Re-rating"), _("What happened")
    if job.is_of_rows:
        return (_("Taking back") if job.kind == "undo" else _("Many rows at once")), _("What happened")
    return (_("Trial"), _("What would happen")) if job.is_rehearsal else (_("Import"), _("What happened"))


def facts(job: Job) -> list[tuple[str, int]]:
    """What came of a job, in numbers."""
    if job.kind == "rerate":  # its own page tells more
        return [(_("Charges"), job.done)]
    if job.is_of_rows:
        return [(_("Rows"), job.total), (_("Done"), job.changed), (_("Refused"), job.wrong)]
    found = [(_("Lines"), job.total), (_("Added"), job.created), (_("Changed"), job.changed)]
    return [*found, (_("As they were"), job.unchanged), (_("Wrong"), job.wrong)]


def percent(job: Job) -> int:
    """How much of a job is done."""
    return min(100, 100 * job.done // job.total) if job.total else 0


def error_lines(job: Job) -> Any:
    """The lines of the error list: [line, columns, what is wrong, ...cells]; of rows: [id, error, why, name]."""
    for piece in errors_of(job):
        yield from csv.reader(io.StringIO(piece.decode()))


def told_error(job: Job, line: list[str]) -> dict[str, Any]:
    """A line of the error list as REST tells it."""
    if job.is_of_rows:
        return {"id": line[0], "slug": line[1], "text": line[2], "name": line[3]}
    return {"line": int(line[0]), "column": line[1], "text": line[2]}


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
    choice, given = request.POST.get("choice"), request.POST.dict()
    record = chosen(job.options.get("manner", {}), given)
    if choice == "read" or any(given.get(name, "") != job.options.get(name, "") for name in ("encoding", "separator")):
        with job_file(job) as file:
            _keep(actor, job, read_head(actor, panel, file, given, record))
        return back
    names = [request.POST.get(f"column-{at}", "") for at in range(len(job.options["headings"]))]
    is_whole = request.POST.get("is_all_or_nothing") == "true"
    options = {**job.options, "manner": record}
    _keep(actor, job, planned(panel, options, names, given.get("key", ""), is_whole=is_whole))
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
    """The lines that are wrong, with what is wrong, as CSV: to be mended and sent again; or the rows refused."""
    job: Job = find_row(JOBS, actor_of(request), str(key))
    head = io.StringIO()
    of_file = [_("Line"), _("Column"), _("What is wrong"), *job.options.get("headings", ())]
    of_rows = [_("Number (id)"), _("Kind"), _("Why it was refused"), _("Row")]
    csv.writer(head).writerow(of_rows if job.is_of_rows else of_file)
    content = "\ufeff" + head.getvalue() + b"".join(errors_of(job)).decode()
    answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="errors-{job.pk}.csv"'
    return answer


def take_back_job(actor: Actor, job: Job, data: TakingBack) -> Job:
    """Begin to take back what a job has done; returns the job that does so."""
    return begin_undo(_job_panel(job), actor, job, data)


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
        Column("name", gettext_lazy("What"), width=170, grow=2),
        Column("panel", gettext_lazy("For"), value=what_for, width=130, in_api=False),
        Column("state", gettext_lazy("State"), kind="status", width=100),
        Column("percent", gettext_lazy("Done %"), kind="integer", value=percent, width=75),
        Column("created", gettext_lazy("Added"), kind="integer", width=75),
        Column("changed", gettext_lazy("Changed"), kind="integer", width=80),
        Column("wrong", gettext_lazy("Wrong or refused"), kind="integer", width=70),
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
        RowAction(
            "take-back",
            gettext_lazy("Take back"),
            take_back_job,
            data=TakingBack,
            fields=(Field("reason", gettext_lazy("Reason"), kind="textarea", wide=True),),
            icon="history",
            permission="jobs.view",
            confirm=gettext_lazy(
                "What this has done is taken back row by row, the last first, as far as nothing has changed since: "
                "changes get their old values, added rows are removed, removed rows are added anew. You see what was "
                "not taken back, and why. Money that was moved, mails that were sent and calls stay as they are."
            ),
            applies=can_be_taken_back,
            result=lambda job: {"job": str(job.pk)},
        ),
    ),
    detail=Detail("portal/jobs/job.html", page_context, title=gettext_lazy("Open")),
    extras=(
        Extra(
            "errors",
            lambda _actor, job: [told_error(job, line) for line in itertools.islice(error_lines(job), 1000)],
            gettext_lazy(
                "The first 1,000 lines that are wrong (line, column, text), or rows refused (id, name, slug, text)."
            ),
            many=True,
        ),
    ),
    has_history=False,
    search="name",
    help=gettext_lazy(
        "Files that you have imported, many rows that you have changed at once, and what came of them. A file is tried "
        "before it is taken: each line that is wrong is told, and nothing is changed until you say so. Files are kept "
        "for a week, rows that were refused for three months."
    ),
    empty=gettext_lazy("Import a file from the bar under any grid to which you may add rows."),
)

PANELS = (JOBS,)
