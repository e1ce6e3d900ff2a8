"""How many calls a customer's devices may begin in a second."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0007_emergency_number")]

    operations = [
        migrations.AddField("customer", "calls_per_s", models.PositiveSmallIntegerField(null=True, blank=True)),
        migrations.AddField("customer", "call_burst", models.PositiveSmallIntegerField(null=True, blank=True)),
    ]
