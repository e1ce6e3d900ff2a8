"""Users' own forwarding: unconditional, busy, no answer, unreachable."""

from __future__ import annotations

from django.db import migrations, models


def _switch(name: str) -> migrations.AddField:
    return migrations.AddField("user", name, models.BooleanField(default=False))


def _destination(name: str) -> migrations.AddField:
    return migrations.AddField("user", name, models.CharField(blank=True, default="", max_length=40))


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_text_search")]

    operations = [
        _switch("forwards_always"),
        _destination("forward_always_to"),
        _switch("forwards_busy"),
        _destination("forward_busy_to"),
        _switch("forwards_no_answer"),
        _destination("forward_no_answer_to"),
        _switch("forwards_unreachable"),
        _destination("forward_unreachable_to"),
        migrations.AddField("user", "no_answer_s", models.PositiveSmallIntegerField(default=20)),
    ]
