"""How web products look: colour, logo, texts; the shop."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("brands", "0002_allowed_classes"),
        ("partners", "0005_preferences"),
    ]

    operations = [
        migrations.AddField(
            model_name="webproduct",
            name="accent",
            field=models.CharField(default="#0b5cad", max_length=7),
        ),
        migrations.AddField(
            model_name="webproduct",
            name="has_shop",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="webproduct",
            name="headline",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AddField(
            model_name="webproduct",
            name="imprint",
            field=models.TextField(blank=True, default="", max_length=20000),
        ),
        migrations.AddField(
            model_name="webproduct",
            name="mail_name",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AddField(
            model_name="webproduct",
            name="privacy",
            field=models.TextField(blank=True, default="", max_length=20000),
        ),
        migrations.AddField(
            model_name="webproduct",
            name="tagline",
            field=models.CharField(blank=True, default="", max_length=300),
        ),
        migrations.AddField(
            model_name="webproduct",
            name="terms",
            field=models.TextField(blank=True, default="", max_length=20000),
        ),
        migrations.CreateModel(
            name="Logo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("media_type", models.CharField(max_length=20)),
                ("digest", models.CharField(max_length=16)),
                ("content", models.BinaryField()),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "web_product",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="logo", to="brands.webproduct"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
    ]
