"""The second factor that a role asks for: whether this session has shown it, and what comes first when not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.http import HttpRequest
from django.urls import reverse

from carillon.base.actor import Actor
from carillon.business.partners.choices import SecondFactor

SESSION_ADDED = "carillon_factor_added"  # the kind of factor that was set up in this session
PASSKEY, APP, RECOVERY = (
    Authenticator.Type.WEBAUTHN.value,
    Authenticator.Type.TOTP.value,
    Authenticator.Type.RECOVERY_CODES.value,
)


@dataclass(frozen=True, slots=True)
class Step:
    """What a person has to do before anything else. `is_setup`: set a factor up, else show the one they have."""

    is_setup: bool
    wants_passkey: bool

    @property
    def address(self) -> str:
        """Where that is done."""
        if self.is_setup:
            return reverse("mfa_index")
        return reverse("mfa_reauthenticate_webauthn" if self.wants_passkey else "mfa_reauthenticate")

    def allows(self, path: str) -> bool:
        """Tell whether a page belongs to the step."""
        pages = ["mfa_index", "account_reauthenticate"] if self.is_setup else ["mfa_reauthenticate"]
        pages += ["account_logout", "mfa_reauthenticate_webauthn"]
        return any(path.startswith(reverse(page)) for page in pages)


def is_of_host(passkey: WebAuthn, host: str) -> bool:
    """Tell whether a passkey was made at that hostname (with or without port): its relying party (WebAuthn, 6.1)."""
    name = host.rsplit(":", 1)[0].lower()
    return bool(passkey.authenticator_data.rp_id_hash == hashlib.sha256(name.encode()).digest())


def step_before(request: HttpRequest, actor: Actor) -> Step | None:
    """Return what `actor` has to do before anything else in this session; None: nothing.

    Who acts for somebody else has shown their own, where that was asked for. Cost: none when the role asks for no
    second factor, else one query.
    """
    if actor.impersonators or actor.second_factor in ("", SecondFactor.OPTIONAL):
        return None
    wants_passkey = actor.second_factor == SecondFactor.PASSKEY
    has = _factors_of(actor.login_id or 0, request.get_host())
    shown = {record.get("type") for record in get_authentication_records(request, request.user)}
    shown.add(request.session.get(SESSION_ADDED))
    fitting = {PASSKEY} if wants_passkey else {PASSKEY, APP}
    if not has & fitting:
        return Step(is_setup=True, wants_passkey=wants_passkey)
    if shown & fitting or (not wants_passkey and RECOVERY in shown):
        return None
    return Step(is_setup=RECOVERY in shown, wants_passkey=wants_passkey or APP not in has)


def proven_in(request: HttpRequest) -> SecondFactor:
    """Return the most that this session has shown beside the password. No query."""
    shown = {record.get("type") for record in get_authentication_records(request, request.user)}
    shown.add(request.session.get(SESSION_ADDED))
    if PASSKEY in shown:
        return SecondFactor.PASSKEY
    return SecondFactor.REQUIRED if shown & {APP, RECOVERY} else SecondFactor.OPTIONAL


def _factors_of(login_id: int, host: str) -> set[str]:
    """The kinds of factors that a login has and can show at this hostname."""
    found = Authenticator.objects.filter(user_id=login_id)
    return {str(one.type) for one in found if one.type != PASSKEY or is_of_host(one.wrap(), host)}
