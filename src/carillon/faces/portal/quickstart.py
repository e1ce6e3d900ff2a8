"""Quick Start: what is missing before the first call, and the call itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.calls.choices import PhoneTestState
from carillon.business.calls.models import PhoneTest
from carillon.business.calls.queries import phone_tests_of
from carillon.panels.declaration import Column, Field, Filter, Link, Page, Panel, Text
from carillon.usecases.go_live import steps_to_go_live
from carillon.usecases.try_phone import PhoneTestData, try_phone

TESTS_SHOWN = 3
TEST_ENDS = (PhoneTestState.ENDED, PhoneTestState.REFUSED, PhoneTestState.FAILED)
# What each step is called, why it is needed, and where it is done: (title, text, panel).
STEPS: Mapping[str, tuple[Text, Text, str]] = {
    "second_factor": (
        _("Protect your sign-in"),
        _("Add a second factor: whoever has your password alone then gets nowhere."),
        "",
    ),
    "web_product": (
        _("Add a web product"),
        _("Your brand: its hostname, its look, and the SIP domain that your customers' phones register with."),
        "web-products",
    ),
    "prices": (
        _("Make a price list"),
        _("Add a list, import or write its rates, and approve the version: from then on it holds."),
        "price-lists",
    ),
    "assignment": (
        _("Say who pays by it"),
        _("Choose “Assign” in the menu of the list. With no buyer it is the list of everybody who has no other."),
        "price-lists",
    ),
    "gateway": (
        _("Connect a carrier"),
        _("A gateway of your own, or a price list from the company that you buy from: then calls leave through it."),
        "gateways",
    ),
    "route": (_("Route calls to it"), _("One route for all numbers is enough to begin with."), "routes"),
    "numbers": (
        _("Add telephone numbers"),
        _("So that your customers can be called, and show a number of their own."),
        "numbers",
    ),
    "customer": (_("Add your first customer"), _("A company or a person who buys from you."), "customers"),
    "money": (
        _("Give them something to spend"),
        _("Top up a prepaid account, or grant a credit limit."),
        "transactions",
    ),
    "user": (
        _("Add a user with a SIP endpoint"),
        _("The person, with an extension, and the account of their phone."),
        "sip-endpoints",
    ),
    "registration": (
        _("Connect their phone"),
        _("Choose “Show secret” in the endpoint's menu and enter it in the phone: it appears under SIP Locations."),
        "sip-locations",
    ),
    "call": (_("Make it ring"), _("Press “Ring a phone” below. Answer it: you hear a tone for four seconds."), ""),
}


def _start(actor: Actor, _data: None) -> Mapping[str, Any]:
    steps = steps_to_go_live(actor)
    needed = [step for step in steps if not step.is_optional]
    tests = phone_tests_of(actor).filter(partner_id=actor.partner_id or 0).order_by("-id")[:TESTS_SHOWN]
    return {
        "steps": [
            {
                "name": step.name,
                "is_done": step.is_done,
                "is_optional": step.is_optional,
                "title": str(STEPS[step.name][0]),
                "text": str(STEPS[step.name][1]),
                "panel": STEPS[step.name][2],
            }
            for step in steps
        ],
        "done": sum(step.is_done for step in needed),
        "of": len(needed),
        "next": next((step.name for step in needed if not step.is_done), ""),
        "is_calling": any(test.state not in TEST_ENDS for test in tests),
        "tests": [_test(test) for test in tests],
    }


def _test(test: PhoneTest) -> dict[str, Any]:
    return {
        "id": test.pk,
        "user": test.user.name,
        "callee": test.callee,
        "placed_at": test.placed_at.isoformat(),
        "state": test.state,
        "told": str(test.get_state_display()),
        "result": result_of(test),
    }


def result_of(test: PhoneTest) -> Text:
    """What came of a test, in words."""
    if test.state == PhoneTestState.ENDED:
        return (
            _("It rang, was answered, and sound came back.")
            if test.has_heard
            else _("It was answered, but no sound came back.")
        )
    return f"{test.sip_code} {test.sip_reason}".strip() if test.sip_code else test.sip_reason


QUICK_START = Page(
    slug="quick-start",
    title=_("Quick Start"),
    section="main",
    icon="rocket",
    read=_start,
    template="portal/pages/quick_start.html",
    help=_("What is needed before the first call, in order. It knows what is done, and leads to what is missing."),
)

PHONE_TESTS = Panel(
    slug="phone-tests",
    title=_("Phone tests"),
    name=_("phone test"),
    section="",
    icon="phone-outgoing",
    model=PhoneTest,
    rows=phone_tests_of,
    columns=(
        Column("placed_at", _("When"), kind="datetime", order="id", width=150),
        Column("customer", _("Customer"), value="customer.name", width=150),
        Column("user", _("Calls as"), value="user.name", width=140),
        Column("callee", _("Dials"), kind="code", width=110),
        Column("state", _("State"), kind="status", width=100),
        Column("result", _("Result"), value=result_of, width=260, grow=3),
    ),
    api=(
        Column("customer_id", _("Customer"), kind="integer"),
        Column("user_id", _("User"), kind="integer"),
        Column("sip_call_id", _("SIP Call-ID"), kind="code"),
        Column("sip_code", _("SIP code"), kind="integer"),
        Column("sip_reason", _("SIP reason")),
        Column("has_heard", _("Sound came back"), kind="bool"),
        Column("answered_at", _("Answered"), kind="datetime"),
        Column("ended_at", _("Ended"), kind="datetime"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("state", _("State"), choices=PhoneTestState.choices),
        Filter("user_id", _("User"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    data=PhoneTestData,
    fields=(
        Field("user_id", _("Calls as"), lookup="users", help=_("The platform calls with this user's SIP endpoint.")),
        Field(
            "callee",
            _("Dials"),
            kind="code",
            max_length=33,
            help=_("Empty: the user's own extension, so that their phone rings. Other calls are charged."),
        ),
    ),
    create=try_phone,
    links=(Link(_("CDR"), "cdrs", {"user_id": "user_id"}),),
    customer_field="customer_id",
    search="callee",
    refresh_s=2,
    help=_(
        "Calls that the platform places as one of your users: it plays a tone for four seconds, listens for sound and "
        "hangs up. Each is a real call with a CDR, and is charged like any other."
    ),
    empty=_("No phone was tried yet. Add a test to make one ring."),
)

PAGES = (QUICK_START,)
PANELS = (PHONE_TESTS,)
