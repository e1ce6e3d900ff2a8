"""Preferences of the person at work: the dialog in the user's menu, and the inputs that REST shares with it."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from carillon.base.actor import Actor
from carillon.base.errors import CarillonError
from carillon.business.partners.models import Login
from carillon.business.partners.preferences import PreferencesData, preferences_of, set_preferences
from carillon.faces.portal.access import actor_of, staff_only
from carillon.faces.portal.forms import form_of
from carillon.panels.conversion import convert, from_form
from carillon.panels.declaration import Choices, Field
from carillon.panels.inputs import inputs
from carillon.panels.manner import timezone_choices


def _timezones(_actor: Actor) -> Choices:
    return timezone_choices()


INPUTS = inputs(
    PreferencesData,
    (
        Field("culture", _("Language"), choices=settings.LANGUAGES),
        Field("timezone", _("Time zone"), choices=_timezones),
        Field("date_format", _("Dates"), help=_("How days are shown and typed.")),
        Field("number_format", _("Numbers"), help=_("How amounts and rates are shown and typed.")),
        Field("colour_scheme", _("Colours")),
    ),
    Login,
)


def initial_of(actor: Actor) -> dict[str, object]:
    """Return the present values as the form and REST give them; one query."""
    chosen = preferences_of(actor)
    values = {one.name: getattr(chosen, one.name) for one in INPUTS}
    return {**values, "culture": chosen.culture.partition("-")[0]}


@require_http_methods(["GET", "POST"])
@staff_only
def preferences(request: HttpRequest) -> HttpResponse:
    """The dialog; saving shows the page again, in the new manner."""
    actor, title, status = actor_of(request), str(_("Preferences")), 200
    form = form_of(INPUTS, actor, initial_of(actor), title=title)
    if request.method == "POST":
        try:
            data = convert(PreferencesData, INPUTS, from_form(INPUTS, request.POST, request.FILES), actor)
            set_preferences(actor, data)
        except CarillonError as error:
            form, status = form_of(INPUTS, actor, request.POST, title=title, error=error), 422
        else:
            with translation.override(data.culture):
                messages.success(request, translation.gettext("Your preferences were saved."))
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "portal/dialogs/form.html", {"form": form}, status=status)
