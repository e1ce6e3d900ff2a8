"""Who asked for a what-if, and is told when it has ended."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pricing", "0005_trials")]

    operations = [migrations.AddField("pricetrial", "login_id", models.BigIntegerField(null=True))]
