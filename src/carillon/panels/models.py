"""What people keep of their grids."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from carillon.base.tenancy import ScopedQuerySet, Tenancy


class SavedView(models.Model):
    """A grid as somebody left it, under a name: filters, tab, order, columns and size, as its address has them."""

    tenancy = Tenancy(across=("login",))

    partner_id = models.BigIntegerField()  # where it was saved: a person who works at two partners has views at each
    login = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    panel = models.CharField(max_length=50)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, default="", blank=True)
    is_default = models.BooleanField(default=False)  # the panel opens so, for this person
    is_shared = models.BooleanField(default=False)  # colleagues at the same partner see it too
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["SavedView"].as_manager()

    class Meta:
        verbose_name = "view"
        constraints = [
            models.UniqueConstraint(fields=["partner_id", "login", "panel", "name"], name="view_once_per_name"),
            models.UniqueConstraint(
                fields=["partner_id", "login", "panel"],
                condition=models.Q(is_default=True),
                name="one_default_view_per_panel",
            ),
        ]
        indexes = [models.Index(fields=["partner_id", "name", "id"], name="view_by_name")]

    def __str__(self) -> str:
        return self.name
