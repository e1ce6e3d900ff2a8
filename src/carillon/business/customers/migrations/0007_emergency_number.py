"""Where help must come to, and the number that stands for it."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0006_daily_spend"),
    ]

    operations = [
        migrations.AddField(
            model_name="customer",
            name="emergency_address",
            field=models.CharField(blank=True, default="", max_length=300),
        ),
        migrations.AddField(
            model_name="customer",
            name="emergency_number",
            field=models.CharField(blank=True, default="", max_length=16),
        ),
        migrations.AddField(
            model_name="user",
            name="emergency_number",
            field=models.CharField(blank=True, default="", max_length=16),
        ),
    ]
