"""What versions change and who has written them, approval by a second person, sale lists made of costs."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0003_blacklist"),
        ("pricing", "0003_wholesale"),
    ]

    operations = [
        migrations.AddField(
            model_name="pricelist",
            name="cost_list_ids",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="needs_second_person",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="pricelistversion",
            name="authors",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=200), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="pricelistversion",
            name="changes",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="pricelistversion",
            name="compared_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="pricelistversion",
            name="compared_with",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="pricing.pricelistversion",
            ),
        ),
        migrations.AddField(
            model_name="pricelistversion",
            name="made_from",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), blank=True, default=list, size=None
            ),
        ),
        migrations.CreateModel(
            name="MarkupRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("prefix", models.CharField(blank=True, default="", max_length=15)),
                ("destination", models.CharField(blank=True, default="", max_length=100)),
                ("percent", models.DecimalField(decimal_places=2, default=0, max_digits=7)),
                ("fixed", models.DecimalField(decimal_places=8, default=0, max_digits=14)),
                ("minimum_margin", models.DecimalField(decimal_places=8, default=0, max_digits=14)),
                ("step", models.DecimalField(decimal_places=8, default=0, max_digits=14)),
                ("initial_s", models.PositiveIntegerField(blank=True, null=True)),
                ("increment_s", models.PositiveIntegerField(blank=True, null=True)),
                ("is_left_out", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "price_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="markup_rules", to="pricing.pricelist"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["partner", "prefix", "id"], name="markup_rule_by_prefix")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("price_list", "prefix", "destination"), name="markup_rule_once_per_numbers"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RateChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("prefix", models.CharField(blank=True, max_length=15)),
                ("name", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("new", "New"),
                            ("gone", "Gone"),
                            ("dearer", "Dearer"),
                            ("cheaper", "Cheaper"),
                            ("other", "Otherwise"),
                        ],
                        max_length=7,
                    ),
                ),
                ("was_per_minute", models.DecimalField(decimal_places=8, max_digits=14, null=True)),
                ("per_minute", models.DecimalField(decimal_places=8, max_digits=14, null=True)),
                ("was_connection_fee", models.DecimalField(decimal_places=8, max_digits=14, null=True)),
                ("connection_fee", models.DecimalField(decimal_places=8, max_digits=14, null=True)),
                ("was_intervals", models.CharField(default="", max_length=11)),
                ("intervals", models.CharField(default="", max_length=11)),
                ("percent", models.DecimalField(decimal_places=2, default=0, max_digits=16)),
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
                        related_name="rate_changes",
                        to="pricing.pricelistversion",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["version", "kind", "prefix", "id"], name="rate_change_by_kind"),
                    models.Index(fields=["version", "percent", "id"], name="rate_change_by_percent"),
                ],
                "constraints": [models.UniqueConstraint(fields=("version", "prefix"), name="change_once_per_prefix")],
            },
        ),
    ]
