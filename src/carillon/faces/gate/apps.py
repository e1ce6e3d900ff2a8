from __future__ import annotations

from django.apps import AppConfig


class GateConfig(AppConfig):
    name = "carillon.faces.gate"
    label = "gate"
