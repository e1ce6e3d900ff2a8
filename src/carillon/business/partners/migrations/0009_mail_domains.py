"""Blacklists name domains of e-mail addresses too."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0008_sign_ins")]

    operations = [
        migrations.AlterField(
            model_name="blacklistentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("called", "Called number"),
                    ("calling", "Calling number"),
                    ("network", "Network"),
                    ("mail", "E-mail domain"),
                ],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="blacklistentry",
            name="value",
            field=models.CharField(max_length=253),
        ),
    ]
