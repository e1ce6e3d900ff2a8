"""The base of every table that belongs to a partner."""

from __future__ import annotations

from typing import Any

from django.db import models

from carillon.base.tenancy import Tenancy


class TenantModel(models.Model):
    """A row owned by one partner; customers do not see it unless the model's `tenancy` names their column."""

    tenancy = Tenancy()

    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


def of_tenant(*, is_indexed: bool = True) -> models.ForeignKey[Any, Any]:
    """`partner` of a table that calls fill, without a foreign key of its own in the database.

    There a composite key with the account proves the same (base/policies.py), or nothing but our own worker writes rows
    and no partner is ever deleted. Each check would share-lock one and the same partner's row, ten times a call. It has
    no index of its own where another begins with it, or where rows are found by something else.
    """
    return models.ForeignKey(
        "partners.Partner", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=is_indexed
    )
