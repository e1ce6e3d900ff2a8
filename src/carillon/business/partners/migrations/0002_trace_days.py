"""How long a partner keeps the SIP messages of its calls."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="partner",
            name="trace_days",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
    ]
