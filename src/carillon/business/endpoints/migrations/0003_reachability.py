"""Since when SIP accounts that have registered once are not registered any more."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("endpoints", "0002_text_search"),
    ]

    operations = [
        migrations.CreateModel(
            name="Reachability",
            fields=[
                (
                    "endpoint",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="reachability",
                        serialize=False,
                        to="endpoints.endpoint",
                    ),
                ),
                ("offline_since", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("offline_since__isnull", False)),
                        fields=["offline_since"],
                        name="endpoint_offline",
                    )
                ],
            },
        ),
    ]
