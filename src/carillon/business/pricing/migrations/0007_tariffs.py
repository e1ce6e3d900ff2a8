"""Steps, windows, grace, minimum and maximum of rates; rules of lists; holiday calendars; destination groups."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0013_token_factor"),
        ("pricing", "0006_who_asked"),
    ]

    operations = [
        migrations.CreateModel(
            name="DestinationGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("prefix_count", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="DestinationPrefix",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("prefix", models.CharField(max_length=15)),
            ],
        ),
        migrations.CreateModel(
            name="Holiday",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("date", models.CharField(max_length=21)),
                ("name", models.CharField(blank=True, default="", max_length=100)),
            ],
        ),
        migrations.CreateModel(
            name="HolidayCalendar",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("country", models.CharField(blank=True, default="", max_length=2)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="PriceWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=1)),
                ("name", models.CharField(max_length=40)),
                (
                    "weekdays",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("mon", "Monday"),
                                ("tue", "Tuesday"),
                                ("wed", "Wednesday"),
                                ("thu", "Thursday"),
                                ("fri", "Friday"),
                                ("sat", "Saturday"),
                                ("sun", "Sunday"),
                            ],
                            max_length=3,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("begins", models.CharField(blank=True, default="", max_length=5)),
                ("ends", models.CharField(blank=True, default="", max_length=5)),
                (
                    "month_days",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "dates",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=21), blank=True, default=list, size=None
                    ),
                ),
                (
                    "except_dates",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=21), blank=True, default=list, size=None
                    ),
                ),
                (
                    "calendar_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "except_calendar_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), blank=True, default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="markuprule",
            name="markup_rule_once_per_numbers",
        ),
        migrations.AddField(
            model_name="pricelist",
            name="ends_at_maximum",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="is_fee_deductible",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="is_split",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="rounds_increments",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="timezone",
            field=models.CharField(default="UTC", max_length=64),
        ),
        migrations.AddField(
            model_name="pricelist",
            name="unit",
            field=models.CharField(
                choices=[("minute", "Minute"), ("second", "Second"), ("hour", "Hour"), ("message", "Message")],
                default="minute",
                max_length=7,
            ),
        ),
        migrations.AddField(
            model_name="pricelistversion",
            name="terms",
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="rate",
            name="grace_s",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="rate",
            name="maximum",
            field=models.DecimalField(blank=True, decimal_places=8, max_digits=14, null=True),
        ),
        migrations.AddField(
            model_name="rate",
            name="minimum",
            field=models.DecimalField(db_default=0, decimal_places=8, default=0, max_digits=14),
        ),
        migrations.AddField(
            model_name="rate",
            name="steps",
            field=models.CharField(blank=True, db_default="", default="", max_length=400),
        ),
        migrations.AddField(
            model_name="rate",
            name="windows",
            field=models.CharField(blank=True, db_default="", default="", max_length=4000),
        ),
        migrations.AddField(
            model_name="ratechange",
            name="further",
            field=models.TextField(default=""),
        ),
        migrations.AddField(
            model_name="ratechange",
            name="was_further",
            field=models.TextField(default=""),
        ),
        migrations.AddField(
            model_name="destinationgroup",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
            ),
        ),
        migrations.AddField(
            model_name="markuprule",
            name="group",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="pricing.destinationgroup",
            ),
        ),
        migrations.AddConstraint(
            model_name="markuprule",
            constraint=models.UniqueConstraint(
                fields=("price_list", "group", "prefix", "destination"),
                name="markup_rule_once_per_numbers",
                nulls_distinct=False,
            ),
        ),
        migrations.AddField(
            model_name="destinationprefix",
            name="group",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="prefixes", to="pricing.destinationgroup"
            ),
        ),
        migrations.AddField(
            model_name="destinationprefix",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
            ),
        ),
        migrations.AddField(
            model_name="holiday",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
            ),
        ),
        migrations.AddField(
            model_name="holidaycalendar",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
            ),
        ),
        migrations.AddField(
            model_name="holiday",
            name="calendar",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="holidays", to="pricing.holidaycalendar"
            ),
        ),
        migrations.AddField(
            model_name="pricewindow",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
            ),
        ),
        migrations.AddField(
            model_name="pricewindow",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="price_windows", to="pricing.pricelistversion"
            ),
        ),
        migrations.AddIndex(
            model_name="destinationgroup",
            index=models.Index(fields=["partner", "name", "id"], name="group_by_name"),
        ),
        migrations.AddConstraint(
            model_name="destinationgroup",
            constraint=models.UniqueConstraint(fields=("partner", "name"), name="group_name_once_per_partner"),
        ),
        migrations.AddIndex(
            model_name="destinationprefix",
            index=models.Index(fields=["partner", "group", "prefix", "id"], name="group_prefix_by_prefix"),
        ),
        migrations.AddConstraint(
            model_name="destinationprefix",
            constraint=models.UniqueConstraint(fields=("group", "prefix"), name="prefix_once_per_group"),
        ),
        migrations.AddIndex(
            model_name="holidaycalendar",
            index=models.Index(fields=["partner", "name", "id"], name="calendar_by_name"),
        ),
        migrations.AddConstraint(
            model_name="holidaycalendar",
            constraint=models.UniqueConstraint(fields=("partner", "name"), name="calendar_name_once_per_partner"),
        ),
        migrations.AddIndex(
            model_name="holiday",
            index=models.Index(fields=["partner", "calendar", "date", "id"], name="holiday_by_date"),
        ),
        migrations.AddConstraint(
            model_name="holiday",
            constraint=models.UniqueConstraint(fields=("calendar", "date"), name="holiday_once_per_calendar"),
        ),
        migrations.AddIndex(
            model_name="pricewindow",
            index=models.Index(fields=["partner", "version", "position", "id"], name="price_window_by_position"),
        ),
        migrations.AddConstraint(
            model_name="pricewindow",
            constraint=models.UniqueConstraint(fields=("version", "name"), name="window_name_once_per_version"),
        ),
        migrations.AddConstraint(
            model_name="pricewindow",
            constraint=models.UniqueConstraint(fields=("version", "position"), name="window_position_once_per_version"),
        ),
    ]
