"""Signing in and out, passwords and second factors: those of allauth's addresses that we use. Nobody signs up here."""

from __future__ import annotations

from allauth.account import views
from django.contrib.auth.decorators import login_required
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from carillon.faces.gate.impersonation import back, hand_over, take_over
from carillon.faces.gate.invitations import invitation
from carillon.faces.gate.views import places, sessions

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/key/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("invitation/<str:clear>/", invitation, name="gate_invitation"),
    path("as/back/", back, name="gate_back"),
    path("as/<str:ticket>/go/", hand_over, name="gate_hand_over"),
    path("as/<str:ticket>/", take_over, name="gate_take_over"),
    path("sessions/", sessions, name="gate_sessions"),
    path("places/", places, name="gate_places"),
    path("2fa/webauthn/", login_required(RedirectView.as_view(pattern_name="mfa_index")), name="mfa_list_webauthn"),
    path("2fa/", include("allauth.mfa.urls")),
]
