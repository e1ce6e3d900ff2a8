"""Acting as somebody else: from the portal to the web product's site, and back."""

from __future__ import annotations

import time
from dataclasses import replace

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from carillon.base.actor import Actor
from carillon.business.partners.models import Login
from carillon.usecases.sign_in_as import HandOver, bind, take

SESSION_AS = "carillon_as"  # chain, until when, the portal session it ends with, and where that is


def impersonated(request: HttpRequest, found: Actor) -> Actor | None:
    """Return `found` with the people who act through it; None: their hour or their own session is over.

    Cost: none for who acts for themselves, else one query.
    """
    kept = request.session.get(SESSION_AS)
    if kept is None:
        return found
    own = Session.objects.filter(session_key=kept["session_key"], expire_date__gt=timezone.now())
    if kept["until_s"] < time.time() or not own.exists():
        return None
    return replace(found, impersonators=tuple(kept["chain"]))


def is_out_of_reach(request: HttpRequest, actor: Actor) -> bool:
    """Tell whether a page is the person's own affair: who acts for them neither changes passwords nor factors."""
    mine = (reverse("gate_back"), reverse("account_logout"))
    return bool(actor.impersonators) and request.path.startswith("/accounts/") and request.path not in mine


@require_safe
def hand_over(request: HttpRequest, ticket: str) -> HttpResponse:
    """At the portal: tie the ticket to this session and go to the web product's site."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    back = f"{request.scheme}://{request.get_host()}/"
    over = bind(ticket, actor.login_id, request.session.session_key or "", back) if actor.login_id else None
    if over is None:
        raise Http404
    _name, colon, port = request.get_host().partition(":")
    return redirect(f"{request.scheme}://{over.hostname}{colon}{port}{reverse('gate_take_over', args=[ticket])}")


@require_safe
def take_over(request: HttpRequest, ticket: str) -> HttpResponse:
    """At the site: open the session in the user's name. Whoever was signed in here before is not any more."""
    over = take(ticket)
    if over is None or not over.session_key or over.realm != request.realm:  # type: ignore[attr-defined]
        raise Http404
    login = Login.objects.filter(pk=over.login_id, realm=over.realm, is_active=True).first()
    if login is None:
        raise Http404
    _open(request, login, over)
    return redirect("/")


def _open(request: HttpRequest, login: Login, over: HandOver) -> None:
    """Not by signing in: the person's last sign-in and second factor are their own."""
    session = request.session
    session.flush()
    session[SESSION_KEY] = str(login.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = login.get_session_auth_hash()
    session["carillon_realm"], session["carillon_place"] = over.realm, over.customer_id
    session[SESSION_AS] = {
        "chain": list(over.chain),
        "until_s": over.until_s,
        "session_key": over.session_key,
        "back": over.back,
    }
    session.set_expiry(max(1, int(over.until_s - time.time())))


@require_safe
def back(request: HttpRequest) -> HttpResponse:
    """Stop acting for somebody else and return to the portal."""
    kept = request.session.get(SESSION_AS)
    if kept is None:
        raise Http404
    request.session.flush()
    return HttpResponseRedirect(kept["back"])
