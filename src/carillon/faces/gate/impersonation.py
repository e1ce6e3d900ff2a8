"""Acting as somebody else: from the portal to a web product's site or a sub-partner's portal, and back."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from carillon.base.actor import Actor
from carillon.business.partners.choices import STAFF_REALM
from carillon.business.partners.models import Login
from carillon.business.partners.queries import places
from carillon.faces.gate.addresses import address_of
from carillon.logic.networks import is_within
from carillon.usecases.sign_in_as import HandOver, Origin, bind, take

SESSION_AS = "carillon_as"  # chain, place, until when, from where, the portal session it ends with, and where that is


def impersonated(request: HttpRequest, found: Actor) -> Actor | None:
    """Return `found` with the people who act through it; None: their hour, their own session or that place is over.

    Cost: none for who acts for themselves, else one query.
    """
    kept = request.session.get(SESSION_AS)
    if kept is None:
        return found
    address = address_of(request)
    is_there = (found.customer_id or found.partner_id) == kept["place_id"]  # never at another place of that person
    if not is_there or not all(is_within(address, one) for one in kept["networks"]):
        return None
    own = Session.objects.filter(session_key=kept["session_key"], expire_date__gt=timezone.now())
    if kept["until_s"] < time.time() or not own.exists():
        return None
    return replace(found, impersonators=tuple(kept["chain"]))


def is_out_of_reach(request: HttpRequest, actor: Actor) -> bool:
    """Tell whether a page is the person's own affair: who acts for them neither changes passwords nor factors."""
    is_mine = request.path == reverse("account_logout") or request.path.startswith("/accounts/as/")
    return bool(actor.impersonators) and request.path.startswith("/accounts/") and not is_mine


@require_safe
def hand_over(request: HttpRequest, ticket: str) -> HttpResponse:
    """At the portal: tie the ticket to this session and go to the web product's site, or the sub-partner's portal."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    origin = Origin(request.session.session_key or "", f"{request.scheme}://{request.get_host()}/", _networks(request))
    over = bind(ticket, actor.login_id, origin) if actor.login_id else None
    if over is None:
        raise Http404
    name, colon, port = request.get_host().partition(":")
    host = f"{over.hostname or name}{colon}{port}"
    return redirect(f"{request.scheme}://{host}{reverse('gate_take_over', args=[ticket])}")


def _networks(request: HttpRequest) -> tuple[tuple[str, ...], ...]:
    """Where the person at the beginning of the chain must come from."""
    kept = request.session.get(SESSION_AS)
    if kept is not None:
        return tuple(tuple(one) for one in kept["networks"])
    actor: Actor = request.actor  # type: ignore[attr-defined]
    found = places(actor.login_id) if actor.login_id and actor.realm == STAFF_REALM else ()
    return next((place.networks for place in found if place.partner_id == actor.partner_id), ())


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
    """Not by signing in: the person's last sign-in and second factor are their own.

    Where the own session is of the same website it waits until the person comes back.
    """
    if request.session.session_key == over.session_key:
        request.session = SessionStore()
    else:
        request.session.flush()
    session = request.session
    session[SESSION_KEY] = str(login.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = login.get_session_auth_hash()
    session["carillon_realm"], session["carillon_place"] = over.realm, over.place_id
    session[SESSION_AS] = {
        "chain": over.chain,
        "place_id": over.place_id,
        "networks": over.networks,
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
    if urlsplit(kept["back"]).netloc == request.get_host():
        request.session = SessionStore(kept["session_key"])
        request.session.modified = True  # the browser gets its cookie again
    return HttpResponseRedirect(kept["back"])
