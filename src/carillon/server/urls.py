"""All addresses of the web process. Every face brings its own list."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from carillon.faces.api.metrics import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("carillon.faces.gate.urls")),
    path("api/v1/", include("carillon.faces.api.urls")),
    path("metrics", metrics, name="metrics"),
    path("", include("carillon.faces.portal.urls")),
]
