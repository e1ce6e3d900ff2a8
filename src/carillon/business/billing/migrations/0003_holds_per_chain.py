"""A call may hold money for each of its charge chains."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_balanced_transfers")]

    operations = [
        migrations.AddField("hold", "chain_no", models.PositiveSmallIntegerField(default=0)),
        migrations.AlterField("hold", "call_id", models.UUIDField()),
        migrations.AddConstraint(
            "hold", models.UniqueConstraint(fields=["call_id", "chain_no"], name="one_hold_per_chain")
        ),
    ]
