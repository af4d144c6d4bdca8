"""Who may do what: one Casbin model and policy for every door, and for the app.

Subjects are roles: ``stranger``, ``plan:free``, ``plan:trial``, ``plan:pro``, ``plan:admin``, each with all that the
one before may (trial as pro); ``scope:read`` and ``scope:write`` narrow what a personal API token may of it. Only the
part of Casbin's language is used in which Python and browser were found to agree (shared reference, web 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import casbin

STRANGER = "stranger"
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Needs:
    """What somebody must be allowed to: ``action`` on ``resource``, as the policy names them."""

    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.action} {self.resource}"


@dataclass(frozen=True, slots=True)
class Roles:
    """In what roles somebody asks: ``plan``'s, and within the ``scopes`` of a token (None: there is no such limit)."""

    plan: str = STRANGER
    scopes: frozenset[str] | None = None


class Permissions:
    """Decisions by the policy; each is made once and remembered: the policy does not change while a process runs."""

    def __init__(self, model: Path = _HERE / "model.conf", policy: Path = _HERE / "policy.csv") -> None:
        self._enforcer = casbin.Enforcer(str(model), str(policy))
        self._decided = lru_cache(maxsize=10_000)(self._decide)

    def can(self, roles: Roles, needs: Needs) -> bool:
        """Whether somebody in ``roles`` may; no for whatever the policy does not know."""
        return self._decided(roles, needs)

    def of(self, roles: Roles) -> list[tuple[str, str, str]]:
        """What the browser needs to decide alike for these roles: rules of (resource, action, allow or deny)."""
        names = [roles.plan, *sorted(roles.scopes or ())]
        rules: Sequence[Sequence[str]] = [
            rule for name in names for rule in self._enforcer.get_implicit_permissions_for_user(name)
        ]
        return sorted({(obj, act, eft) for _, obj, act, eft in rules})

    def _decide(self, roles: Roles, needs: Needs) -> bool:
        if not self._enforcer.enforce(roles.plan, needs.resource, needs.action):
            return False
        if roles.scopes is None:
            return True
        return any(self._enforcer.enforce(scope, needs.resource, needs.action) for scope in roles.scopes)
