"""How a person reads dates and numbers, and whether by light or dark."""

from django.db import migrations, models

DATES = [
    ("iso", "2026-01-31"),
    ("day-first", "31/01/2026"),
    ("month-first", "01/31/2026"),
    ("dotted", "31.01.2026"),
]
NUMBERS = [("point", "1,234.56"), ("comma", "1.234,56"), ("space", "1 234,56")]
COLOURS = [("system", "As the system"), ("light", "Light"), ("dark", "Dark")]


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0004_own_roles"),
    ]

    operations = [
        migrations.AddField(
            model_name="login",
            name="date_format",
            field=models.CharField(choices=DATES, default="iso", max_length=12),
        ),
        migrations.AddField(
            model_name="login",
            name="number_format",
            field=models.CharField(choices=NUMBERS, default="point", max_length=8),
        ),
        migrations.AddField(
            model_name="login",
            name="colour_scheme",
            field=models.CharField(choices=COLOURS, default="system", max_length=8),
        ),
    ]
