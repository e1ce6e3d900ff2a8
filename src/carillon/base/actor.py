"""Who acts: a frozen value that every action and query takes first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person, an API token or a job, with what it may see and do.

    `scope` holds the ids of all partners whose rows it may see: the own partner and its subtree. `customer_id` narrows
    that to one customer's rows. `permissions` are patterns such as "customers.view", "customers.*" or "*".
    `second_factor` is what the role asks for when its person signs in (partners.choices.SecondFactor), `proven` what
    has been shown in this session, or when the token was made.
    `impersonators` names, outermost first, the people acting through this actor. `address` is where the request came
    from; "": a job's.
    """

    name: str
    login_id: int | None = None
    realm: int = 0
    partner_id: int | None = None
    scope: frozenset[int] = frozenset()
    permissions: frozenset[str] = frozenset()
    customer_id: int | None = None
    user_id: int | None = None
    is_operator: bool = False
    second_factor: str = ""
    proven: str = ""
    impersonators: tuple[str, ...] = ()
    address: str = ""
    request_id: str = ""

    def may(self, permission: str) -> bool:
        """Tell whether any of the actor's patterns covers `permission` ("panel.verb")."""
        return any(fnmatchcase(permission, pattern) for pattern in self.permissions)

    def limited_to(self, permissions: frozenset[str]) -> Actor:
        """Return the same actor with other permissions: what an API token leaves of them."""
        return replace(self, permissions=permissions)

    def seeing(self, partner_id: int) -> Actor:
        """Return the same actor with one more partner in scope: it has just created that partner."""
        return replace(self, scope=self.scope | {partner_id})


def nobody() -> Actor:
    """Return the actor of a request that is not signed in: sees nothing, may nothing."""
    return Actor(name="")
