"""Emergency calls are looked for."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0005_fewer_keys_on_hot_tables"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                condition=models.Q(("direction", "emergency")), fields=["started_at"], name="call_emergency"
            ),
        ),
    ]
