"""Sub-partners are told of new prices."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0010_new_prices"),
    ]

    operations = [
        migrations.AlterField(
            model_name="alert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("emergency", "Emergency call"),
                    ("offline", "Device offline"),
                    ("back", "Device back"),
                    ("webhook", "Webhook disabled"),
                    ("balance_low", "Balance low"),
                    ("credit_low", "Own credit low"),
                    ("gateway_down", "Gateway down"),
                    ("gateway_up", "Gateway up again"),
                    ("prices", "New purchase prices"),
                    ("prices_stay", "Purchase prices stay"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="alertchoice",
            name="in_bell",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("emergency", "Emergency call"),
                        ("offline", "Device offline"),
                        ("back", "Device back"),
                        ("webhook", "Webhook disabled"),
                        ("balance_low", "Balance low"),
                        ("credit_low", "Own credit low"),
                        ("gateway_down", "Gateway down"),
                        ("gateway_up", "Gateway up again"),
                        ("prices", "New purchase prices"),
                        ("prices_stay", "Purchase prices stay"),
                    ],
                    max_length=16,
                ),
                blank=True,
                default=list,
                size=None,
            ),
        ),
        migrations.AlterField(
            model_name="alertchoice",
            name="mailed",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("emergency", "Emergency call"),
                        ("offline", "Device offline"),
                        ("back", "Device back"),
                        ("webhook", "Webhook disabled"),
                        ("balance_low", "Balance low"),
                        ("credit_low", "Own credit low"),
                        ("gateway_down", "Gateway down"),
                        ("gateway_up", "Gateway up again"),
                        ("prices", "New purchase prices"),
                        ("prices_stay", "Purchase prices stay"),
                    ],
                    max_length=16,
                ),
                blank=True,
                default=list,
                size=None,
            ),
        ),
        migrations.AlterField(
            model_name="webhook",
            name="events",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("customer.created", "Customer created"),
                        ("customer.changed", "Customer changed"),
                        ("customer.suspended", "Customer suspended"),
                        ("customer.blocked", "Customer blocked"),
                        ("customer.activated", "Customer active again"),
                        ("customer.balance_low", "Customer told of a low balance"),
                        ("customer.terminated", "Customer terminated"),
                        ("user.created", "User created"),
                        ("user.changed", "User changed"),
                        ("user.removed", "User removed"),
                        ("endpoint.created", "SIP endpoint created"),
                        ("endpoint.changed", "SIP endpoint changed"),
                        ("endpoint.removed", "SIP endpoint removed"),
                        ("endpoint.registered", "SIP endpoint registered"),
                        ("endpoint.lost", "SIP endpoint no longer registered"),
                        ("number.assigned", "Number assigned"),
                        ("number.unassigned", "Number taken back"),
                        ("call.ended", "Call ended, with its CDR"),
                        ("transaction.created", "Top-up or other transaction"),
                        ("price_list.approved", "Price list approved"),
                        ("partner.created", "Sub-partner created"),
                        ("partner.changed", "Sub-partner changed"),
                        ("partner.suspended", "Sub-partner suspended"),
                        ("partner.blocked", "Sub-partner blocked"),
                        ("partner.activated", "Sub-partner active again"),
                        ("partner.terminated", "Sub-partner terminated"),
                        ("ticket.opened", "Ticket opened"),
                        ("ticket.replied", "Ticket replied to"),
                        ("alert.emergency", "Alert: emergency call"),
                        ("alert.offline", "Alert: device offline"),
                        ("alert.back", "Alert: device back"),
                        ("alert.balance_low", "Alert: balance low"),
                        ("alert.credit_low", "Alert: own credit low"),
                        ("alert.gateway_down", "Alert: gateway down"),
                        ("alert.gateway_up", "Alert: gateway up again"),
                        ("alert.prices", "Alert: new purchase prices"),
                        ("alert.prices_stay", "Alert: purchase prices stay"),
                    ],
                    max_length=32,
                ),
                size=None,
            ),
        ),
    ]
