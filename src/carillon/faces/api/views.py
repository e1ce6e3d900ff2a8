"""REST made of panels: one view set per panel, with the verbs that the panel offers."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.exceptions import NotAuthenticated
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from carillon.base.actor import Actor
from carillon.base.changes import Circumstances, snapshot, version_of
from carillon.base.errors import ChangedMeanwhile, Conflict, InvalidInput, NotFound
from carillon.base.models import Job
from carillon.business.partners.queries import Host
from carillon.faces.api.bulk import BulkRequest, bulk_actions, bulk_request, told_outcomes
from carillon.faces.api.idempotency import once
from carillon.faces.api.strict import StrictView, check_parameters, without_body
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.jobs import JOBS
from carillon.panels.bulk import bulk_called, matching_keys
from carillon.panels.bulkjobs import Wanted, change_or_begin
from carillon.panels.cells import rest_row
from carillon.panels.changes import (
    REASON,
    Changes,
    action_inputs,
    find_row,
    page_inputs,
    panel_inputs,
    require,
    row_version,
)
from carillon.panels.columns import chosen_columns
from carillon.panels.conversion import from_form
from carillon.panels.declaration import Extra, Page, Panel, RowAction
from carillon.panels.export import export
from carillon.panels.filtering import filter_class, filtered, order_of
from carillon.panels.inputs import Input
from carillon.panels.paging import MAX_SIZE, read_page
from carillon.panels.totals import rest_totals, totals_of

CHANGES = Changes(find_panel)
OF_LIST = ("order", "limit", "cursor")
OF_EXPORT = ("order", "columns")
OF_CHANGE = ("reason",)


class PanelView(StrictView, ViewSet):
    """The five verbs of a panel; subclasses made by `urls` name the panel and carry the schema."""

    panel: ClassVar[Panel]

    @property
    def parameters(self) -> Collection[str]:
        """Those of a list say which rows and in which order; those of a change say why."""
        known = {"browse": (*row_names(self.panel), *OF_LIST), "retrieve": ()}
        return known.get(self.action, OF_CHANGE)

    def browse(self, request: Request) -> Response:
        """Return one page of rows."""
        panel, actor = self.panel, actor_of(request)
        require(panel, actor, "view")
        rows = _asked(panel, request)
        order = order_of(panel, request.query_params.get("order", ""))
        page = read_page(rows, order, _limit(request.query_params), request.query_params.get("cursor", ""))
        results = [rest_row(panel, row) for row in page.rows]
        return Response({"results": results, "next": page.next or None, "previous": page.previous or None})

    def create(self, request: Request) -> Response:
        """Create a row."""
        panel, actor = self.panel, actor_of(request)

        def do() -> tuple[int, dict[str, Any]]:
            with told_as_parameter():
                row = CHANGES.create(panel, actor, _given(request, panel_inputs(panel)), around(request, panel))
            return 201, rest_row(panel, _fresh(panel, actor_of(request), row))

        return once_only(request, actor, do)

    def retrieve(self, request: Request, id: Any) -> Response:  # noqa: A002 - the name of the path parameter
        """Return one row; its ETag is the version that `If-Match` of a change may name."""
        return _row(self.panel, find_row(self.panel, actor_of(request), str(id)))

    def partial_update(self, request: Request, id: Any) -> Response:  # noqa: A002
        """Change what is given; the rest stays."""
        panel, actor = self.panel, actor_of(request)
        row = find_row(panel, actor, str(id))
        with told_as_parameter():
            given = _given(request, panel_inputs(panel))
            row = CHANGES.update(panel, actor, row, given, around(request, panel, row)) or row
        return _row(panel, _fresh(panel, actor, row))  # which may lie outside what the actor sees now

    def destroy(self, request: Request, id: Any) -> Response:  # noqa: A002
        """Remove a row."""
        panel, actor = self.panel, actor_of(request)
        row = find_row(panel, actor, str(id))
        require(panel, actor, "delete")
        without_body(request)
        with told_as_parameter():
            CHANGES.remove(panel, actor, row, around(request, panel, row))
        return Response(status=204)


class Unasked(BaseContentNegotiation):
    """Leaves the choice to the view: `format` is a parameter like others."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """Return the first: nothing is sent here."""
        return next(iter(parsers), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the first: it draws problems only."""
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class ExportView(StrictView, ViewSet):
    """GET /<resource>/export/."""

    panel: ClassVar[Panel]
    content_negotiation_class = Unasked

    @property
    def parameters(self) -> Collection[str]:
        """Which rows, in which order, which columns."""
        return (*row_names(self.panel), *OF_EXPORT)

    def read(self, request: Request) -> HttpResponse:
        """Return the rows as a file for spreadsheets, the first 50,000; no cell of it is a formula."""
        panel, given = self.panel, request.query_params
        actor = actor_of(request)
        require(panel, actor, "view")
        columns = chosen_columns(panel, given.get("columns", ""), for_customer=actor.customer_id is not None)
        order = order_of(panel, given.get("order", ""))
        return export(panel, columns, _asked(panel, request), order, given.get("format", "csv"))


class TotalsView(StrictView, ViewSet):
    """GET /<resource>/totals/."""

    panel: ClassVar[Panel]

    @property
    def parameters(self) -> Collection[str]:
        """Which rows."""
        return row_names(self.panel)

    def read(self, request: Request) -> Response:
        """Return how many rows there are and what they add up to; when they are too many, no half a sum."""
        require(self.panel, actor_of(request), "view")
        return Response(rest_totals(self.panel, totals_of(self.panel, _asked(self.panel, request))))


class BulkView(StrictView, ViewSet):
    """POST /<resource>/bulk/."""

    panel: ClassVar[Panel]

    def run(self, request: Request) -> Response:
        """Change many rows, each by itself: up to 20 at once (200, what came of each), more as a job (202)."""
        panel, actor = self.panel, actor_of(request)
        require(panel, actor, "view")
        wanted = bulk_request(request)
        if wanted.action not in bulk_actions(panel):
            raise NotFound
        bulk = bulk_called(panel, actor, wanted.action)

        def do() -> tuple[int, dict[str, Any]]:
            keys = [*wanted.ids] if wanted.ids else _matching(panel, actor, wanted)
            asked = Wanted(keys, wanted.values, wanted.reason, wanted.query)
            with told_as_parameter():
                result = change_or_begin(CHANGES, panel, actor, bulk, asked)
            return (202, rest_row(JOBS, result)) if isinstance(result, Job) else (200, told_outcomes(result))

        return once_only(request, actor, do)


def _matching(panel: Panel, actor: Actor, wanted: BulkRequest) -> list[str]:
    given = QueryDict(wanted.query.removeprefix("?"))
    check_parameters(given, row_names(panel))
    found = matching_keys(filtered(panel, actor, given, customer_id=_customer(panel, given)))
    if wanted.count not in (None, len(found)):
        raise Conflict(_("%(count)d rows match by now.") % {"count": len(found)})
    return found


class ActionView(StrictView, ViewSet):
    """POST /<resource>/<id>/<action>/."""

    panel: ClassVar[Panel]
    action_of_row: ClassVar[RowAction]
    parameters = OF_CHANGE

    def run(self, request: Request, id: Any) -> Response:  # noqa: A002
        """Run the action; the answer is what it shows, or the row as it is now."""
        panel, actor, action = self.panel, actor_of(request), self.action_of_row
        row = find_row(panel, actor, str(id))

        def do() -> tuple[int, dict[str, Any]]:
            with told_as_parameter():
                given = _given(request, action_inputs(action))
                result = CHANGES.run(panel, actor, row, action, given, around(request, panel, row))
            if action.result is not None:
                return 200, {str(label): str(text) for label, text in action.result(result).items()}
            now = panel.rows(actor).filter(pk=id).first()
            return 200, rest_row(panel, now) if now is not None else {}

        return once_only(request, actor, do, is_secret=action.is_secret)


class ExtraView(StrictView, ViewSet):
    """GET /<resource>/<id>/<extra>/."""

    panel: ClassVar[Panel]
    extra: ClassVar[Extra]

    def read(self, request: Request, id: Any) -> Response:  # noqa: A002
        """Return a further part of a row."""
        actor = actor_of(request)
        return Response(self.extra.read(actor, find_row(self.panel, actor, str(id))))


class PageView(StrictView, ViewSet):
    """GET /<page>/."""

    page: ClassVar[Page]

    @property
    def parameters(self) -> Collection[str]:
        """What the page's form asks for."""
        return [one.name for one in page_inputs(self.page)]

    def read(self, request: Request) -> Response:
        """Return what the page tells, of what the parameters ask."""
        given = request.query_params
        many = {one.name for one in page_inputs(self.page) if one.many}
        asked = {name: given.getlist(name) if name in many else given[name] for name in given if name != "format"}
        return Response(CHANGES.answer(self.page, actor_of(request), asked))


def around(request: Request, panel: Panel, row: Any = None) -> Circumstances:
    """Return the circumstances that a request names: `?reason=`, and `If-Match` with the row's ETag.

    Raises:
        ChangedMeanwhile: the row has another version already (RFC 9110, 13.1.1).
    """
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in request.headers.get("If-Match", "").split(",")]
    version = ""
    if row is not None and tags not in ([""], ["*"]):
        if row_version(panel, row) not in tags:
            raise ChangedMeanwhile
        version = version_of(snapshot(row))  # the action looks again, behind its lock
    return Circumstances(reason=request.query_params.get("reason", ""), version=version)


@contextmanager
def told_as_parameter() -> Iterator[None]:
    """Call the reason in errors what it is called in REST."""
    try:
        yield
    except InvalidInput as error:
        if REASON in error.fields:
            error.fields["reason"] = error.fields.pop(REASON)
        raise


def _row(panel: Panel, row: Any) -> Response:
    return Response(rest_row(panel, row), headers={"ETag": f'"{row_version(panel, row)}"'})


class Description(StrictView, SpectacularAPIView):
    """GET /schema/: the OpenAPI description, made once per process, language and website.

    Anybody may read it at the portal; at a web product's site who has signed in there.
    """

    def check_permissions(self, request: Request) -> None:
        """Raise NotAuthenticated for visitors of a web product's site."""
        if _host(request).web_product_id is not None and actor_of(request).login_id is None:
            raise NotAuthenticated

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the description."""
        return Response(_description(_host(request).name, get_language()))


def _host(request: Request) -> Host:
    host: Host = request._request.host  # type: ignore[attr-defined]
    return host


@functools.lru_cache(maxsize=64)
def _description(name: str, language: str | None) -> dict[str, Any]:
    """`language` is the active one: titles are translated."""
    found: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return {**found, "info": {**found["info"], "title": f"{name} API"}}


class NoSuchResource(APIView):
    """Answers for every other address under /api/v1/."""

    schema = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Refuse whatever the method is."""
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: Request, **kwargs: Any) -> Response:
        """Say that there is nothing here."""
        raise NotFound(_("There is no such address. The description of all is at /api/v1/schema/."))

    post = put = patch = delete = get


def actor_of(request: Request) -> Actor:
    """Return who calls, put there by the authentication."""
    actor: Actor = request._request.actor  # type: ignore[attr-defined]
    return actor


def once_only(request: Request, actor: Actor, do: Any, *, is_secret: bool = False) -> Response:
    """Answer what `do` returns, or returned when the request came before under the same Idempotency-Key."""
    key = request.headers.get("Idempotency-Key", "")
    what = f"{actor.login_id} {request.method} {request.get_full_path()}\n".encode() + (_raw(request) if key else b"")
    status, body = once(actor, key, what, do, is_secret=is_secret)
    return Response(body, status=status)


def _raw(request: Request) -> bytes:
    """What identifies the body; its bytes are gone once it was parsed. Files by what is in them."""
    data = request.data
    if isinstance(data, QueryDict):
        files = {name: [_digest(file) for file in request.FILES.getlist(name)] for name in request.FILES}
        return repr((sorted((name, data.getlist(name)) for name in data if name not in files), files)).encode()
    return repr(sorted(data.items()) if isinstance(data, dict) else data).encode()


def _digest(file: UploadedFile[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _fresh(panel: Panel, actor: Actor, row: Any) -> Any:
    """The new row as its panel reads it (with joins and annotations)."""
    seen = panel.rows(actor).filter(pk=row.pk).first()
    return row if seen is None else seen


def _given(request: Request, inputs: tuple[Input, ...]) -> dict[str, Any]:
    data = request.data
    if isinstance(data, QueryDict):
        unknown = set(data) - {one.name for one in inputs} - {"csrfmiddlewaretoken"}
        if unknown:
            raise InvalidInput(fields={name[:100]: _("There is no such field.") for name in unknown})
        return from_form(inputs, data, request.FILES)
    if not isinstance(data, dict):
        raise InvalidInput(_("The body must be a JSON object."))
    return data


def _asked(panel: Panel, request: Request) -> QuerySet[Any]:
    """The rows that the query's filters leave."""
    given = request.query_params
    return filtered(panel, actor_of(request), given, customer_id=_customer(panel, given))


def row_names(panel: Panel) -> Collection[str]:
    """Return the parameters that say which rows: filters, customer, tab."""
    return {*filter_class(panel).base_filters, "tab", *(("customer_id",) if panel.customer_field else ())}


def _customer(panel: Panel, given: QueryDict) -> int | None:
    text = given.get("customer_id", "")
    if not text or "customer_id" in filter_class(panel).base_filters:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidInput(fields={"customer_id": _("This must be a whole number.")})
    return int(text)


def _limit(given: QueryDict) -> int:
    text = given.get("limit", "50")
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MAX_SIZE):
        raise InvalidInput(fields={"limit": _("This must be a whole number from 1 to %(most)s.") % {"most": MAX_SIZE}})
    return int(text)
