"""POST /<resource>/import/: rows from a file, in the background; what comes of it is at /jobs/<id>/."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput, NotFound, NotPermitted
from carillon.base.jobs import jobs_of, start_job
from carillon.base.models import Job
from carillon.faces.api.strict import StrictView
from carillon.faces.api.views import actor_of, once_only
from carillon.faces.portal.jobs import JOBS, draft, planned
from carillon.panels.cells import rest_row
from carillon.panels.declaration import Panel
from carillon.panels.importing import may_import, plain

OF_FILE = {"encoding", "separator", "dates", "numbers", "timezone"}  # how it is written
FIELDS = {"file", "mapping", "key", "is_all_or_nothing", "is_rehearsal", *OF_FILE}
SWITCHES = {"true": True, "false": False, "1": True, "0": False}


class ImportView(StrictView, ViewSet):
    """Sends a file and starts its job."""

    panel: ClassVar[Panel]

    def create(self, request: Request) -> Response:
        """Import a file: 202 and the job."""
        panel, actor = self.panel, actor_of(request)
        if not may_import(panel, actor):
            raise NotPermitted if panel.may(actor, "view") else NotFound
        given = _given(request)

        def do() -> tuple[int, dict[str, Any]]:
            file = request.FILES["file"]
            job = draft(actor, panel, file, str(file.name or ""), given)
            _plan(actor, panel, job, given)
            started = start_job(actor, job, is_rehearsal=_switch(given, "is_rehearsal", default=False))
            return 202, rest_row(JOBS, started)

        return once_only(request, actor, do)


def _given(request: Request) -> dict[str, str]:
    data = request.data
    if not isinstance(data, QueryDict):
        raise InvalidInput(_("Send the file as multipart/form-data."))
    wrong = {name[:100]: "There is no such field." for name in set(data) - FIELDS - {"csrfmiddlewaretoken"}}
    if "file" not in request.FILES:
        wrong["file"] = "This is needed."
    if wrong:
        raise InvalidInput(fields=wrong)
    return {name: str(data[name]) for name in FIELDS - {"file"} if name in data}


def _switch(given: dict[str, str], name: str, *, default: bool) -> bool:
    text = given.get(name, "").lower()
    if text and text not in SWITCHES:
        raise InvalidInput(fields={name: _("This must be true or false.")})
    return SWITCHES.get(text, default)


def _plan(actor: Actor, panel: Panel, job: Job, given: dict[str, str]) -> None:
    """Take the mapping that was sent, heading -> field; what it leaves out fills nothing. Without one it is guessed."""
    names: list[str] = job.options["mapping"]
    if given.get("mapping"):
        try:
            wanted = json.loads(given["mapping"])
            chosen = {plain(str(heading)): str(name or "") for heading, name in wanted.items()}
        except (ValueError, AttributeError, RecursionError):
            raise InvalidInput(fields={"mapping": _("This must be a JSON object: heading -> field.")}) from None
        names = [chosen.get(plain(heading), "") for heading in job.options["headings"]]
    is_whole = _switch(given, "is_all_or_nothing", default=True)
    job.options = planned(panel, job.options, names, given.get("key", ""), is_whole=is_whole)
    jobs_of(actor).filter(pk=job.pk).update(options=job.options)
