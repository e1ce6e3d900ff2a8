"""Routes by quality, with shares and with hours."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0009_gateway_health")]

    operations = [
        migrations.AlterField(
            model_name="route",
            name="strategy",
            field=models.CharField(
                choices=[
                    ("static", "As listed"),
                    ("least_cost", "Least cost first"),
                    ("quality", "Best quality first"),
                    ("block", "Block"),
                ],
                default="static",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="weekdays",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("mon", "Monday"),
                        ("tue", "Tuesday"),
                        ("wed", "Wednesday"),
                        ("thu", "Thursday"),
                        ("fri", "Friday"),
                        ("sat", "Saturday"),
                        ("sun", "Sunday"),
                    ],
                    max_length=3,
                ),
                blank=True,
                default=list,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="route", name="begins", field=models.CharField(blank=True, default="", max_length=5)
        ),
        migrations.AddField(
            model_name="route", name="ends", field=models.CharField(blank=True, default="", max_length=5)
        ),
        migrations.AddField(model_name="route", name="timezone", field=models.CharField(default="UTC", max_length=64)),
        migrations.AddField(
            model_name="routegateway", name="weight", field=models.PositiveSmallIntegerField(default=0)
        ),
    ]
