"""What happens to a request before a view sees it, and to its response after."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation

from carillon.base.actor import Actor, nobody
from carillon.base.tenancy import enter, realm_scope, tenant
from carillon.business.partners.queries import signed_in_actor
from carillon.business.partners.signins import Sighting, note_sign_in
from carillon.faces.gate.addresses import address_of
from carillon.faces.gate.factors import proven_in, step_before
from carillon.faces.gate.hosts import HostBook
from carillon.faces.gate.impersonation import SESSION_AS, impersonated, is_out_of_reach
from carillon.panels.manner import PLAIN, Manner, speaking

Handler = Callable[[HttpRequest], HttpResponseBase]

# No inline script or style anywhere; data: images are the QR code of the second factor.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
FRAMED = CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
HEALTH_PATH = "/health"
SIGN_IN_PATH = "/accounts/"
API_PATH = "/api/"
MOST_BYTES = 21 * 2**20  # a file of 20 MB, the most that forms take, and what comes with it
MOST_IMPORTED = 201 * 2**20  # where files of rates are sent, by somebody who has signed in
IMPORT_PATH = "/import/"
FORM = "application/x-www-form-urlencoded"
SEEN_S = 60.0  # how exact "last seen" of a session is
MOST_SEEN = 65_536
SESSION_REALM = "carillon_realm"
SESSION_PLACE = "carillon_place"


def headers(get_response: Handler) -> Handler:
    """Give each request an id (also in history and logs) and each response its security headers.

    Nothing we answer is for shared caches or for the next person at the same computer; static files never come here.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        response = _unreadable(request) or get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        response["Content-Security-Policy"] = _policy_of(response)
        response["X-Content-Type-Options"] = "nosniff"
        response.setdefault("Cache-Control", "private, no-store")
        for cookie in response.cookies.values() if request.is_secure() else ():
            cookie["secure"] = True  # behind a proxy that ends TLS; plain HTTP on this machine works without
        return response

    return middleware


def _policy_of(response: HttpResponseBase) -> str:
    """The policy that no view loosens: what it asks for itself is added, and browsers obey both (CSP 3, 4.1.1).

    Previews that the portal frames say so by `xframe_options_sameorigin`.
    """
    own = response.get("Content-Security-Policy")
    policy = FRAMED if response.get("X-Frame-Options") == "SAMEORIGIN" else CONTENT_SECURITY_POLICY
    return f"{policy}, {own}" if own else policy


def host(get_response: Handler) -> Handler:
    """Find whose website the hostname is and run view and rendering in one transaction that sees its logins only.

    Sets `request.host` and `request.realm`. A response of 500 and more takes everything back.
    """
    book = HostBook(is_debug=settings.DEBUG)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path == HEALTH_PATH:
            return _health()
        try:
            found = book.find(request.get_host().rsplit(":", 1)[0].rstrip(".").lower())
        except DisallowedHost:  # not even a name; Django would log each as an error of ours
            return _bad_request(request, "The Host header is not a hostname.")
        except OperationalError:  # a hostname asked for lately is remembered: then the view fails instead
            return _unavailable(request)
        if found is None:
            return render(request, "gate/unknown_host.html", status=404)
        request.host, request.realm = found, found.realm  # type: ignore[attr-defined]
        request.actor = nobody()  # type: ignore[attr-defined]
        if found.web_product_id is not None:
            request.urlconf = "carillon.faces.gate.site_urls"
        with realm_scope(found.realm):
            response = get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
        if isinstance(response, StreamingHttpResponse):
            _stream_inside(request, response)
        return response

    return middleware


def actor(get_response: Handler) -> Handler:
    """Set `request.actor` and give the transaction its scope.

    A session opened in another realm is thrown away, and one that comes from a network where its person may not work.
    While somebody signs in or changes a password, the realm's logins
    stay visible to the database session; everywhere else only the scope's. Who has yet to show the second factor that
    the role asks for is nobody, and is led there.
    """
    seen = _SeenLately()

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.actor = _actor_of(request)  # type: ignore[attr-defined]
        step = request.step = step_before(request, request.actor)  # type: ignore[attr-defined]
        if step is not None:
            request.actor = nobody()  # type: ignore[attr-defined]
            if not step.allows(request.path) and _shows_page(request):
                return redirect(step.address)
        if is_out_of_reach(request, request.actor):  # type: ignore[attr-defined]
            return redirect("/")
        if request.actor.login_id is not None:  # type: ignore[attr-defined]
            request.actor = replace(request.actor, proven=proven_in(request).value)  # type: ignore[attr-defined]
            is_signing_in = request.path.startswith(SIGN_IN_PATH)
            realm = request.realm if is_signing_in else None  # type: ignore[attr-defined]
            enter(request.actor, realm=realm)  # type: ignore[attr-defined]
            _note(request, seen)
        with _manner_of(request):
            return get_response(request)

    return middleware


@contextmanager
def _manner_of(request: HttpRequest) -> Iterator[None]:
    """Speak the person's language and manner and show times in their time zone; a visitor's are the browser's."""
    user = request.user
    request.manner = PLAIN  # type: ignore[attr-defined]
    if not user.is_authenticated:
        yield
        return
    language = user.culture if user.culture in dict(settings.LANGUAGES) else user.culture.partition("-")[0]
    known = language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    if not request.path.startswith(API_PATH):  # programs read plain numbers whoever runs them
        request.manner = Manner(user.date_format, user.number_format, user.colour_scheme)  # type: ignore[attr-defined]
    own: Manner = request.manner  # type: ignore[attr-defined]
    with timezone.override(ZoneInfo(user.timezone)), translation.override(known), speaking(own):
        yield


def _actor_of(request: HttpRequest) -> Actor:
    realm: int = request.realm  # type: ignore[attr-defined]
    opened_in = request.session.get(SESSION_REALM)
    if opened_in not in (None, realm):  # its login can't even be read here, so ask the session itself
        _forget(request)
    user = request.user
    if not user.is_authenticated:
        return nobody()
    if opened_in == realm == user.realm:
        found = signed_in_actor(
            user,
            chosen_id=request.session.get(SESSION_PLACE),
            request_id=request.request_id,  # type: ignore[attr-defined]
            # who acts for somebody is held to networks of their own
            address=None if SESSION_AS in request.session else address_of(request),
        )
        acting = impersonated(request, found) if found.login_id is not None else None
        if acting is not None:
            return acting
    _forget(request)
    return nobody()


def _shows_page(request: HttpRequest) -> bool:
    """Whether the answer is a page: programs, grids and dialogs are told that nobody is signed in."""
    is_part = request.headers.get("HX-Request") == "true" or request.path.startswith(API_PATH)
    return not is_part and not request.headers.get("Accept", "").startswith("application/json")


class _SeenLately:
    """Which sessions were noted within the last minute; one per process, safe among threads: whole items only."""

    def __init__(self) -> None:
        self._until_s: dict[tuple[str, int | None], float] = {}

    def is_due(self, session_key: str, partner_id: int | None) -> bool:
        """Tell whether the session has to be noted (again), and take it as done."""
        now, key = time.monotonic(), (session_key, partner_id)
        if self._until_s.get(key, 0.0) > now:
            return False
        if len(self._until_s) >= MOST_SEEN:
            self._until_s.clear()
        self._until_s[key] = now + SEEN_S
        return True


def _note(request: HttpRequest, seen: _SeenLately) -> None:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    key = request.session.session_key
    if key and not actor.impersonators and seen.is_due(key, actor.partner_id):
        agent = request.headers.get("User-Agent", "").replace("\x00", "")
        note_sign_in(actor, Sighting(key, address_of(request), agent))


def _forget(request: HttpRequest) -> None:
    request.session.flush()
    request.user = AnonymousUser()


def _stream_inside(request: HttpRequest, response: StreamingHttpResponse) -> None:
    """The request's transaction is over when a stream is read: each stream opens its own, with the same scope."""
    chunks = cast(Iterator[bytes], response.streaming_content)
    seen_by: Actor = request.actor  # type: ignore[attr-defined]

    def inside() -> Iterator[bytes]:
        with tenant(seen_by):
            yield from chunks

    response.streaming_content = inside()


def _unreadable(request: HttpRequest) -> HttpResponse | None:
    """What is wrong with the body, before anybody reads any of it.

    Strangers' files would fill the disk: forms are read for their CSRF token first. Forms come in UTF-8; Django's own
    refusal of others reads the form again and fails.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > MOST_BYTES:
        most = MOST_IMPORTED if request.path.endswith(IMPORT_PATH) and _is_known(request) else MOST_BYTES
        if int(length) > most:
            return _bad_request(request, f"The body is larger than {most // 2**20} MB.", 413)
    if request.content_type == FORM and (request.encoding or "utf-8").lower() != "utf-8":
        return _bad_request(request, "Forms must be encoded in UTF-8.")
    return None


def _is_known(request: HttpRequest) -> bool:
    """Whether somebody has signed in; the API asks for that itself before it reads a body. One query of the portal."""
    if request.path.startswith(API_PATH) and settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return True
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    return bool(key) and SessionStore(session_key=key).get(SESSION_KEY) is not None


def _bad_request(request: HttpRequest, detail: str, status: int = 400) -> HttpResponse:
    if not request.path.startswith(API_PATH):
        return HttpResponse(detail, status=status, content_type="text/plain; charset=utf-8")
    slug, title = ("too-large", "The request is too large.") if status == 413 else ("malformed", "Bad Request")
    body = {"type": f"urn:carillon:problem:{slug}", "title": title, "status": status, "detail": detail}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def _unavailable(request: HttpRequest) -> HttpResponse:
    answer = render(request, "gate/unavailable.html", status=503)
    answer["Retry-After"] = "5"
    return answer


def _health() -> HttpResponse:
    """Readiness: the database answers. No hostname, session or scope."""
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        return JsonResponse({"status": "down", "reason": "The database does not answer."}, status=503)
    return JsonResponse({"status": "ok"})
