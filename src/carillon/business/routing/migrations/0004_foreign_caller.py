"""A carrier may be told the first caller's number of a call that was forwarded."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0003_caller_style")]

    operations = [migrations.AddField("gateway", "shows_foreign_caller", models.BooleanField(default=False))]
