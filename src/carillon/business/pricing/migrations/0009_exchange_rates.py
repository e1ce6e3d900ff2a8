"""Exchange rates."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0013_token_factor"),
        ("pricing", "0008_terms"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExchangeRate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=3)),
                ("target", models.CharField(max_length=3)),
                ("rate", models.DecimalField(decimal_places=10, max_digits=20)),
                ("loss_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
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
                "indexes": [models.Index(fields=["partner", "source", "target", "id"], name="exchange_rate_by_pair")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("partner", "source", "target", "effective_from"), name="exchange_rate_once_per_moment"
                    )
                ],
            },
        ),
    ]
