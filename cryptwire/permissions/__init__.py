"""Who may do what: one Casbin model and policy for every door, and for the app.

Subjects are roles: ``stranger``, ``plan:free``, ``plan:trial``, ``plan:pro``, ``plan:admin``, each with all that the
one before may (trial as pro); ``scope:read`` and ``scope:write`` narrow what a personal API token may of it. Only the
part of Casbin's language is used in which Python and browser were found to agree (shared reference, web 4); a policy
beyond it is not loaded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol, Self

import casbin

from cryptwire.errors import Corrupt

STRANGER = "stranger"
MODEL, POLICY = (Path(__file__).parent / name for name in ("model.conf", "policy.csv"))
_PLAN, _SCOPE = "plan:", "scope:"
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_ROLE = re.compile(r"((plan|scope):)?[a-z][a-z0-9-]*")
_MOST_DEPTH = 5


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

    @classmethod
    def of(cls, plan: str, scopes: frozenset[str] | None) -> Self:
        """The roles of a user with ``plan``, as ``users.plan`` names it."""
        return cls(_PLAN + plan, scopes)


class Asking(Protocol):
    """Who is signed in, as far as it matters here."""

    @property
    def plan(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str] | None: ...


def roles_of(caller: Asking) -> Roles:
    """The roles of somebody who is signed in."""
    return Roles.of(caller.plan, caller.scopes)


class Permissions:
    """Decisions by the policy; each is made once and remembered: the policy does not change while a process runs.

    Raises Corrupt for a policy in which Python and browser might disagree.
    """

    def __init__(self, model: Path = MODEL, policy: Path = POLICY) -> None:
        rules = _checked(policy.read_text())
        self._enforcer = casbin.Enforcer(str(model), str(policy))
        self._decided = lru_cache(maxsize=10_000)(self._decide)
        self._allowed = lru_cache(maxsize=10_000)(self._enforcer.enforce)
        self.plans: list[str] = sorted(
            {subject.removeprefix(_PLAN) for _, subject, *_ in rules if subject.startswith(_PLAN)}
        )

    def can(self, roles: Roles, needs: Needs) -> bool:
        """Whether somebody in ``roles`` may; no for whatever the policy does not know."""
        return self._decided(roles, needs)

    def plans_that_may(self, needs: Needs) -> list[str]:
        """The plans that open this, as ``users.plan`` names them."""
        return [plan for plan in self.plans if self.can(Roles(_PLAN + plan), needs)]

    def of(self, roles: Roles) -> list[tuple[str, str, str]]:
        """What the browser needs to decide alike for these roles: rules of (resource, action, allow or deny).

        With scopes it is what plan and scopes both allow: as rules of one subject they would add up instead.
        """
        implied: Sequence[Sequence[str]] = self._enforcer.get_implicit_permissions_for_user(roles.plan)
        rules = {(obj, act, eft) for _, obj, act, eft in implied}
        if roles.scopes is not None:
            rules = {rule for rule in rules if self.can(roles, Needs(rule[1], rule[0]))}
        return sorted(rules)

    def _decide(self, roles: Roles, needs: Needs) -> bool:
        if not self._allowed(roles.plan, needs.resource, needs.action):
            return False
        if roles.scopes is None:
            return True
        return any(self._allowed(scope, needs.resource, needs.action) for scope in roles.scopes)


def _checked(policy: str) -> list[list[str]]:
    """The rows of a policy; raises Corrupt for one outside of what Python and browser decide alike.

    Only scopes and what they inherit may say ``*``, for any resource or action: rules of plans are handed to the
    browser one by one, cut down to what a token's scopes leave of them.
    """
    rows = [[cell.strip() for cell in line.split(",")] for line in policy.splitlines() if line]
    parents: dict[str, list[str]] = {}
    for row in rows:
        match row:
            case ["g", child, parent] if _ROLE.fullmatch(child) and _ROLE.fullmatch(parent):
                parents.setdefault(child, []).append(parent)
            case ["p", role, resource, action, "allow" | "deny"] if _ROLE.fullmatch(role):
                is_plain = all(_NAME.fullmatch(name) for name in (resource, action))
                is_scopes = role.startswith(_SCOPE) or role == "token"
                if not is_plain and not (is_scopes and all(n == "*" or _NAME.fullmatch(n) for n in (resource, action))):
                    raise Corrupt(f"the policy's row {', '.join(row)} names what only a scope may leave open")
            case _:
                raise Corrupt(f"the policy has a row that is none: {', '.join(row)}")
    for role in parents:
        _must_end(role, parents, 0)
    return rows


def _must_end(role: str, parents: dict[str, list[str]], depth: int) -> None:
    if depth > _MOST_DEPTH:
        raise Corrupt(f"the policy's roles are more than {_MOST_DEPTH} deep, or in a circle, at {role}")
    for parent in parents.get(role, ()):
        _must_end(parent, parents, depth + 1)
