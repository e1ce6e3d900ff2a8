from __future__ import annotations

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "carillon.business.billing"
    label = "billing"
