"""Mails to customers: in their language, in the words and the name of the web product that they bought at."""

from __future__ import annotations

from collections.abc import Mapping

from carillon.base.actor import Actor
from carillon.business.customers.choices import UserRole
from carillon.business.customers.models import Customer, User
from carillon.business.notices.choices import MailEvent
from carillon.business.notices.mails import Occasion, letter


def write_to_customer(actor: Actor, customer: Customer, event: MailEvent, values: Mapping[str, str]) -> bool:
    """Write to a customer, else to its administrators; False when nobody has an address.

    `customer` has its partner and web product. `name` and `site` are put beside the `values`. Cost: five queries.
    """
    to = _addresses(actor, customer)
    if not to:
        return False
    product = customer.web_product
    occasion = Occasion(
        event=event,
        partner=customer.partner,
        values={"name": customer.name, "site": product.name, **values},
        culture=customer.culture,
        web_product_id=product.pk,
        site=product.mail_name or product.name,
        hostname=product.hostname,
    )
    letter(actor, occasion, to).send()
    return True


def _addresses(actor: Actor, customer: Customer) -> list[str]:
    if customer.email:
        return [customer.email]
    rows = User.objects.visible_to(actor).filter(customer=customer, role=UserRole.ADMINISTRATOR, is_enabled=True)
    return list(rows.exclude(email="").order_by("pk").values_list("email", flat=True))
