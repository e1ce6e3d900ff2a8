"""How long a customer's calls may last."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_allowed_classes")]

    operations = [
        migrations.AddField(
            model_name="customer", name="max_call_minutes", field=models.PositiveSmallIntegerField(default=240)
        ),
    ]
