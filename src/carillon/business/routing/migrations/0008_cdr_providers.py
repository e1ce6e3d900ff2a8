"""Carriers' CDR files and what comparing them with our calls came to."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0003_blacklist"),
        ("routing", "0007_received_costs"),
    ]

    operations = [
        migrations.CreateModel(
            name="CdrProvider",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "gateway_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("started_column", models.CharField(max_length=60)),
                ("callee_column", models.CharField(max_length=60)),
                ("duration_column", models.CharField(max_length=60)),
                ("caller_column", models.CharField(blank=True, default="", max_length=60)),
                ("price_column", models.CharField(blank=True, default="", max_length=60)),
                ("call_id_column", models.CharField(blank=True, default="", max_length=60)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                ("time_format", models.CharField(blank=True, default="", max_length=60)),
                (
                    "start_means",
                    models.CharField(
                        choices=[("setup", "When the call began"), ("answer", "When it was answered")],
                        default="setup",
                        max_length=6,
                    ),
                ),
                (
                    "duration_unit",
                    models.CharField(
                        choices=[
                            ("seconds", "Seconds"),
                            ("milliseconds", "Milliseconds"),
                            ("minutes", "Minutes"),
                            ("clock", "h:mm:ss or m:ss"),
                        ],
                        default="seconds",
                        max_length=12,
                    ),
                ),
                (
                    "decimal_mark",
                    models.CharField(
                        choices=[("point", "Point (0.05)"), ("comma", "Comma (0,05)")], default="point", max_length=5
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("price_divisor", models.PositiveIntegerField(default=1)),
                ("country", models.CharField(blank=True, default="", max_length=2)),
                ("start_tolerance_s", models.PositiveIntegerField(default=60)),
                ("duration_tolerance_s", models.PositiveIntegerField(default=1)),
                ("price_tolerance_micro", models.PositiveBigIntegerField(default=100)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file_name", models.CharField(max_length=100)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("currency", models.CharField(max_length=3)),
                ("counts", models.JSONField(default=dict)),
                ("theirs_micro", models.BigIntegerField(default=0)),
                ("ours_micro", models.BigIntegerField(default=0)),
                ("overcharged_micro", models.BigIntegerField(default=0)),
                ("undercharged_micro", models.BigIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reconciliations",
                        to="routing.cdrprovider",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReconciledCall",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("matched", "The same"),
                            ("duration", "Duration differs"),
                            ("price", "Price differs"),
                            ("theirs", "Only theirs"),
                            ("ours", "Only ours"),
                        ],
                        max_length=8,
                    ),
                ),
                ("line", models.PositiveIntegerField(null=True)),
                ("started_at", models.DateTimeField()),
                ("caller", models.CharField(default="", max_length=64)),
                ("callee", models.CharField(max_length=64)),
                ("theirs_ms", models.BigIntegerField(null=True)),
                ("ours_ms", models.BigIntegerField(null=True)),
                ("theirs_micro", models.BigIntegerField(null=True)),
                ("ours_micro", models.BigIntegerField(null=True)),
                ("overcharged_micro", models.BigIntegerField(default=0)),
                ("call_id", models.UUIDField(null=True)),
                ("sip_call_id", models.CharField(default="", max_length=255)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "reconciliation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="routing.reconciliation"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="cdrprovider",
            index=models.Index(fields=["partner", "name", "id"], name="cdr_provider_by_name"),
        ),
        migrations.AddConstraint(
            model_name="cdrprovider",
            constraint=models.UniqueConstraint(fields=("partner", "name"), name="cdr_provider_name_once_per_partner"),
        ),
        migrations.AddIndex(
            model_name="reconciliation",
            index=models.Index(fields=["partner", "-id"], name="reconciliation_newest"),
        ),
        migrations.AddIndex(
            model_name="reconciledcall",
            index=models.Index(fields=["reconciliation", "verdict", "started_at", "id"], name="reconciled_by_verdict"),
        ),
        migrations.AddIndex(
            model_name="reconciledcall",
            index=models.Index(fields=["reconciliation", "overcharged_micro", "id"], name="reconciled_by_money"),
        ),
        migrations.AddIndex(
            model_name="reconciledcall",
            index=models.Index(fields=["partner", "started_at", "id"], name="reconciled_by_start"),
        ),
    ]
