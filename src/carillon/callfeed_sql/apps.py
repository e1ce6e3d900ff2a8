from __future__ import annotations

from django.apps import AppConfig


class CallfeedSqlConfig(AppConfig):
    name = "carillon.callfeed_sql"
    label = "callfeed_sql"
