"""What makes panels worth a look: odd names, money that is owed, views, messages to programs, a carrier's CDR file."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from django.db.models import Sum

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.billing.actions import (
    ReversalData,
    TopUpData,
    reverse_transfer,
    top_up_customer,
    top_up_partner,
)
from carillon.business.billing.models import Account, Transfer
from carillon.business.billing.queries import accounts_of
from carillon.business.brands.models import WebProduct
from carillon.business.calls.choices import Outcome
from carillon.business.calls.models import Cdr
from carillon.business.customers.actions import CustomerData, UserData, create_user
from carillon.business.customers.choices import Charging
from carillon.business.customers.models import Customer
from carillon.business.endpoints.actions import EndpointData, create_endpoint
from carillon.business.notices.models import Webhook
from carillon.business.notices.webhooks import disable_webhook, enable_webhook, send_test
from carillon.business.routing.models import CdrProvider, Gateway
from carillon.business.routing.providers import ProviderData, create_provider
from carillon.demo.cast.notices import ADDRESS
from carillon.demo.cast.owner import own_partner
from carillon.demo.world import BUSINESS, CURRENCY
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.panels.models import SavedView
from carillon.panels.views import ViewData, save_view
from carillon.usecases.open_customer import open_customer
from carillon.usecases.reconcile_cdrs import CdrFile, reconcile_cdrs

ODD = (  # (customer, user, username): long, and written from right to left
    (
        "Donaudampfschifffahrtsgesellschaftskapitänsmützenmanufaktur Müller & Söhne GmbH & Co. KG (Süd)",
        "Maximiliane Freifrau von und zu Hohenlohe-Waldenburg-Schillingsfürst",
        "maximiliane",
    ),
    ("شركة الاتصالات المتحدة للهاتف والإنترنت", "ليلى عبد الرحمن الخطيب", "layla"),
    ("חברת הטלפונים של הצפון בע״מ", "נועה בן-דוד", "noa"),
)
OWES = ODD[1][0]  # its payment bounced after it had been spent
BOUNCED = "A month in advance"
VIEWS = (
    ViewData("cdrs", "Not answered abroad", "outcome=no_answer&direction=outbound&columns=started_at,caller,callee"),
    ViewData("cdrs", "Answered, longest first", "outcome=answered", is_shared=True),
    ViewData("customers", "Who pays later", "charging=postpaid", is_shared=True),
    ViewData("numbers", "Stock", "state=available"),
)
LISTED = ("Start", "From", "To", "Seconds", "Charge", "Call-ID")
OFF = {7: "gone", 19: "longer", 31: "dearer", 43: "longer", 58: "gone"}  # what is wrong in which line of the file


def load_odd_people(actor: Actor, made: Counter[str]) -> None:
    """Customers whose names are long or written from right to left; a webhook is told of each."""
    product = WebProduct.objects.visible_to(actor).get(partner_id=own_partner(actor), name=BUSINESS)
    if Customer.objects.visible_to(actor).filter(web_product=product, name=ODD[0][0]).exists():
        return
    listen(actor)
    for name, person, username in ODD:
        data = CustomerData(web_product_id=product.pk, name=name, charging=Charging.PREPAID, currency=CURRENCY)
        customer = open_customer(actor, data)
        user = create_user(actor, UserData(customer_id=customer.pk, name=person, extension="100"))
        create_endpoint(actor, EndpointData(customer_id=customer.pk, username=username, user_id=user.pk))
        made["customers"] += 1


def listen(actor: Actor) -> None:
    """Switch the example webhook on: its receiver does not exist, so that its messages are tried again and again."""
    for hook in Webhook.objects.visible_to(actor).filter(url=ADDRESS, is_enabled=False):
        send_test(actor, enable_webhook(actor, hook))


def listen_no_more(actor: Actor) -> None:
    """Switch the example webhook off: it need not be told of thousands of calls."""
    for hook in Webhook.objects.visible_to(actor).filter(url=ADDRESS, is_enabled=True):
        disable_webhook(actor, hook)


def pay(actor_of: Callable[[int], Actor], system: Actor, made: Counter[str]) -> None:
    """Pay what the month has cost, so that everybody has again what the demo world says; but one payment bounces."""
    with tenant(system):
        owed = _owed(system)
        accounts = list(accounts_of(system).filter(pk__in=owed).select_related("customer", "buyer_partner"))
    for account in accounts:
        key = f"demo month:{account.pk}"
        share = 2 if account.credit_limit_micro else 1  # who pays later has paid half of it
        pounds = (Decimal(owed[account.pk]) / share / 1_000_000).quantize(Decimal(1), ROUND_CEILING)
        data = TopUpData(amount_micro=int(pounds) * 1_000_000, idempotency_key=key, reference=BOUNCED)
        with tenant(actor_of(account.partner_id)) as seller:
            transfer = _paid(seller, account, data)
            if account.customer is not None and account.customer.name == OWES:
                reverse_transfer(seller, transfer, ReversalData(reason="The bank gave the payment back."))
        made["top-ups"] += 1


def _owed(system: Actor) -> dict[int, int]:
    """What calls have cost, by account, micro-units."""
    rows = Cdr.objects.visible_to(system).filter(is_carrier_cost=False, account_id__isnull=False)
    costs = rows.values("account_id").annotate(cost=Sum("amount_micro")).filter(cost__gt=0)
    return {key or 0: cost for key, cost in costs.values_list("account_id", "cost")}


def _paid(seller: Actor, account: Account, data: TopUpData) -> Transfer:
    if account.customer is not None:
        return top_up_customer(seller, account.customer, data)
    assert account.buyer_partner is not None  # noqa: S101 - holders are customers and partners
    return top_up_partner(seller, account.buyer_partner, data)


def load_views(actor: Actor, made: Counter[str]) -> None:
    """Views of the grids that people live in."""
    for view in VIEWS:
        panel = find_panel(view.panel)
        mine = SavedView.objects.visible_to(actor).filter(login_id=actor.login_id or 0, panel=view.panel)
        if panel is not None and not mine.filter(name=view.name).exists():
            save_view(actor, panel, view)
            made["views"] += 1


def load_reconciliation(actor: Actor, now: datetime, made: Counter[str]) -> None:
    """A carrier's CDR file of the last week, with a few lines that differ from ours."""
    gateway = (
        Gateway.objects.visible_to(actor).filter(partner_id=own_partner(actor), is_demo=True).order_by("pk").first()
    )
    if gateway is None or CdrProvider.objects.visible_to(actor).filter(name=gateway.name).exists():
        return
    provider = create_provider(
        actor,
        ProviderData(
            name=gateway.name,
            gateway_ids=(gateway.pk,),
            started_column=LISTED[0],
            caller_column=LISTED[1],
            callee_column=LISTED[2],
            duration_column=LISTED[3],
            price_column=LISTED[4],
            currency=CURRENCY,
        ),
    )
    since = now - timedelta(days=7)
    rows = Cdr.objects.visible_to(actor).filter(
        gateway_id=gateway.pk, is_carrier_cost=True, outcome=Outcome.ANSWERED, started_at__gte=since
    )
    content = carriers_file(list(rows.order_by("started_at", "pk")))
    reconcile_cdrs(actor, provider, CdrFile(content=content, name="week.csv", since=since, until=now))
    made["reconciliations"] += 1


def carriers_file(rows: list[Cdr]) -> bytes:
    """Return a carrier's file of these calls of ours, with what carriers get wrong."""
    chance = random.Random(len(rows))  # noqa: S311 - nothing secret
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(LISTED)
    for number, row in enumerate(rows):
        wrong = OFF.get(number, "")
        seconds = round(row.duration_ms / 1000) + (60 if wrong == "longer" else 0)
        charge = Decimal(row.amount_micro) / 1_000_000 * (3 if wrong == "dearer" else 1)
        at = row.started_at + timedelta(milliseconds=chance.randrange(900))
        if wrong != "gone":
            line = (f"{at:%Y-%m-%d %H:%M:%S}", row.caller, row.callee, seconds, f"{charge:.6f}", "")
            lines.writerow(line)
    return text.getvalue().encode()
