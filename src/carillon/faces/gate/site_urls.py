"""What a web product's hostname answers until the branded site is there: signing in, a front page, customers' API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from carillon.faces.gate.views import front_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("carillon.faces.gate.urls")),
    path("api/v1/", include("carillon.faces.api.urls")),  # for tokens and sessions of this realm: its customers'
    path("", front_page, name="front_page"),
]
