"""The partner tree and the people who sign in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.partners.choices import (
    BlacklistKind,
    ColourScheme,
    DateFormat,
    NumberFormat,
    Role,
    SecondFactor,
    Status,
)
from carillon.business.partners.tenant import TenantModel
from carillon.logic.devices import device_of


def networks_field() -> ArrayField[Any, Any]:
    """Trusted networks, each in its one spelling; empty: any."""
    return ArrayField(models.CharField(max_length=43), default=list, blank=True)


class Partner(models.Model):
    """The operator (no parent) or a reseller below it. `path` holds the ids from the operator down to itself."""

    tenancy = Tenancy(partner="id", check="parent_id")

    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    path = ArrayField(models.BigIntegerField(), default=list, editable=False)
    name = models.CharField(max_length=100)
    portal_hostname = models.CharField(max_length=253, null=True, unique=True)  # noqa: DJ001 - unique when present
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=500, default="", blank=True)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    timezone = models.CharField(max_length=64, default="UTC")
    culture = models.CharField(max_length=12, default="en")
    second_factor = models.CharField(max_length=8, choices=SecondFactor.choices, default=SecondFactor.OPTIONAL)
    networks = networks_field()  # where its staff may sign in from
    trace_days = models.PositiveSmallIntegerField(null=True, blank=True)  # None: as whoever it buys from
    # set by whoever sells to it: features not granted, and how many of each it may have; None: no limit
    withheld = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    max_partners = models.PositiveIntegerField(null=True, blank=True)
    max_web_products = models.PositiveIntegerField(null=True, blank=True)
    max_customers = models.PositiveIntegerField(null=True, blank=True)
    max_users = models.PositiveIntegerField(null=True, blank=True)
    max_endpoints = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Partner"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["parent", "name"], name="partner_name_once_per_parent"),
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(parent__isnull=True), name="exactly_one_operator"
            ),
        ]
        indexes = [
            GinIndex(fields=["path"], name="partner_by_path"),
            models.Index(fields=["name", "id"], name="partner_by_name"),
        ]

    def __str__(self) -> str:
        return self.name


class LoginManager(BaseUserManager["Login"]):
    """Finds logins by their key, "<realm>:<email>"."""

    def get_by_natural_key(self, username: str | None) -> Login:
        return self.get(key=(username or "").lower())


class LoginQuerySet(ScopedQuerySet["Login"]):
    """Logins, scoped like every tenant's rows."""


class Login(AbstractBaseUser):
    """Who signs in: an e-mail address within one realm (0: staff; a partner's id: its customers' people)."""

    tenancy = Tenancy(realm="realm")
    audit_exclude = ("password", "last_login", "locked_until", "open_groups")

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")  # whose record it is
    realm = models.BigIntegerField()
    email = models.EmailField()
    key = models.CharField(max_length=280, unique=True)
    name = models.CharField(max_length=100)
    culture = models.CharField(max_length=12, default="en")
    timezone = models.CharField(max_length=64, default="UTC")
    date_format = models.CharField(max_length=12, choices=DateFormat.choices, default=DateFormat.ISO)
    number_format = models.CharField(max_length=8, choices=NumberFormat.choices, default=NumberFormat.POINT)
    colour_scheme = models.CharField(max_length=8, choices=ColourScheme.choices, default=ColourScheme.SYSTEM)
    open_groups = ArrayField(models.CharField(max_length=20), null=True, blank=True)  # of the menu; None: as it comes
    is_active = models.BooleanField(default=True)
    locked_until = models.DateTimeField(null=True, blank=True)  # after many wrong passwords
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LoginManager.from_queryset(LoginQuerySet)()

    USERNAME_FIELD = "key"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint("realm", Lower("email"), name="one_login_per_realm")]

    def __str__(self) -> str:
        return self.email


class OwnRole(TenantModel):
    """A role that a partner has defined for its staff, beside the built-in ones."""

    name = models.CharField(max_length=60)
    permissions = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    second_factor = models.CharField(max_length=8, choices=SecondFactor.choices, default=SecondFactor.OPTIONAL)
    networks = networks_field()  # where its people may sign in from
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["OwnRole"].as_manager()

    class Meta:
        verbose_name = "role"
        constraints = [models.UniqueConstraint(fields=["partner", "name"], name="own_role_name_once_per_partner")]
        indexes = [models.Index(fields=["name", "id"], name="own_role_by_name")]

    def __str__(self) -> str:
        return self.name


class Membership(TenantModel):
    """A person's role at a partner: that makes them staff. `own_role`, when there is one, stands for `role`.

    Without `login` the person is invited and has not come yet. Who came by an invitation is known by the address and
    name it was sent to: the login may be another partner's record, which this one doesn't see.
    """

    tenancy = Tenancy(across=("login",))
    audit_exclude = ("invitation",)

    login = models.ForeignKey(Login, null=True, blank=True, on_delete=models.CASCADE, related_name="memberships")
    invited_email = models.EmailField(default="", blank=True)
    invited_name = models.CharField(max_length=100, default="", blank=True)
    invitation = models.CharField(max_length=64, null=True, blank=True, unique=True)
    invited_until = models.DateTimeField(null=True, blank=True)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.READER)
    own_role = models.ForeignKey(OwnRole, null=True, blank=True, on_delete=models.PROTECT, related_name="memberships")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Membership"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "login"], name="one_role_per_login_and_partner"),
            models.UniqueConstraint(
                "partner",
                Lower("invited_email"),
                condition=models.Q(login__isnull=True),
                name="one_invitation_per_address_and_partner",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.login_id or self.invited_email} {self.role}"


class ApiToken(TenantModel):
    """A bearer token for the API: only its SHA-256 is kept, with a prefix to recognise it by."""

    tenancy = Tenancy(customer="customer_id", across=("login",))
    audit_exclude = ("digest", "last_used_at")

    login = models.ForeignKey(Login, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=64), default=list)  # permission patterns, cut to the login's own
    customer_id = models.BigIntegerField(null=True)  # a customer's own token
    networks = networks_field()  # where it works; empty: where its owner may sign in from
    # what its owner had shown when it was made or renewed
    second_factor = models.CharField(max_length=8, choices=SecondFactor.choices, default=SecondFactor.OPTIONAL)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    objects = ScopedQuerySet["ApiToken"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["partner", "-id"], name="token_by_partner")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SignIn(TenantModel):
    """A browser in which somebody is signed in, at the partner where they work there. It lasts as its session does."""

    tenancy = Tenancy(customer="customer_id", across=("login",))
    audit_exclude = ("session_key", "last_seen_at")

    login = models.ForeignKey(Login, on_delete=models.CASCADE, related_name="+")
    customer_id = models.BigIntegerField(null=True)
    session_key = models.CharField(max_length=40, unique=True)
    address = models.CharField(max_length=45)
    user_agent = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField()

    objects = ScopedQuerySet["SignIn"].as_manager()

    class Meta:
        verbose_name = "session"
        indexes = [
            models.Index(fields=["partner", "-id"], name="sign_in_by_partner"),
            models.Index(fields=["login"], name="sign_in_by_login"),
        ]

    def __str__(self) -> str:
        return f"{device_of(self.user_agent)}, {self.address}"


class BlacklistEntry(TenantModel):
    """What the partner and everybody below it has nothing to do with: +4490, 203.0.113.0/24 or mail.example."""

    kind = models.CharField(max_length=8, choices=BlacklistKind.choices)
    value = models.CharField(max_length=253)
    reason = models.CharField(max_length=200)
    expires_at = models.DateTimeField(null=True, blank=True)  # then it holds no longer; the row stays
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["BlacklistEntry"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "kind", "value"], name="blacklist_entry_once_per_partner")
        ]
        indexes = [models.Index(fields=["partner", "-id"], name="blacklist_by_partner")]

    def __str__(self) -> str:
        return self.value
