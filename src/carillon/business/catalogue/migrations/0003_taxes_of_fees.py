"""Taxes on fees."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalogue", "0002_groups"),
    ]

    operations = [
        migrations.AddField(
            model_name="feecharge",
            name="is_tax_inclusive",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="feecharge",
            name="tax_micro",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="feecharge",
            name="taxes",
            field=models.JSONField(blank=True, db_default=[], default=list),
        ),
        migrations.AddField(
            model_name="product",
            name="is_tax_inclusive",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
