from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0012_networks"),
    ]

    operations = [
        migrations.AddField(
            "apitoken",
            "second_factor",
            models.CharField(
                choices=[
                    ("optional", "If the person has set one up"),
                    ("required", "Always"),
                    ("passkey", "Always, and a passkey only"),
                ],
                default="optional",
                max_length=8,
            ),
        ),
    ]
