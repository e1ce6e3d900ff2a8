"""Views of the tests in test_requests.py: what any view may do, right and wrong."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path
from django.utils import timezone, translation

from carillon.business.customers.models import Customer


def names(request: HttpRequest) -> HttpResponse:
    return HttpResponse(",".join(sorted(Customer.objects.values_list("name", flat=True))))


def rendered(request: HttpRequest) -> TemplateResponse:
    """Rows are read while the template is rendered, after the view has returned."""
    template = engines["django"].from_string("{% for row in rows %}{{ row.name }},{% endfor %}")
    return TemplateResponse(request, template, {"rows": Customer.objects.order_by("name")})


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    """Rows are read when the server sends, after all middleware has returned."""

    def lines() -> Iterator[str]:
        for row in Customer.objects.order_by("name").iterator():
            yield f"{row.name},"

    return StreamingHttpResponse(lines())


def broken(request: HttpRequest) -> HttpResponse:
    Customer.objects.update(name="half done")
    raise RuntimeError("the view fails after a change")


def refused(request: HttpRequest) -> HttpResponse:
    Customer.objects.update(email="done@carillon.test")
    return HttpResponse("not that", status=409)


def caught(request: HttpRequest) -> HttpResponse:
    try:
        with transaction.atomic():
            Customer.objects.update(email="half@done.test")
            Customer.objects.update(name=None)  # not null
    except IntegrityError:
        pass
    return names(request)


def loosened(request: HttpRequest) -> HttpResponse:
    answer = HttpResponse("scripts from everywhere")
    answer["Content-Security-Policy"] = "default-src * 'unsafe-inline'"
    return answer


def manner(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{timezone.get_current_timezone_name()} {translation.get_language()}")


urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("carillon.faces.gate.urls")),
    path("names", names),
    path("rendered", rendered),
    path("streamed", streamed),
    path("broken", broken),
    path("refused", refused),
    path("caught", caught),
    path("manner", manner),
    path("loosened", loosened),
]
