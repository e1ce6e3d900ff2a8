"""Every error as application/problem+json (RFC 9457): type, title, status, detail, and `fields` for wrong input."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from carillon.base.errors import CarillonError, NotFound, NotPermitted, Text

CONTENT_TYPE = "application/problem+json"
TYPE = "urn:carillon:problem:"


class Problem(serializers.Serializer[Any]):
    """What an error looks like."""

    type = serializers.CharField(help_text="urn:carillon:problem:<slug>: the kind of problem, for programs.")
    title = serializers.CharField(help_text="The kind of problem, for people.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What went wrong this time and what to do about it.")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(),
        required=False,
        help_text="Which inputs are wrong, and why; an import names lines as <line>:<column>.",
    )


class ProblemResponse(Response):
    """A problem is JSON whatever the caller accepts."""

    @property
    def rendered_content(self) -> Any:
        """The problem as JSON; its content type is its own."""
        self["Content-Type"] = CONTENT_TYPE
        return JSONRenderer().render(self.data)


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception into a problem; None for what is our own fault (a plain 500)."""
    if isinstance(error, Http404):
        error = NotFound()
    if isinstance(error, CarillonError):
        return problem(error.slug, error.title, error.status, error.detail, fields=error.fields)
    if isinstance(error, exceptions.PermissionDenied):
        return problem(NotPermitted.slug, NotPermitted.title, 403, str(error.detail))
    if isinstance(error, RequestDataTooBig):
        return problem("too-large", "The request is too large.", 413, "The body is larger than this address takes.")
    if isinstance(error, SuspiciousOperation):  # too many fields or files; its text is for our log
        return problem("malformed", "Bad Request", 400, "The body holds too much or is not well formed.")
    if isinstance(error, exceptions.APIException):
        asked = str(getattr(error, "auth_header", ""))
        headers = {"WWW-Authenticate": asked} if asked else {}
        slug = str(error.default_code).replace("_", "-")
        title = str(error.default_detail)
        if "{" in title:  # a pattern for the detail
            title = HTTPStatus(error.status_code).phrase
        return problem(slug, title, error.status_code, str(error.detail), headers=headers)
    return None


def problem(
    slug: str,
    title: Text,
    status: int,
    detail: str,
    *,
    fields: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return the response for one problem."""
    body: dict[str, Any] = {"type": TYPE + slug, "title": str(title), "status": status, "detail": detail}
    if fields:
        body["fields"] = fields
    return ProblemResponse(body, status=status, headers=headers, content_type=CONTENT_TYPE)
