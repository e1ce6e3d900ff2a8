"""What versions would have charged for calls of the past."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0003_blacklist"),
        ("pricing", "0004_drafts"),
    ]

    operations = [
        migrations.CreateModel(
            name="PriceTrial",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("done", "Done"), ("failed", "Failed")],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("currency", models.CharField(max_length=3)),
                ("calls", models.PositiveIntegerField(default=0)),
                ("minutes", models.PositiveBigIntegerField(default=0)),
                ("now_micro", models.BigIntegerField(default=0)),
                ("then_micro", models.BigIntegerField(default=0)),
                ("cost_micro", models.BigIntegerField(default=0)),
                ("unpriced", models.PositiveIntegerField(default=0)),
                ("left_out", models.PositiveIntegerField(default=0)),
                ("is_cut", models.BooleanField(default=False)),
                ("destinations", models.JSONField(blank=True, default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="trials",
                        to="pricing.pricelistversion",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["partner", "-id"], name="price_trial_newest")],
            },
        ),
    ]
