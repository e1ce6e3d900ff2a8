"""What CDRs add up to by the hour."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

FIGURES = [
    (
        "tab",
        models.CharField(
            choices=[("dialled", "Dialled"), ("received", "Received"), ("missed", "Missed"), ("other", "Other")],
            max_length=8,
        ),
    ),
    ("destination", models.CharField(max_length=100)),
    ("currency", models.CharField(max_length=3)),
    ("calls", models.BigIntegerField()),
    ("answered", models.BigIntegerField()),
    ("talked_ms", models.BigIntegerField()),
    ("rung", models.BigIntegerField()),
    ("ring_ms", models.BigIntegerField()),
    ("revenue_micro", models.BigIntegerField()),
    ("cost_micro", models.BigIntegerField()),
]


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("calls", "0008_ring_ms"),
        ("partners", "0003_blacklist"),
    ]

    operations = [
        migrations.CreateModel(
            name="CallShare",
            fields=[
                *FIGURES,
                ("hour", models.DateTimeField()),
                ("started_at", models.DateTimeField()),
                ("started_on", models.DateField()),
                ("call_id", models.UUIDField(primary_key=True, serialize=False)),
                ("seller_id", models.BigIntegerField()),
                ("customer_id", models.BigIntegerField(null=True)),
            ],
            options={"db_table": "reports_callshare", "managed": False},
        ),
        migrations.CreateModel(
            name="CallHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                *FIGURES,
                ("hour", models.DateTimeField()),
                ("is_part", models.BooleanField(default=True)),
                (
                    "partner",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="partners.partner",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["partner", "hour"], name="call_hour_of_partner"),
                    models.Index(condition=models.Q(("is_part", True)), fields=["id"], name="call_hour_part"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_part", False)),
                        fields=("partner", "hour", "tab", "destination", "currency"),
                        name="one_sum_an_hour",
                    ),
                ],
            },
        ),
    ]
