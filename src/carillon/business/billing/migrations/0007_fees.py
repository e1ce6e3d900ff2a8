"""Fees of subscriptions in the books."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0006_transfers_by_holder"),
    ]

    operations = [
        migrations.AlterField(
            model_name="account",
            name="kind",
            field=models.CharField(
                choices=[
                    ("customer", "Customer"),
                    ("partner", "Sub-partner"),
                    ("revenue", "Call revenue"),
                    ("fees", "Fee revenue"),
                    ("cost", "Carrier cost"),
                    ("payable", "Payable to carriers"),
                    ("cash", "Payments received"),
                ],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="transfer",
            name="kind",
            field=models.CharField(
                choices=[
                    ("top_up", "Top-up"),
                    ("calls", "Calls"),
                    ("fees", "Fees"),
                    ("adjustment", "Adjustment"),
                    ("reversal", "Reversal"),
                ],
                max_length=10,
            ),
        ),
    ]
