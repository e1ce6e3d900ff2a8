"""Changes to the roles that a partner defines for its own staff, beside the built-in ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, NotPermitted
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, once
from carillon.business.partners import queries
from carillon.business.partners.choices import SecondFactor
from carillon.business.partners.models import Membership, OwnRole
from carillon.business.partners.networks import trusted_networks
from carillon.business.partners.roles import PANELS, covers, is_pattern

READ_ONLY = ("*.view",)
CLASHES = {"own_role_name_once_per_partner": ("name", _lazy("There is a role of this name already."))}
TOO_MUCH = _lazy("Nobody can give or change a role that may do more than themselves.")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRoleData:
    """A role of a partner (None: the actor's own). `permissions` are patterns such as customers.view or *.view.

    `second_factor`: what its people need to sign in, when the partner itself does not ask for more. `networks`: where
    they must come from, beside the partner's own networks; none: from anywhere.
    """

    name: str
    permissions: tuple[str, ...] = READ_ONLY
    second_factor: SecondFactor = SecondFactor.OPTIONAL
    networks: tuple[str, ...] = ()
    partner_id: int | None = None


@action("roles.add")
def create_role(actor: Actor, data: OwnRoleData) -> OwnRole:
    """Define a role that staff of one partner can have.

    Raises:
        InvalidInput: the name is taken, or a permission is none.
        NotPermitted: the role may do more than the actor.
    """
    role = OwnRole(partner=queries.chosen_partner(actor, data.partner_id))
    _fill(actor, role, data)
    with once(CLASHES), audited(actor, role, "create"):
        role.save(force_insert=True)
    return role


@action("roles.change")
def update_role(actor: Actor, role: OwnRole, data: OwnRoleData) -> OwnRole:
    """Change what a role may do; it holds from the next request on of everybody who has it.

    Raises:
        InvalidInput: the name is taken, a permission is none, or the partner differs from before.
        NotPermitted: the role may do more than the actor, now or then.
        Conflict: it is the actor's own role.
        NotFound
    """
    role = locked(OwnRole.objects, actor, role.pk)
    may_give(actor, role.permissions)
    if Membership.objects.filter(login_id=actor.login_id or 0, own_role=role).exists():
        raise Conflict(_("Nobody can change their own role."))
    faults = Faults()
    faults.unless(data.partner_id in (None, role.partner_id), "partner_id", _("The partner can't change."))
    faults.stop()
    with once(CLASHES), audited(actor, role, "update"):
        _fill(actor, role, data)
        role.save()
    return role


@action("roles.delete")
def remove_role(actor: Actor, role: OwnRole) -> None:
    """Remove a role that nobody has.

    Raises:
        Conflict: somebody has it.
        NotPermitted: the role may do more than the actor.
        NotFound
    """
    role = locked(OwnRole.objects, actor, role.pk)
    may_give(actor, role.permissions)
    count = Membership.objects.filter(own_role=role).count()
    if count:
        raise Conflict(_("%(count)s of your staff have this role: give them another one first.") % {"count": count})
    with audited(actor, role, "remove"):
        role.delete()


def may_give(actor: Actor, permissions: Iterable[str]) -> None:
    """Refuse what would let somebody do more than the actor.

    Raises:
        NotPermitted
    """
    if not covers(actor.permissions, permissions):
        raise NotPermitted(TOO_MUCH)


def _fill(actor: Actor, role: OwnRole, data: OwnRoleData) -> None:
    odd = [one for one in data.permissions if not is_pattern(one) or one.partition(".")[0] not in PANELS | {"*"}]
    faults = Faults()
    faults.unless(
        not odd,
        "permissions",
        _("%(odd)s: a permission looks like customers.view or *.view.") % {"odd": ", ".join(odd)},
    )
    role.networks = trusted_networks(data.networks, faults)
    faults.stop()
    may_give(actor, data.permissions)
    role.name, role.permissions = data.name, sorted(set(data.permissions))
    role.second_factor = data.second_factor
    check_values(role)
