"""Changes to API tokens: made by their owners, ended by them and their administrators."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, NotPermitted
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked
from carillon.business.partners import queries
from carillon.business.partners.choices import Feature, SecondFactor, TokenState
from carillon.business.partners.limits import ensure_feature
from carillon.business.partners.models import ApiToken, Membership
from carillon.business.partners.networks import trusted_networks
from carillon.business.partners.ownroles import READ_ONLY
from carillon.business.partners.roles import common, covers, is_pattern

TOO_MUCH = _lazy("A token can't allow more than you may do yourself.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenData:
    """A new API token. `scopes` are permission patterns, ("*",) all that its owner may.

    `expires_at`: None holds until it is revoked. `networks`: where it works; none: where its owner may sign in from.
    """

    name: str
    scopes: tuple[str, ...] = READ_ONLY
    expires_at: datetime | None = None
    networks: tuple[str, ...] = ()


@action("tokens.add")
def create_token(actor: Actor, data: TokenData) -> tuple[ApiToken, str]:
    """Create an API token of the actor's own login; the clear text is returned here and kept nowhere.

    Raises:
        InvalidInput: a scope is no pattern or allows more than the actor may, the expiry lies in the past, or a network
            is none.
        NotPermitted: the actor is no signed-in person.
    """
    if actor.impersonators:
        raise NotPermitted(_("A token would outlast acting for somebody else."))
    if actor.login_id is None or actor.partner_id is None:
        raise NotPermitted(_("A token belongs to somebody who signs in."))
    ensure_feature(actor.partner_id, Feature.API)
    networks = _checked(actor, data)
    clear = queries.TOKEN_MARK + secrets.token_urlsafe(32)
    token = ApiToken(
        partner_id=actor.partner_id,
        login_id=actor.login_id,
        name=data.name,
        prefix=clear[:12],
        digest=queries.token_digest(clear),
        scopes=sorted(common(data.scopes, actor.permissions)),
        customer_id=actor.customer_id,
        expires_at=data.expires_at,
        networks=networks,
        second_factor=actor.proven or SecondFactor.OPTIONAL,
    )
    check_values(token)
    with audited(actor, token, "create"):
        token.save(force_insert=True)
    return token, clear


def _checked(actor: Actor, data: TokenData) -> list[str]:
    """The networks in their one spelling; whatever is wrong with a new token is named."""
    faults = Faults()
    odd = [scope for scope in data.scopes if not is_pattern(scope)]
    faults.unless(bool(data.scopes), "scopes", _("Name at least one permission."))
    faults.unless(
        not odd, "scopes", _("%(odd)s: a scope looks like customers.view, customers.* or *.") % {"odd": ", ".join(odd)}
    )
    # everything I may, or may see: cut to that below, or a narrow token could make a wide one
    is_all = data.scopes in (("*",), READ_ONLY)
    faults.unless(is_all or bool(odd) or covers(actor.permissions, data.scopes), "scopes", TOO_MUCH)
    faults.unless(
        data.expires_at is None or data.expires_at > timezone.now(), "expires_at", _("This lies in the past.")
    )
    networks = trusted_networks(data.networks, faults)
    faults.stop()
    return networks


@action("tokens.add")
def create_own_token(actor: Actor, membership: Membership, data: TokenData) -> tuple[ApiToken, str]:
    """Create an API token from the row of one's own role; like `create_token`.

    Raises:
        NotPermitted: it is somebody else's role, or at another partner than the actor works at now.
        InvalidInput
    """
    if (membership.login_id, membership.partner_id) != (actor.login_id, actor.partner_id):
        raise NotPermitted(_("Everybody makes their own tokens only: a token acts in its owner's name."))
    return create_token(actor, data)


@action("tokens.add")
def renew_token(actor: Actor, token: ApiToken) -> ApiToken:
    """Let a token of one's own work again after one's role has asked for a second factor; nothing else changes.

    Raises:
        Conflict: it needs no renewal.
        NotPermitted: it is somebody else's, or this session has not shown what the role asks for.
        NotFound
    """
    token = locked(queries.tokens_of(actor), actor, token.pk)
    if actor.impersonators or (token.login_id, token.partner_id) != (actor.login_id, actor.partner_id):
        raise NotPermitted(_("Only its owner renews a token, who has a second factor."))
    if state_of(token) != TokenState.STOPPED:
        raise Conflict(_("This token needs no renewal."))
    if queries.is_short_of(actor.second_factor, actor.proven):
        raise NotPermitted(_("Sign in with your second factor, then renew the token."))
    with audited(actor, token, "renew"):
        token.second_factor = actor.proven
        token.save(update_fields=["second_factor"])
    return token


def state_of(token: ApiToken) -> TokenState:
    """Tell whether a token of `queries.tokens_of` works; no query."""
    if token.revoked_at is not None:
        return TokenState.REVOKED
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return TokenState.EXPIRED
    asked = queries.strictest([token.partner.second_factor, getattr(token, "asked", None) or SecondFactor.OPTIONAL])
    is_staffs = token.customer_id is None
    return TokenState.STOPPED if is_staffs and queries.is_short_of(asked, token.second_factor) else TokenState.ACTIVE


@action("tokens.delete")
def revoke_token(actor: Actor, token: ApiToken) -> ApiToken:
    """End a token: the next request with it is refused.

    Raises:
        Conflict: it is revoked already.
        NotFound
    """
    token = locked(ApiToken.objects, actor, token.pk)
    if token.revoked_at is not None:
        raise Conflict(_("This token is revoked already."))
    with audited(actor, token, "revoke"):
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return token
