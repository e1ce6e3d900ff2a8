from __future__ import annotations

from django.apps import AppConfig


class PricingConfig(AppConfig):
    name = "carillon.business.pricing"
    label = "pricing"
