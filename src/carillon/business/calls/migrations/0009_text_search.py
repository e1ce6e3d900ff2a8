"""`public.carillon_search` finds calls by the SIP Call-ID and by the last digits of their numbers."""

from __future__ import annotations

from django.contrib.postgres.indexes import OpClass
from django.db import migrations, models
from django.db.models.functions import Reverse

SHOWN = models.Q(("is_carrier_cost", False), ("tier", 0))


class Migration(migrations.Migration):
    dependencies = [("calls", "0008_ring_ms")]

    operations = [
        migrations.AddIndex(
            "call", models.Index(fields=["sip_call_id"], name="call_by_sip_id", condition=models.Q(state="rated"))
        ),
        *(
            migrations.AddIndex(
                "cdr",
                models.Index(
                    models.F("partner"),
                    OpClass(Reverse(number), "text_pattern_ops"),
                    name=f"cdr_by_{number}",
                    condition=SHOWN,
                ),
            )
            for number in ("callee", "caller")
        ),
    ]
