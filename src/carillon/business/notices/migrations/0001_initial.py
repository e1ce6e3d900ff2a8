"""Alerts."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("customers", "0007_emergency_number"),
        ("endpoints", "0006_offline_alert"),
        ("partners", "0003_blacklist"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("emergency", "Emergency call"),
                            ("offline", "Device offline"),
                            ("back", "Device back"),
                        ],
                        max_length=9,
                    ),
                ),
                ("call_id", models.UUIDField(blank=True, null=True)),
                ("about", models.CharField(max_length=300)),
                ("address", models.CharField(blank=True, default="", max_length=300)),
                ("since", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("mailed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "mailed_to",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.EmailField(max_length=254), blank=True, default=list, size=None
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="endpoints.endpoint",
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="customers.user",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["partner", "-id"], name="alert_by_partner")],
                "constraints": [
                    models.UniqueConstraint(fields=("call_id", "kind"), name="alert_once_per_call"),
                    models.UniqueConstraint(fields=("endpoint", "kind", "since"), name="alert_once_per_outage"),
                ],
            },
        ),
    ]
