"""Trunks: accounts that are known by where their calls come from."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("endpoints", "0006_offline_alert"),
    ]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="source_addresses",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=47), blank=True, default=list, size=None
            ),
        ),
    ]
