"""What a web product's hostname answers until the branded site is there: signing in and a front page."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from carillon.faces.gate.views import front_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("carillon.faces.gate.urls")),
    path("", front_page, name="front_page"),
]
