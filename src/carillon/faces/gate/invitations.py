"""The page behind the link of an invitation: choose a password, or join by the sign-in that one has."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login as SigningIn
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from carillon.base.errors import InvalidInput, NotFound
from carillon.business.partners.choices import STAFF_REALM
from carillon.business.partners.invitations import Invitation, accept_invitation, invitation_of

NEW = forms.PasswordInput(attrs={"autocomplete": "new-password"})


class PasswordForm(forms.Form):
    """A password, twice; what it must be like is checked where the login is made."""

    password1 = forms.CharField(label=gettext_lazy("Password"), max_length=128, strip=False, widget=NEW)
    password2 = forms.CharField(label=gettext_lazy("Password, once more"), max_length=128, strip=False, widget=NEW)

    def clean(self) -> None:
        """Both must be the same."""
        given = self.cleaned_data
        if given.get("password1") != given.get("password2"):
            self.add_error("password2", _("You must type the same password each time."))


@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, clear: str) -> HttpResponse:
    """Show who invites whom. Looking changes nothing, as mail programs look too; POST accepts."""
    found = invitation_of(clear) if request.realm == STAFF_REALM else None  # type: ignore[attr-defined]
    if found is None:
        return render(request, "gate/invitation_over.html", status=404)
    form = PasswordForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and (found.has_login or form.is_valid()):
        answer = _accepted(request, clear, found, form)
        if answer is not None:
            return answer
    return render(request, "gate/invitation.html", {"invitation": found, "form": form})


def _accepted(request: HttpRequest, clear: str, found: Invitation, form: PasswordForm) -> HttpResponse | None:
    """Where the person goes from here; None: the password will not do."""
    password = "" if found.has_login else form.cleaned_data["password1"]
    try:
        login, is_new = accept_invitation(clear, password, request_id=request.request_id)  # type: ignore[attr-defined]
    except InvalidInput as error:
        form.add_error("password1", " ".join(error.fields.values()))
        return None
    except NotFound:  # used by a second click meanwhile
        return render(request, "gate/invitation_over.html", status=404)
    if is_new:
        answer: HttpResponse = perform_password_login(request, {"username": login.key}, SigningIn(user=login))
        return answer
    messages.success(request, _("You work for %(partner)s now. Sign in as always.") % {"partner": found.partner_name})
    return redirect("account_login")
