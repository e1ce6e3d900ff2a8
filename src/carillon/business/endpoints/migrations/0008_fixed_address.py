"""Trunks: accounts whose calls go to an address, registered or not."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("endpoints", "0007_source_addresses"),
    ]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="fixed_address",
            field=models.CharField(blank=True, default="", max_length=47),
        ),
    ]
