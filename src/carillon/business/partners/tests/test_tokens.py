from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from tests.support.cast import Cast

from carillon.base.actor import Actor
from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.actions import remove_staff
from carillon.business.partners.models import ApiToken
from carillon.business.partners.queries import staff_of, system_actor, token_actor, tokens_of
from carillon.business.partners.tokens import TokenData, create_token, revoke_token


def issue(actor: Actor, *scopes: str) -> tuple[ApiToken, str]:
    with tenant(actor):
        return create_token(actor, TokenData(name="script", scopes=scopes or ("*",)))


def test_token_acts_as_its_owner_within_its_scopes(cast: Cast) -> None:
    paul = cast.staff("paul")
    token, clear = issue(paul, "customers.*", "cdrs.view")
    actor = token_actor(clear, request_id="r2")
    assert actor is not None
    assert (actor.partner_id, actor.scope, actor.login_id) == (paul.partner_id, paul.scope, paul.login_id)
    assert actor.may("customers.add") and actor.may("cdrs.view") and not actor.may("users.view")
    assert actor.name == "paul@northwind.test (script)"
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_clear_text_is_kept_nowhere(cast: Cast) -> None:
    token, clear = issue(cast.staff("paul"))
    assert clear.startswith(token.prefix)
    assert clear not in str(ApiToken.objects.values().get()) + str(AuditEntry.objects.values_list("after"))


def test_narrow_token_cannot_make_a_wider_one(cast: Cast) -> None:
    _, clear = issue(cast.staff("paul"), "tokens.*", "customers.view")
    narrow = token_actor(clear)
    assert narrow is not None
    with pytest.raises(InvalidInput):
        issue(narrow, "customers.*")
    everything, _ = issue(narrow, "*")
    assert everything.scopes == ["customers.view", "tokens.*"]


def test_token_shrinks_with_its_owners_role(cast: Cast) -> None:
    paul = cast.staff("paul")
    _, clear = issue(paul, "customers.*")
    staff_of(paul).filter(login__email=paul.name).update(role="reader")
    actor = token_actor(clear)
    assert actor is not None and actor.permissions == {"customers.view"}


def test_token_ends_with_its_owners_place(cast: Cast) -> None:
    paul, olga = cast.staff("paul"), cast.staff("olga")
    _, clear = issue(paul)
    with tenant(olga):
        remove_staff(olga, staff_of(olga).get(login__email=paul.name))
    assert token_actor(clear) is None


@pytest.mark.parametrize("scope", ["customers", "customers.*.x", "Customers.view", "", "a?.view"])
def test_odd_scope_is_named(cast: Cast, scope: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        issue(cast.staff("paul"), scope)
    assert set(refusal.value.fields) == {"scopes"}


def test_expired_revoked_and_unknown_tokens_are_nobody(cast: Cast) -> None:
    paul = cast.staff("paul")
    token, clear = issue(paul)
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    assert token_actor(clear) is None
    ApiToken.objects.filter(pk=token.pk).update(expires_at=None)
    assert token_actor(clear) is not None
    with tenant(paul):
        revoke_token(paul, token)
        with pytest.raises(Conflict):
            revoke_token(paul, token)
    assert token_actor(clear) is None
    assert token_actor("crl_unknown") is None
    assert token_actor("") is None


def test_expiry_in_the_past_is_refused(cast: Cast) -> None:
    paul = cast.staff("paul")
    data = TokenData(name="late", expires_at=timezone.now() - timedelta(days=1))
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_token(paul, data)
    assert set(refusal.value.fields) == {"expires_at"}


def test_customers_token_sees_that_customer_only(cast: Cast) -> None:
    _, clear = issue(cast.user(cast.alice))
    actor = token_actor(clear)
    assert actor is not None
    assert (actor.customer_id, set(actor.scope)) == (cast.acme.pk, {cast.northwind.pk})
    assert actor.may("users.view") and not actor.may("customers.change")


def test_system_has_no_token(cast: Cast) -> None:
    with pytest.raises(NotPermitted):
        issue(system_actor())


def test_stranger_cannot_revoke(cast: Cast) -> None:
    token, _ = issue(cast.staff("paul"))
    stranger = cast.staff("stranger")
    assert token not in tokens_of(stranger)
    with tenant(stranger), pytest.raises(NotFound):
        revoke_token(stranger, token)


def test_action_without_permission_is_refused(cast: Cast) -> None:
    paul = replace(cast.staff("paul"), permissions=frozenset({"*.view"}))
    with pytest.raises(NotPermitted):
        issue(paul)
