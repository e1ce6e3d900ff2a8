"""What a carrier charges for the calls that it brings."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pricing", "0001_initial"), ("routing", "0006_allows_loss")]

    operations = [
        migrations.AddField(
            "gateway",
            "received_list",
            models.ForeignKey(
                "pricing.PriceList",
                null=True,
                blank=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
            ),
        ),
    ]
