"""Packages are for numbers of a destination group."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalogue", "0001_initial"),
        ("pricing", "0008_terms"),
    ]

    operations = [
        migrations.AddField(
            model_name="allowance",
            name="group",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="pricing.destinationgroup",
            ),
        ),
        migrations.AddField(
            model_name="package",
            name="group",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="pricing.destinationgroup",
            ),
        ),
    ]
