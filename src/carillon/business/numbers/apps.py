from __future__ import annotations

from django.apps import AppConfig


class NumbersConfig(AppConfig):
    name = "carillon.business.numbers"
    label = "numbers"
