"""Customers of the cast with their users, sign-ins, SIP accounts and numbers."""

from __future__ import annotations

from collections import Counter

from carillon.base.actor import Actor
from carillon.business.billing.actions import LimitData, TopUpData, set_credit_limit, top_up_customer
from carillon.business.billing.queries import customer_account
from carillon.business.brands.models import WebProduct
from carillon.business.customers.actions import CustomerData, UserData, create_user
from carillon.business.customers.choices import Charging, CustomerKind, UserRole
from carillon.business.customers.models import Customer, User
from carillon.business.endpoints.actions import EndpointData, create_endpoint
from carillon.business.numbers.actions import NumberAssignment, NumberData, add_number, assign_number
from carillon.business.numbers.models import Number
from carillon.demo.cast.owner import own_partner
from carillon.demo.world import CURRENCY, PASSWORD, Buyer, Phone, micro
from carillon.usecases.give_login import LoginData, give_login
from carillon.usecases.open_customer import open_customer


def load_stock(actor: Actor, number: str, made: Counter[str]) -> Number:
    """A number in the actor's own stock."""
    known = Number.objects.visible_to(actor).filter(e164=number).first()
    if known is not None:
        return known
    made["numbers"] += 1
    return add_number(actor, NumberData(e164=number, area="London"))


def load_phone(actor: Actor, customer: Customer, phone: Phone, made: Counter[str]) -> User:
    """A user with sign-in, SIP account and number."""
    role = UserRole.ADMINISTRATOR if phone.is_administrator else UserRole.USER
    user = create_user(
        actor,
        UserData(customer_id=customer.pk, name=phone.name, email=phone.email, extension=phone.extension, role=role),
    )
    give_login(actor, user, LoginData(password=PASSWORD))
    create_endpoint(actor, EndpointData(customer_id=customer.pk, username=phone.username, user_id=user.pk))
    number = load_stock(actor, phone.number, made)
    assign_number(actor, number, NumberAssignment(customer_id=customer.pk, user_id=user.pk, is_default_caller_id=True))
    made["users"] += 1
    return user


def load_buyer(actor: Actor, buyer: Buyer, made: Counter[str]) -> None:
    """A customer with its money and its people."""
    product = WebProduct.objects.visible_to(actor).get(partner_id=own_partner(actor), name=buyer.brand)
    if Customer.objects.visible_to(actor).filter(web_product=product, name=buyer.name).exists():
        return
    customer = open_customer(
        actor,
        CustomerData(
            web_product_id=product.pk,
            name=buyer.name,
            kind=CustomerKind(buyer.kind),
            email=buyer.phones[0].email,
            country=buyer.country,
            currency=CURRENCY,
            charging=Charging(buyer.charging),
        ),
    )
    if micro(buyer.balance):
        data = TopUpData(
            amount_micro=micro(buyer.balance), idempotency_key=f"demo:{buyer.name}", reference="Demo money"
        )
        top_up_customer(actor, customer, data)
    account = customer_account(actor, customer.pk)
    if account is not None and micro(buyer.credit_limit):
        set_credit_limit(actor, account, LimitData(credit_limit_micro=micro(buyer.credit_limit), reason="Demo world"))
    for phone in buyer.phones:
        load_phone(actor, customer, phone, made)
    made["customers"] += 1
