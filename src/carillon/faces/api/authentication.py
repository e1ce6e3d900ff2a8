"""Who calls the API: a bearer token, or the session of somebody signed in to the portal (then with CSRF token)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from carillon.base.actor import Actor
from carillon.base.tenancy import enter
from carillon.business.partners.errors import TokenElsewhere, TokenStopped
from carillon.business.partners.models import ApiToken
from carillon.business.partners.queries import token_actor
from carillon.business.partners.signins import note_refusal
from carillon.faces.gate.addresses import address_of

SCHEME = "bearer"
UNKNOWN = _("This token is unknown here, revoked or expired, or it does not work from your address.")


class NeedsRenewal(AuthenticationFailed):
    """A token made without the second factor that is asked for now; whoever has it is told what to do."""

    default_code = TokenStopped.slug
    default_detail = TokenStopped.title


@dataclass(frozen=True, slots=True)
class Caller:
    """What Django REST Framework calls a user."""

    actor: Actor
    is_authenticated: bool = True


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer crl_...`; the token's actor becomes the request's and gives the transaction its scope."""

    def authenticate(self, request: Request) -> tuple[Caller, str] | None:
        """Return who calls; None when there is no bearer token. Cost: one to three queries."""
        scheme, _space, clear = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME:
            return None
        django_request = request._request
        request_id: str = getattr(django_request, "request_id", "")
        try:
            address = address_of(django_request)
            found = token_actor(clear.strip(), request_id=request_id, address=address)
        except TokenElsewhere as refused:
            note_refusal(ApiToken(pk=refused.token_id), refused.address, request_id=request_id)
            raise AuthenticationFailed(UNKNOWN) from None
        except TokenStopped:
            raise NeedsRenewal from None
        if found is None or found.realm != getattr(django_request, "realm", found.realm):
            raise AuthenticationFailed(UNKNOWN)
        django_request.actor = found  # type: ignore[attr-defined]
        enter(found)
        return Caller(found), SCHEME

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return 'Bearer realm="api"'


class Session(SessionAuthentication):
    """The portal's own session; requests that change something need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        """Return who is signed in, None when nobody is."""
        actor: Actor = request._request.actor  # type: ignore[attr-defined]
        if actor.login_id is None:
            return None
        self.enforce_csrf(request)
        return Caller(actor), None
