from __future__ import annotations

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "carillon.business.reports"
    label = "reports"
