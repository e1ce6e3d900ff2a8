"""The base of every table that belongs to a partner."""

from __future__ import annotations

from django.db import models

from carillon.base.tenancy import Tenancy


class TenantModel(models.Model):
    """A row owned by one partner; customers do not see it unless the model's `tenancy` names their column."""

    tenancy = Tenancy()

    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True
