"""Sign-in by realm: django-allauth with "<realm>:<e-mail>" as the name a login has; the realm is the hostname's."""

from __future__ import annotations

from email.utils import formataddr
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import LoginForm, ResetPasswordForm, UserTokenForm
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from carillon.base import secrets
from carillon.base.tenancy import tenant
from carillon.business.notices.choices import MailEvent
from carillon.business.notices.mails import Occasion, letter
from carillon.business.partners.actions import login_key, witness_own
from carillon.business.partners.blacklists import blocked_visitor
from carillon.business.partners.choices import STAFF_REALM
from carillon.business.partners.models import Login, Partner
from carillon.business.partners.queries import Host, places, signed_in_actor, subtree, system_actor
from carillon.business.partners.signins import end_own_sessions, is_elsewhere, is_locked, lock_login, note_refusal
from carillon.faces.gate.addresses import address_of
from carillon.faces.gate.factors import APP, PASSKEY, SESSION_ADDED
from carillon.faces.gate.middleware import SESSION_PLACE, SESSION_REALM
from carillon.faces.gate.themes import site_name, theme_of

BLOCKED = _("Nobody signs in here from your network. Ask the company whose website this is.")
MISMATCH = _(
    "The e-mail address or the password is not right, or your company does not let you in from this network. Try again,"
    " from a network that it trusts, or ask your administrator."
)
NO_PLACE = _("This sign-in has no role here any more. Ask your administrator.")


def current_realm() -> int:
    """Return the realm of the hostname that the present request came to."""
    realm: int = context.request.realm
    return realm


def is_at_home(login: Login, host: Host) -> bool:
    """Tell whether a login has a role to play on that website.

    A partner's own portal is for its staff, for everybody below it and for those above. Cost: one or two queries.
    """
    if login.realm != STAFF_REALM or host.partner_id is None:
        return signed_in_actor(login).login_id is not None
    below = subtree(host.partner_id)
    return any(place.partner_id in below or host.partner_id in place.scope for place in places(login.pk))


def display_name(user: Login) -> str:
    """Return how mails and messages call a person; never by the key, which is ours."""
    return user.name or user.email


class RealmAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth's door to our logins: nobody signs up here, and a session remembers its realm."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("The e-mail address or the password is not right."),
    }

    def validation_error(self, code: str, *args: Any) -> ValidationError:
        """Say the same of a wrong password and of a network that is not trusted, where networks are asked for."""
        if code == "username_password_mismatch" and current_realm() == STAFF_REALM:
            return ValidationError(MISMATCH, code=code)
        found: ValidationError = super().validation_error(code, *args)
        return found

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Logins are made by staff."""
        return False

    def get_from_email(self) -> str:
        """Mail comes from the website the person is at, under its name: partners' customers never meet another."""
        request = context.request
        hostname = request.get_host().rsplit(":", 1)[0]
        return formataddr((self._sender_name(), f"noreply@{hostname}"))

    def _sender_name(self) -> str:
        """What the website's mails call themselves, unless somebody has named a sender of mails for it."""
        found = theme_of(context.request)
        return (found.mail_name or found.name) if found else site_name(context.request)

    def send_mail(self, template_prefix: str, email: str, context_of: dict[str, Any]) -> None:
        """Write a mail in the words of the website the person is at, if it has words for it; else in allauth's."""
        if template_prefix != "account/email/password_reset_key":
            super().send_mail(template_prefix, email, context_of)
            return
        with tenant(system_actor()) as actor:
            request, person = context.request, context_of["user"]
            partner = Partner.objects.visible_to(actor).get(pk=request.host.partner_id or person.partner_id)
            link = context_of["password_reset_url"]
            values = {"name": display_name(person), "site": site_name(request), "link": link}
            occasion = Occasion(
                event=MailEvent.PASSWORD_RESET,
                partner=partner,
                values=values,
                culture=person.culture,
                web_product_id=request.host.web_product_id,
                site=self._sender_name(),
                hostname=request.get_host().rsplit(":", 1)[0],
            )
            letter(actor, occasion, [email]).send()

    def login(self, request: HttpRequest, user: Login) -> None:
        """Begin the session; it is worth nothing in another realm (see the actor middleware)."""
        super().login(request, user)
        request.session[SESSION_REALM] = user.realm
        request.session.pop(SESSION_PLACE, None)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse an address after many wrong passwords, for a while, and let its administrators see that.

        At a seller's websites whoever comes from a blocked network is refused too; staff sign in from anywhere, or a
        slip would lock them out.
        """
        if current_realm() != STAFF_REALM and self._is_blocked(request):
            raise ValidationError(BLOCKED)
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            login = Login.objects.filter(key=credentials.get("username", "")).first()
            if login is not None and is_locked(login):
                lock_login(login)
            raise

    def _is_blocked(self, request: HttpRequest) -> bool:
        partner_id: int = context.request.host.partner_id
        return blocked_visitor(partner_id, address=self.get_client_ip(request) or "") is not None

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Login | None:
        """Return who has the right password. From a network that is not trusted it is as good as a wrong one."""
        user: Login | None = super().authenticate(request, **credentials)
        address = address_of(request)
        if user is None or not is_elsewhere(user, address):
            return user
        note_refusal(user, address, request_id=request.request_id)  # type: ignore[attr-defined]
        super().pre_authenticate(request, **credentials)  # a right password is not counted; this one is
        return None

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count by the login: who has several hostnames has no more tries."""
        return str(credentials.get("username", "")).lower()

    def send_notification_mail(
        self, template_prefix: str, user: Login, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Write into the login's history what allauth tells of it: a password or a second factor has changed."""
        done = template_prefix.rpartition("/")[2]
        if done.startswith("password_"):  # changed, set or reset: whoever knew the old one is out
            end_own_sessions(user.pk, keep=self.request.session.session_key or "")
        witness_own(user, done, request_id=self.request.request_id)


class SealedMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors are kept encrypted, as SIP secrets are: a stolen backup signs nobody in."""

    def get_totp_issuer(self) -> str:
        """Return the name that the person's authenticator app shows: the website's."""
        return self._get_site_name()

    def _get_site_name(self) -> str:
        return site_name(context.request)

    def encrypt(self, text: str) -> str:
        """Return what the database keeps."""
        return secrets.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret behind it."""
        return secrets.decrypt(encrypted_text)


class WrongCodes:
    """Wrong codes lock like wrong passwords, and administrators see that too."""

    user: Login

    def clean_code(self) -> str:
        """Return the code when it is right, else look whether it was one too many."""
        try:
            code: str = super().clean_code()  # type: ignore[misc]
        except ValidationError:
            if is_locked(self.user):
                lock_login(self.user)
            raise
        return code


class NotedAuthenticateForm(WrongCodes, AuthenticateForm):  # type: ignore[misc]
    """The second step of signing in."""


class NotedReauthenticateForm(WrongCodes, ReauthenticateForm):  # type: ignore[misc]
    """The second step, asked for once more."""


class NotedActivateTOTPForm(ActivateTOTPForm):  # type: ignore[misc]
    """An authenticator app that was set up in this session need not be shown again in it."""

    def clean(self) -> dict[str, Any]:
        """Remember in the session that the code was right."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            context.request.session[SESSION_ADDED] = APP
        return cleaned


class NotedAddWebAuthnForm(AddWebAuthnForm):  # type: ignore[misc]
    """A passkey that was made in this session need not be shown again in it."""

    def clean(self) -> dict[str, Any]:
        """Remember in the session that the passkey is one."""
        cleaned: dict[str, Any] = super().clean()
        if not self.errors and cleaned.get("credential"):
            context.request.session[SESSION_ADDED] = PASSKEY
        return cleaned


class RealmLoginForm(LoginForm):  # type: ignore[misc]
    """E-mail address and password; the address means the login of that address in this hostname's realm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
        self.fields["login"] = forms.EmailField(label=_("E-mail address"), widget=widget)
        self.order_fields(["login", "password"])

    def clean_login(self) -> str:
        """Return the key of the login meant."""
        return login_key(current_realm(), self.cleaned_data["login"])

    def clean(self) -> dict[str, Any]:
        """Refuse a right password whose owner has no role anywhere (any more)."""
        cleaned: dict[str, Any] = super().clean()
        if self.user is not None and not is_at_home(self.user, context.request.host):
            raise forms.ValidationError(NO_PLACE)
        return cleaned


class RealmResetPasswordForm(ResetPasswordForm):  # type: ignore[misc]
    """Asks for an address; mail goes to the login of this realm only, and nothing says whether there is one.

    Nor does the website's own log of mails: a partner's portal writes to nobody who has no role there.
    """

    users: list[Login]

    def clean_email(self) -> str:
        """Keep this realm's logins of all that have the address, if they have a role on this website."""
        email: str = super().clean_email()
        host = context.request.host
        self.users = [user for user in self.users if user.realm == current_realm() and is_at_home(user, host)]
        return email


class RealmUserTokenForm(UserTokenForm):  # type: ignore[misc]
    """A reset link works on the hostnames of its login's realm only."""

    def _get_user(self, uidb36: str) -> Login | None:
        user: Login | None = super()._get_user(uidb36)
        return user if user is not None and user.realm == current_realm() else None
