from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pricing", "0008_terms"),
    ]

    operations = [
        migrations.AddField(
            model_name="pricetrial",
            name="customers",
            field=models.JSONField(blank=True, default=list),
        ),
    ]
