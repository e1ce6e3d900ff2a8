"""Changes to the partner tree and its staff; those to blacklists, roles and tokens are in files of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited, witnessed
from carillon.base.errors import Conflict, InvalidInput, NotPermitted
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named_or_none, once
from carillon.base.tenancy import enter, tenant
from carillon.business.partners import queries
from carillon.business.partners.choices import (
    OWN_HOSTNAME,
    STAFF_REALM,
    Feature,
    Limited,
    Role,
    SecondFactor,
    Status,
)
from carillon.business.partners.limits import ensure_feature, ensure_room
from carillon.business.partners.models import Login, Membership, OwnRole, Partner
from carillon.business.partners.networks import keep_a_way_in, trusted_networks
from carillon.business.partners.ownroles import may_give
from carillon.business.partners.roles import PERMISSIONS, covers
from carillon.business.partners.signins import end_own_sessions
from carillon.business.partners.statuses import StatusData, check_status

MAX_DEPTH = 16
MOST_TRACE_DAYS = 366
HOSTNAME_TAKEN = _lazy("This hostname is in use already.")
CLASHES = {
    "partner_name_once_per_parent": ("name", _lazy("There is a partner of this name already.")),
    "partners_partner_portal_hostname_key": ("portal_hostname", HOSTNAME_TAKEN),
}
EMAIL_TAKEN = _lazy("This e-mail address can't be used: somebody signs in with it already.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerData:
    """What is said about a partner. `parent_id` (None: the actor's own partner) and `currency` stay once created.

    `trace_days`: how long SIP messages of its calls are kept; None: as long as whoever it buys from keeps its own.
    `second_factor`: what its staff needs to sign in. `networks`: where they must come from; none: from anywhere.
    """

    name: str
    country: str
    currency: str
    parent_id: int | None = None
    portal_hostname: str = ""
    timezone: str = "UTC"
    culture: str = "en"
    trace_days: int | None = None
    second_factor: SecondFactor = SecondFactor.OPTIONAL
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffData:
    """A person and their role: a built-in one, or (`own_role_id`) one that the partner has defined.

    A password is for the platform's own use: people choose theirs by invitation. `email` stays.
    """

    email: str
    name: str
    role: Role = Role.READER
    own_role_id: int | None = None
    partner_id: int | None = None
    password: str = ""
    culture: str = "en"
    timezone: str = "UTC"
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonData:
    """Why something is done to a person's sign-in; kept in history."""

    reason: str


# ---------------------------------------------------------------- the tree


@transaction.atomic
def create_operator(actor: Actor, data: PartnerData) -> Partner:
    """Create the one partner without a parent: how an installation begins. Needs the system's actor.

    Raises:
        NotPermitted: the actor is not the system.
        Conflict: there is an operator already.
        InvalidInput
    """
    if not (actor.is_operator and actor.login_id is None):
        raise NotPermitted
    if queries.system_actor().partner_id is not None:
        raise Conflict(_("There is an operator already."))
    return _plant(actor, None, data)


@action("partners.add")
def create_partner(actor: Actor, data: PartnerData) -> Partner:
    """Create a sub-partner; it joins the scope of the open transaction.

    Raises:
        InvalidInput: a value is wrong, or the parent is not visible or not active.
    """
    parent = queries.chosen_partner(actor, data.parent_id, "parent_id")
    faults = Faults()
    faults.unless(
        parent.status == Status.ACTIVE,
        "parent_id",
        _("%(parent)s is %(status)s.") % {"parent": parent, "status": parent.get_status_display()},
    )
    faults.unless(
        len(parent.path) < MAX_DEPTH, "parent_id", _("The tree is at most %(most)s levels deep.") % {"most": MAX_DEPTH}
    )
    faults.stop()
    ensure_feature(parent.pk, Feature.SUB_PARTNERS)
    ensure_room(parent.pk, Limited.PARTNERS)
    return _plant(actor, parent, data)


def _plant(actor: Actor, parent: Partner | None, data: PartnerData) -> Partner:
    partner = Partner(parent=parent, currency=data.currency)
    _fill(partner, data)
    with once(CLASHES), audited(actor, partner, "create"):
        partner.save(force_insert=True)
        partner.path = [*(parent.path if parent else []), partner.pk]
        partner.save(update_fields=["path"])
        enter(actor.seeing(partner.pk))
    return partner


@action("partners.change")
def update_partner(actor: Actor, partner: Partner, data: PartnerData) -> Partner:
    """Change a partner's name, hostname, country, time zone, culture, how its staff sign in, or how long traces stay.

    Raises:
        InvalidInput: a value is wrong, parent or currency differ from before, or the actor would lock themselves out.
        NotFound
    """
    partner = locked(Partner.objects, actor, partner.pk)
    faults = Faults()
    faults.unless(data.parent_id in (None, partner.parent_id), "parent_id", _("A partner can't move in the tree."))
    faults.unless(data.currency == partner.currency, "currency", _("A partner's currency can't change any more."))
    if partner.pk == actor.partner_id:
        keep_a_way_in(actor, trusted_networks(data.networks, faults), faults)
    faults.stop()
    with once(CLASHES), audited(actor, partner, "update"):
        _fill(partner, data)
        partner.save()
    return partner


def _fill(partner: Partner, data: PartnerData) -> None:
    faults = Faults()
    faults.country(data.country)
    faults.currency(data.currency)
    faults.timezone(data.timezone)
    faults.culture(data.culture)
    hostname = _portal_hostname(partner, data.portal_hostname, faults, "portal_hostname")
    partner.networks = trusted_networks(data.networks, faults)
    days = data.trace_days
    faults.unless(
        days is None or 1 <= days <= MOST_TRACE_DAYS, "trace_days", _("1 to %(most)s days.") % {"most": MOST_TRACE_DAYS}
    )
    faults.stop()
    if hostname and hostname != partner.portal_hostname and partner.parent_id is not None:
        ensure_feature(partner.pk or partner.parent_id, Feature.PORTAL_HOSTNAME)
    partner.trace_days, partner.second_factor = days, data.second_factor
    partner.name, partner.country, partner.portal_hostname = data.name, data.country, hostname
    partner.timezone, partner.culture = data.timezone, data.culture
    check_values(partner)


@action("portal_brands.change", "portal_brands.add")
def set_portal_hostname(actor: Actor, partner: Partner, hostname: str) -> Partner:
    """Put a partner's portal on a hostname ("": none of its own), where its staff and sub-partners sign in.

    Raises:
        InvalidInput: on "hostname": it is none, or somebody else's: a partner's, a web product's or the platform's.
        FeatureWithheld: whoever sells to the partner has not granted it.
        NotFound
    """
    partner = locked(Partner.objects, actor, partner.pk)
    faults = Faults()
    wanted = _portal_hostname(partner, hostname, faults, "hostname")
    faults.stop()
    if wanted and wanted != partner.portal_hostname and partner.parent_id is not None:
        ensure_feature(partner.pk, Feature.PORTAL_HOSTNAME)
    clashes = {"partners_partner_portal_hostname_key": ("hostname", HOSTNAME_TAKEN)}
    with once(clashes), audited(actor, partner, "update"):
        partner.portal_hostname = wanted
        partner.save(update_fields=["portal_hostname"])
    return partner


def _portal_hostname(partner: Partner, text: str, faults: Faults, field: str) -> str | None:
    """The hostname that `text` means; a new one must be free on the whole platform."""
    hostname = text.strip().lower() or None
    if hostname and hostname != partner.portal_hostname:
        faults.hostname(hostname, field)
        is_own = hostname == OWN_HOSTNAME and partner.parent_id is None
        faults.unless(is_own or not queries.is_hostname_taken(hostname), field, HOSTNAME_TAKEN)
    return hostname


@action("partners.status")
def set_partner_status(actor: Actor, partner: Partner, data: StatusData) -> Partner:
    """Suspend, block, terminate or reactivate a partner: its calls and those of all below it follow.

    Raises:
        Conflict: it is the actor's own partner or the operator.
        StatusNotPossible: the present status does not lead there.
        InvalidInput: a reason is missing.
        NotFound
    """
    partner = locked(Partner.objects, actor, partner.pk)
    if partner.pk == actor.partner_id or partner.parent_id is None:
        raise Conflict(_("Nobody can change the status of their own partner."))
    check_status(partner.status, data)
    with audited(actor, partner, data.status, reason=data.reason):
        partner.status, partner.status_reason = data.status, "" if data.status == Status.ACTIVE else data.reason
        partner.save(update_fields=["status", "status_reason"])
    return partner


# ---------------------------------------------------------------- staff


@action("staff.add")
def create_staff(actor: Actor, data: StaffData) -> Membership:
    """Make a person staff of a partner; a login that the actor sees already gets a further role.

    Anybody else is invited (`usecases.invite_staff` writes to them): whether somebody signs in by that address
    elsewhere on the platform is told to nobody. With a password the sign-in is made at once.

    Raises:
        InvalidInput: a value is wrong, or the person works there already or is invited.
        NotPermitted: the role may do more than the actor.
    """
    partner = queries.chosen_partner(actor, data.partner_id)
    own_role = _own_role(actor, partner.pk, data.own_role_id)
    may_give(actor, permissions_of(data.role, own_role))
    _check_manner(data)
    login = Login.objects.visible_to(actor).filter(realm=STAFF_REALM, key=login_key(STAFF_REALM, data.email)).first()
    if login is None and data.password:
        login = create_login(actor, partner, STAFF_REALM, data.email, data.name, data.password)
        login.culture, login.timezone = data.culture, data.timezone
        login.save(update_fields=["culture", "timezone"])
    membership = Membership(partner=partner, login=login, role=data.role, own_role=own_role)
    if login is None:
        membership.invited_email, membership.invited_name = data.email.strip(), data.name
        check_values(membership)
    twice = {
        "one_role_per_login_and_partner": ("email", _("This person works for this partner already.")),
        "one_invitation_per_address_and_partner": ("email", _("This person is invited already.")),
    }
    with once(twice), audited(actor, membership, "create" if login else "invite"):
        membership.save(force_insert=True)
    return membership


def create_login(actor: Actor, partner: Partner, realm: int, email: str, name: str, password: str) -> Login:
    """Create a login; part of an action, not one itself. An empty password can't be used to sign in.

    Raises:
        InvalidInput: the address is taken in this realm or a value is wrong.
    """
    email = email.strip()
    login = Login(partner=partner, realm=realm, email=email, key=login_key(realm, email), name=name)
    _set_password(login, password)
    check_values(login)
    taken = ("email", EMAIL_TAKEN)
    with once({"one_login_per_realm": taken, "partners_login_key_key": taken}), audited(actor, login, "create"):
        login.save(force_insert=True)
    return login


def login_key(realm: int, email: str) -> str:
    """Return the key by which a login signs in."""
    return f"{realm}:{email.strip().lower()}"


def _set_password(login: Login, password: str) -> None:
    if not password:
        login.set_unusable_password()
        return
    try:
        validate_password(password, login)
    except ValidationError as error:
        raise InvalidInput(fields={"password": " ".join(error.messages)}) from None
    login.set_password(password)


def permissions_of(role: str, own_role: OwnRole | None) -> frozenset[str]:
    """Return what a membership lets its person do."""
    return PERMISSIONS[role] if own_role is None else frozenset(own_role.permissions)


def _own_role(actor: Actor, partner_id: int, role_id: int | None) -> OwnRole | None:
    role = named_or_none(OwnRole.objects, actor, role_id, "own_role_id")
    if role is not None and role.partner_id != partner_id:
        raise InvalidInput(fields={"own_role_id": _("This role belongs to another partner.")})
    return role


@action("staff.change")
def update_staff(actor: Actor, membership: Membership, data: StaffData) -> Membership:
    """Change a person's role, and name, password (empty: stays) and whether they can sign in.

    Another password, and a role that may do less, sign the person out everywhere. Of who is invited, or whose login is
    another partner's record, role and name alone can change.

    Raises:
        InvalidInput: a value is wrong or not the partner's to set, or e-mail address or partner differ from before.
        NotPermitted: the old or the new role may do more than the actor.
        Conflict: it is the actor's own membership and the role changes or sign-in would end.
        NotFound
    """
    membership = locked(Membership.objects, actor, membership.pk)
    login = _own_login(actor, membership)
    own_role = _own_role(actor, membership.partner_id, data.own_role_id)
    may_give(actor, permissions_of(membership.role, membership.own_role))
    may_give(actor, permissions_of(data.role, own_role))
    _stays(membership, login, data)
    if login is not None and (data.password or data.is_active != login.is_active):
        _works_below(actor, login.pk)
    is_other = (data.role, data.own_role_id) != (membership.role, membership.own_role_id)
    if membership.login_id is not None and membership.login_id == actor.login_id and (is_other or not data.is_active):
        raise Conflict(_("Nobody can change their own role or lock themselves out."))
    before = permissions_of(membership.role, membership.own_role)
    is_less = not (data.is_active and covers(permissions_of(data.role, own_role), before))
    with audited(actor, membership, "update"):
        membership.role, membership.own_role = data.role, own_role
        membership.invited_name = membership.invited_name if login else data.name
        membership.save(update_fields=["role", "own_role", "invited_name"])
    if login is not None:
        _change_login(actor, login, data)
    if membership.login_id is not None and (data.password or is_less):
        end_own_sessions(membership.login_id)
    return membership


def _change_login(actor: Actor, login: Login, data: StaffData) -> None:
    with audited(actor, login, "update"):
        login.name, login.is_active = data.name, data.is_active
        login.culture, login.timezone = data.culture, data.timezone
        check_values(login)
        login.save(update_fields=["name", "is_active", "culture", "timezone"])
    if data.password:
        _set_password(login, data.password)
        login.save(update_fields=["password"])
        witnessed(actor, login, "set_password")


def _own_login(actor: Actor, membership: Membership) -> Login | None:
    """The login, locked; None: the person has not come yet, or is another partner's record."""
    rows = Login.objects.visible_to(actor).select_for_update(of=("self",))
    return rows.filter(pk=membership.login_id or 0).first()


def witness_own(login: Login, verb: str, *, request_id: str = "") -> None:
    """Write into a login's history what its person did to it while signing in: no actor is known yet.

    Cost: four short queries.
    """
    with tenant(queries.system_actor(request_id=request_id)) as system:
        witnessed(replace(system, name=login.email, login_id=login.pk), login, verb)


@action("staff.change")
def reset_second_factors(actor: Actor, membership: Membership, data: ReasonData) -> Membership:
    """Remove all second factors of a person who has lost them; what the role asks for is set up at the next sign-in.

    Raises:
        NotPermitted: the role may do more than the actor, or the person works elsewhere too.
        NotFound
    """
    membership = locked(Membership.objects, actor, membership.pk)
    may_give(actor, permissions_of(membership.role, membership.own_role))
    login = locked(Login.objects, actor, membership.login_id or 0)
    _works_below(actor, login.pk)
    Authenticator.objects.filter(user_id=login.pk).delete()
    witnessed(actor, login, "reset_second_factors", reason=data.reason)
    return membership


def _works_below(actor: Actor, login_id: int) -> None:
    """Who sets a password can sign in with it: nobody may for a person who has a role further up or elsewhere."""
    if any(place.partner_id not in actor.scope for place in queries.places(login_id)):
        raise NotPermitted(
            _("This person works elsewhere too: only they change their password, and nobody locks them out.")
        )


def _stays(membership: Membership, login: Login | None, data: StaffData) -> None:
    faults = Faults()
    email = login.email if login else membership.invited_email
    is_same = login_key(STAFF_REALM, data.email) == login_key(STAFF_REALM, email)
    faults.unless(is_same, "email", _("The e-mail address can't change."))
    faults.unless(data.partner_id in (None, membership.partner_id), "partner_id", _("The partner can't change."))
    if login is None:
        faults.unless(not data.password, "password", _("Only the person chooses it."))
        faults.unless(data.is_active, "is_active", _("Remove the person from your staff instead."))
    faults.stop()
    _check_manner(data)


def _check_manner(data: StaffData) -> None:
    faults = Faults()
    faults.timezone(data.timezone)
    faults.culture(data.culture)
    faults.stop()


@action("staff.delete")
def remove_staff(actor: Actor, membership: Membership) -> None:
    """Take a person's role at a partner away, or withdraw their invitation; logins stay for history and other partners.

    Raises:
        Conflict: it is the actor's own.
        NotPermitted: the role may do more than the actor.
        NotFound
    """
    membership = locked(Membership.objects, actor, membership.pk)
    login_id = membership.login_id
    if login_id is not None and login_id == actor.login_id:
        raise Conflict(_("Nobody can take their own role away."))
    may_give(actor, permissions_of(membership.role, membership.own_role))
    with audited(actor, membership, "remove"):
        membership.delete()
    if login_id is not None:
        end_own_sessions(login_id)
