"""Try a phone: the platform calls as one of a customer's users, plays a tone, listens and hangs up.

It is a call like any other: decided, routed, charged. `try_phone` writes down what is wanted, and the worker's job
calls `place_call`, which tells in the row how far it has come.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.rows import named
from carillon.base.secrets import decrypt
from carillon.base.tenancy import tenant
from carillon.business.calls.choices import PhoneTestState
from carillon.business.calls.models import PhoneTest
from carillon.business.customers.models import User
from carillon.business.endpoints.models import Endpoint
from carillon.config import Config
from carillon.useragent import Account, CallRefused, OutgoingCall, State, UserAgent

DIALLED = re.compile(r"\+?[0-9*#]{1,32}", re.ASCII)
RING_S = 40.0
TALK_S = 4.0
TONE_HZ = 440
GONE = timedelta(minutes=2)  # a test that is not over by then was lost with its worker
UNFINISHED = (PhoneTestState.WAITING, PhoneTestState.CALLING, PhoneTestState.RINGING, PhoneTestState.ANSWERED)
Tell = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneTestData:
    """Who calls, and what they dial: an extension or a number; empty: the user's own, so that their phone rings."""

    user_id: int
    callee: str = ""


@action("phone_tests.add")
def try_phone(actor: Actor, data: PhoneTestData) -> PhoneTest:
    """Have the platform place a call as the user `data.user_id`; it begins within a second.

    Raises:
        InvalidInput: there is no such user, it has no extension or no SIP endpoint with a password.
        Conflict: the user's last test goes on still.

    Cost: five queries, and one job.
    """
    user = named(User.objects, actor, data.user_id, "user_id")
    callee = data.callee.strip() or user.extension
    if callee and not DIALLED.fullmatch(callee):
        raise InvalidInput(fields={"callee": _("Dial digits, with a plus, stars or hashes where they belong.")})
    if not callee:
        raise InvalidInput(fields={"callee": _("This user has no extension: say what to dial.")})
    if _account_of(actor, user) is None:
        raise InvalidInput(fields={"user_id": _("This user has no SIP endpoint to call with: add one first.")})
    earlier = PhoneTest.objects.visible_to(actor).filter(user=user, state__in=UNFINISHED)
    if earlier.filter(placed_at__gt=timezone.now() - GONE).exists():
        raise Conflict(_("A test with this user goes on still. Wait until it is over."))
    test = PhoneTest(partner_id=user.partner_id, customer_id=user.customer_id, user=user, callee=callee)
    test.sip_call_id = f"test-{uuid4().hex}"
    with audited(actor, test, "create"):
        test.save(force_insert=True)
    app.configure_task("try_phone").defer(phone_test_id=test.pk)
    return test


def place_call(actor: Actor, phone_test_id: int) -> None:
    """Place the call of a test and wait until it is over; done once, whatever comes of it.

    Cost: a call of up to 45 seconds, and one update for each state.
    """
    with tenant(actor):
        waiting = PhoneTest.objects.visible_to(actor).filter(pk=phone_test_id, state=PhoneTestState.WAITING)
        if not waiting.update(state=PhoneTestState.CALLING):
            return
        test = PhoneTest.objects.visible_to(actor).select_related("user").get(pk=phone_test_id)
        endpoint = _account_of(actor, test.user)
        if endpoint is None:
            waiting.update(state=PhoneTestState.FAILED, sip_reason="The user has no SIP endpoint any more.")
            return
        account = Account(endpoint.username, endpoint.web_product.sip_domain, decrypt(endpoint.secret))

    def tell(**changes: object) -> None:
        try:
            with tenant(actor):
                PhoneTest.objects.visible_to(actor).filter(pk=phone_test_id).update(**changes)
        finally:
            connection.close()  # each state is told from a thread of its own

    asyncio.run(_call(settings.CONFIG, account, test.callee, test.sip_call_id, tell))


def _account_of(actor: Actor, user: User) -> Endpoint | None:
    """A SIP account of the user's that calls with a password."""
    usable = Endpoint.objects.visible_to(actor).filter(user=user, is_enabled=True, source_addresses=[])
    return usable.select_related("web_product").order_by("pk").first()


async def _call(config: Config, account: Account, callee: str, call_id: str, tell: Tell) -> None:
    proxy = (config.advertised, config.ports.sip)
    try:
        async with UserAgent(
            account, proxy, host=_local_address(config), tone_hz=TONE_HZ, name="Carillon test"
        ) as agent:
            await _follow(await agent.call(callee, call_id=call_id), tell)
    except OSError as error:
        await asyncio.to_thread(tell, state=PhoneTestState.FAILED, sip_reason=str(error)[:200], ended_at=timezone.now())


def _local_address(config: Config) -> str:
    return config.bind if config.bind not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - compared, not bound


async def _follow(call: OutgoingCall, tell: Tell) -> None:
    """Tell each state of the call; hang up what was answered, and what rings too long."""
    state, told = PhoneTestState.FAILED, {"sip_code": 408, "sip_reason": "No answer"}
    try:
        with contextlib.suppress(TimeoutError):
            await call.until(lambda: call.state != State.CALLING, RING_S)
            if call.state == State.RINGING:
                await asyncio.to_thread(tell, state=PhoneTestState.RINGING)
            await call.answered(RING_S)
            await asyncio.to_thread(tell, state=PhoneTestState.ANSWERED, answered_at=timezone.now())
            with contextlib.suppress(TimeoutError):
                await call.ended(TALK_S)
            state, told = PhoneTestState.ENDED, {"sip_code": 200, "has_heard": call.audio().packets_received > 0}
            await call.hang_up()
    except CallRefused as refused:
        state, told = PhoneTestState.REFUSED, {"sip_code": refused.status, "sip_reason": refused.reason[:200]}
    if not call.is_over:
        call.cancel()
        with contextlib.suppress(TimeoutError):
            await call.ended(2.0)
    await asyncio.to_thread(tell, state=state, ended_at=timezone.now(), **told)
