"""Devices that are watched."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("endpoints", "0005_withholds_caller"),
    ]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="offline_alert_minutes",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
    ]
