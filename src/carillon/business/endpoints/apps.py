from __future__ import annotations

from django.apps import AppConfig


class EndpointsConfig(AppConfig):
    name = "carillon.business.endpoints"
    label = "endpoints"
