"""A call may have several chains of one kind: each CDR knows the place of its chain in the decision."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calls", "0003_trace_by_age")]

    operations = [
        migrations.AddField("cdr", "chain_no", models.PositiveSmallIntegerField(default=0)),
        migrations.RemoveConstraint("cdr", "one_cdr_per_chain_and_tier"),
        migrations.AddConstraint(
            "cdr",
            models.UniqueConstraint(
                fields=["started_on", "call_id", "chain", "chain_no", "tier", "is_carrier_cost"],
                name="one_cdr_per_chain_no_and_tier",
            ),
        ),
    ]
