from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pricing", "0011_fallback"),
    ]

    operations = [
        migrations.AddField(
            model_name="pricetrial",
            name="customers",
            field=models.JSONField(blank=True, default=list),
        ),
    ]
