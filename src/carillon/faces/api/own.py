"""What the person at work has for themselves, in REST: preferences, search, files of tickets."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from carillon.base.errors import InvalidInput
from carillon.business.notices.bell import mark_read, notifications_of
from carillon.business.partners.preferences import PreferencesData, set_preferences
from carillon.faces.api.schemas import JSON, body_schema, input_schema, problems
from carillon.faces.api.strict import StrictView, without_body
from carillon.faces.api.views import actor_of
from carillon.faces.portal.bell import listed
from carillon.faces.portal.preferences import INPUTS, initial_of
from carillon.faces.portal.search import Hits, cleaned, found_rows
from carillon.faces.portal.support import file_for, sent_file
from carillon.panels.conversion import convert

PREFERENCES = {"type": "object", "properties": {one.name: input_schema(one) for one in INPUTS}}


HIT = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "more": {"type": "string"}},
}
FOUND = {
    "type": "object",
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"resource": {"type": "string"}, "rows": {"type": "array", "items": HIT}},
            },
        }
    },
}


class AttachmentView(StrictView):
    """GET /attachments/<id>/: a file of a ticket."""

    @extend_schema(
        operation_id="attachments_retrieve",
        tags=["support"],
        summary="Support: a file of a ticket",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **problems(404)},
    )
    def get(self, request: Request, id: int) -> HttpResponse:  # noqa: A002 - the name of the path parameter
        """Return the file as a download."""
        return sent_file(file_for(actor_of(request), id))


class Search(StrictView):
    """GET /search/: what the search on top of the portal finds."""

    parameters = ("q",)

    @extend_schema(
        operation_id="search",
        tags=["search"],
        summary="Search: customers, users, numbers, endpoints, calls",
        parameters=[
            OpenApiParameter(
                "q",
                str,
                required=True,
                description="A part of a name or number; of calls an id, or the end of a number.",
            )
        ],
        responses={200: FOUND, **problems()},
    )
    def get(self, request: Request) -> Response:
        """Return at most five rows of each kind that the caller may see."""
        text = cleaned(request.query_params.get("q", ""))
        if not text:
            raise InvalidInput(fields={"q": _("Say at least two letters.")})
        return Response({"results": [_rest(one) for one in found_rows(actor_of(request), text)]})


def _rest(hits: Hits) -> dict[str, Any]:
    rows = [{"id": one.id, "name": one.name, "more": one.more} for one in hits.rows]
    return {"resource": hits.kind, "rows": rows}


NOTIFICATIONS = {
    "type": "object",
    "properties": {
        "unread": {"type": "integer"},
        "results": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
    },
}


class Notifications(StrictView):
    """GET /notifications/: what the bell shows. POST /notifications/: all of it has been read."""

    @extend_schema(
        operation_id="notifications_list",
        tags=["notifications"],
        summary="Notifications: list",
        responses={200: NOTIFICATIONS, **problems()},
    )
    def get(self, request: Request) -> Response:
        """Return the newest notifications of whoever calls."""
        return Response(listed(notifications_of(actor_of(request))))

    @extend_schema(
        operation_id="notifications_read",
        tags=["notifications"],
        summary="Notifications: mark all as read",
        request=None,
        responses={204: None, **problems()},
    )
    def post(self, request: Request) -> Response:
        """Mark all there are now as read."""
        without_body(request)
        mark_read(actor_of(request))
        return Response(status=204)


class Preferences(StrictView):
    """GET and PATCH /preferences/: of whoever calls."""

    @extend_schema(
        operation_id="preferences_retrieve",
        tags=["preferences"],
        summary="Preferences: retrieve",
        responses={200: PREFERENCES, **problems()},
    )
    def get(self, request: Request) -> Response:
        """Return language, time zone, formats and colours."""
        return Response(initial_of(actor_of(request)))

    @extend_schema(
        operation_id="preferences_update",
        tags=["preferences"],
        summary="Preferences: update",
        request={JSON: body_schema(INPUTS, is_new=False)},
        responses={200: PREFERENCES, **problems()},
    )
    def patch(self, request: Request) -> Response:
        """Change what is given; the rest stays."""
        actor, given = actor_of(request), request.data
        if not isinstance(given, dict):
            raise InvalidInput(_("The body must be a JSON object."))
        base: dict[str, Any] = initial_of(actor)
        set_preferences(actor, convert(PreferencesData, INPUTS, given, actor, base=base))
        return Response(initial_of(actor))
