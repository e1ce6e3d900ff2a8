"""Saved views of grids."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("partners", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("partner_id", models.BigIntegerField()),
                ("panel", models.CharField(max_length=50)),
                ("name", models.CharField(max_length=60)),
                ("query", models.CharField(blank=True, default="", max_length=2000)),
                ("is_default", models.BooleanField(default=False)),
                ("is_shared", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "login",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "view",
                "indexes": [models.Index(fields=["partner_id", "name", "id"], name="view_by_name")],
                "constraints": [
                    models.UniqueConstraint(fields=("partner_id", "login", "panel", "name"), name="view_once_per_name"),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("partner_id", "login", "panel"),
                        name="one_default_view_per_panel",
                    ),
                ],
            },
        ),
    ]
