"""Who used a package is counted over all of its calls."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0013_loss_by_default"),
        ("partners", "0013_token_factor"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="cdr",
            index=models.Index(
                condition=models.Q(("explanation__contains", {"bundles": [{}]})),
                fields=["partner", "customer_id", "started_at"],
                name="cdr_of_bundles",
            ),
        ),
    ]
