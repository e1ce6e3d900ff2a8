"""A route may use carriers that cost more than the call brings in."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0005_gateway_limits")]

    operations = [migrations.AddField("route", "allows_loss", models.BooleanField(default=False))]
