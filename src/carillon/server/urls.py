"""All addresses of the web process. Every face brings its own list."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("carillon.faces.gate.urls")),
    path("api/v1/", include("carillon.faces.api.urls")),
    path("", include("carillon.faces.portal.urls")),
]
