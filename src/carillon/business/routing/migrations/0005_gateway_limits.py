"""How many calls a gateway takes, at once and in a second."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0004_foreign_caller")]

    operations = [
        migrations.AddField("gateway", "max_channels", models.PositiveIntegerField(null=True, blank=True)),
        migrations.AddField("gateway", "calls_per_s", models.PositiveSmallIntegerField(null=True, blank=True)),
    ]
