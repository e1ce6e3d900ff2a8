"""How long it took until a phone rang."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0007_phone_tests"),
    ]

    operations = [
        migrations.AddField(
            model_name="cdr",
            name="ring_ms",
            field=models.BigIntegerField(null=True),
        ),
    ]
