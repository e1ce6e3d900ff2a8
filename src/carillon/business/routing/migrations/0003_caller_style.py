"""How each carrier is told who calls, which codecs it gets; IPv6 sources with a port."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models

FORMATS = [
    ("e164", "E.164 with plus (+44…)"),
    ("plain", "E.164 without plus (44…)"),
    ("national", "National (0…)"),
]
HEADERS = [
    ("pai", "P-Asserted-Identity"),
    ("ppi", "P-Preferred-Identity"),
    ("rpid", "Remote-Party-ID"),
    ("none", "From only"),
]
CODECS = [("PCMA", "G.711 A-law"), ("PCMU", "G.711 μ-law"), ("G722", "G.722"), ("G729", "G.729"), ("opus", "Opus")]


def add(name: str, field: models.Field) -> migrations.AddField:
    return migrations.AddField("gateway", name, field)


class Migration(migrations.Migration):
    dependencies = [("routing", "0002_gateway_ha1")]

    operations = [
        add("caller_header", models.CharField(choices=HEADERS, default="pai", max_length=4)),
        add("caller_format", models.CharField(blank=True, choices=FORMATS, default="", max_length=8)),
        add(
            "from_user",
            models.CharField(
                choices=[("caller", "The caller"), ("account", "Our user name")], default="caller", max_length=7
            ),
        ),
        add("from_domain", models.CharField(blank=True, default="", max_length=253)),
        add("sends_name", models.BooleanField(default=False)),
        add("is_trusted", models.BooleanField(default=True)),
        add("sends_diversion", models.BooleanField(default=True)),
        add(
            "codecs",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(choices=CODECS, max_length=8), blank=True, default=list, size=None
            ),
        ),
        migrations.AlterField(
            "gateway",
            "source_addresses",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=47), blank=True, default=list, size=None
            ),
        ),
    ]
