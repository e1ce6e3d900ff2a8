"""Taxes on what customers pay."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0008_reratings"),
        ("partners", "0013_token_factor"),
    ]

    operations = [
        migrations.CreateModel(
            name="TaxRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=50)),
                ("country", models.CharField(blank=True, default="", max_length=2)),
                (
                    "customer_kind",
                    models.CharField(
                        blank=True,
                        choices=[("company", "Company"), ("individual", "Individual")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("percent", models.DecimalField(decimal_places=3, max_digits=6)),
                ("position", models.PositiveSmallIntegerField(default=1)),
                ("effective_from", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["partner", "name", "id"], name="tax_rule_by_name")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("partner", "name", "country", "customer_kind", "effective_from"),
                        name="tax_rule_once_per_moment",
                    )
                ],
            },
        ),
    ]
