"""How the Partner Portal looks for a partner: name, colour, pictures."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("brands", "0003_themes"),
        ("partners", "0008_sign_ins"),
    ]

    operations = [
        migrations.CreateModel(
            name="PortalBrand",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60)),
                ("accent", models.CharField(default="#0b5cad", max_length=7)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["name", "id"], name="portal_brand_by_name")],
                "constraints": [models.UniqueConstraint(fields=("partner",), name="portal_brand_once_per_partner")],
            },
        ),
        migrations.CreateModel(
            name="PortalPicture",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "place",
                    models.CharField(
                        choices=[
                            ("light", "Logo on light ground"),
                            ("dark", "Logo on dark ground"),
                            ("icon", "Icon in the browser's tab"),
                        ],
                        max_length=5,
                    ),
                ),
                ("digest", models.CharField(max_length=16)),
                ("content", models.BinaryField()),
                (
                    "brand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pictures", to="brands.portalbrand"
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("brand", "place"), name="portal_picture_once_per_place")
                ],
            },
        ),
    ]
