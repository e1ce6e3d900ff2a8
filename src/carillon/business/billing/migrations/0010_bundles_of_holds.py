"""What calls have of allowances is written with their holds."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0009_taxes"),
    ]

    operations = [
        migrations.AddField("hold", "bundles", models.JSONField(default=list)),
    ]
