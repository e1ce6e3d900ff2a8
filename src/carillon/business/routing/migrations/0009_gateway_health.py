"""Gateways are asked whether they are there, and what is known of them is kept."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0008_cdr_providers")]

    operations = [
        migrations.AddField(
            model_name="gateway",
            name="is_probed",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="gateway",
            name="probe_interval_s",
            field=models.PositiveSmallIntegerField(default=30),
        ),
        migrations.CreateModel(
            name="GatewayHealth",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uri", models.CharField(max_length=300)),
                (
                    "presence",
                    models.CharField(
                        choices=[
                            ("alive", "There"),
                            ("away", "Away"),
                            ("unknown", "Not known"),
                            ("unasked", "Not asked"),
                        ],
                        default="unknown",
                        max_length=7,
                    ),
                ),
                ("since", models.DateTimeField(null=True)),
                ("silences", models.PositiveIntegerField(default=0)),
                ("replied_at", models.DateTimeField(null=True)),
                ("heard_at", models.DateTimeField(null=True)),
                ("sip_code", models.PositiveSmallIntegerField(null=True)),
                ("round_trip_ms", models.PositiveIntegerField(null=True)),
                ("quarters", models.JSONField(default=list)),
                (
                    "gateway",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="health", to="routing.gateway"
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["partner", "presence"], name="gateway_health_by_presence")],
            },
        ),
    ]
