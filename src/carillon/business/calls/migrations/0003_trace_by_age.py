"""Traces know their call's partner, by whose rule they are forgotten."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0002_shown_cdrs"),
    ]

    operations = [
        migrations.AddField(
            model_name="calltrace",
            name="partner_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.RunSQL(
            "update calls_calltrace t set partner_id = c.partner_id from calls_call c"
            " where c.id = t.call_id and t.partner_id is null",
            migrations.RunSQL.noop,
        ),
        migrations.AddIndex(
            model_name="calltrace",
            index=models.Index(fields=["partner_id", "recorded_at"], name="trace_by_age"),
        ),
    ]
