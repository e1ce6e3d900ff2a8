"""Devices that hide their number."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0004_bans")]

    operations = [migrations.AddField("endpoint", "withholds_caller", models.BooleanField(default=False))]
