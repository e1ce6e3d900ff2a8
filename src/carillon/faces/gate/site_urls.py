"""What a web product's hostname answers until the branded site is there: signing in, a front page, customers' API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from carillon.faces.gate import themes
from carillon.faces.gate.views import front_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("carillon.faces.gate.urls")),
    path("api/v1/", include("carillon.faces.api.urls")),  # for tokens and sessions of this realm: its customers'
    path("theme.css", themes.style_sheet, name="theme"),
    path("logo", themes.logo, name="logo"),
    path("legal/<slug:name>/", themes.legal_text, name="legal"),
    path("", front_page, name="front_page"),
]
