"""One policy for server and browser: it stays within the language in which both decide alike."""

import itertools
import json
from pathlib import Path

import casbin
import pytest

from cryptwire.errors import Corrupt
from cryptwire.permissions import MODEL, POLICY, Needs, Permissions, Roles
from tests.conftest import ROOT

VECTORS = ROOT / "web/src/app/core/permissions/vectors.json"
PLANS = ("stranger", "plan:free", "plan:trial", "plan:pro", "plan:admin")
READ, WRITE = frozenset({"scope:read"}), frozenset({"scope:write"})
SCOPES = (None, frozenset[str](), READ, WRITE, READ | WRITE)
EVERYBODY = [Roles(plan, scopes) for plan, scopes in itertools.product(PLANS, SCOPES)]


def named() -> list[Needs]:
    """Every action on every resource that the policy names, and one of each that it does not."""
    rows = [[cell.strip() for cell in line.split(",")] for line in POLICY.read_text().splitlines()]
    resources = [*sorted({row[2] for row in rows if row[0] == "p"} - {"*"}), "nothing-known"]
    actions = [*sorted({row[3] for row in rows if row[0] == "p"} - {"*"}), "destroy"]
    return [Needs(action, resource) for resource, action in itertools.product(resources, actions)]


def vectors(permissions: Permissions) -> dict[str, object]:
    """What the browser's engine is asked, and what it must answer."""
    return {
        "about": "made by tests/unit/cryptwire/permissions/test_permissions.py; both suites read it",
        "model": MODEL.read_text(),
        "asked": [[needs.action, needs.resource] for needs in named()],
        "cases": [
            {
                "roles": [roles.plan, *(["token"] if roles.scopes is not None else []), *sorted(roles.scopes or ())],
                "rules": [list(rule) for rule in permissions.of(roles)],
                "may": [number for number, needs in enumerate(named()) if permissions.can(roles, needs)],
            }
            for roles in EVERYBODY
        ],
    }


def test_the_reduced_policy_decides_as_the_whole_one_for_everybody_and_everything() -> None:
    permissions = Permissions()
    wrong = []
    for roles in EVERYBODY:
        browser = casbin.Enforcer(str(MODEL))
        browser.add_policies([["me", resource, action, effect] for resource, action, effect in permissions.of(roles)])
        wrong += [
            (roles, needs)
            for needs in named()
            if browser.enforce("me", needs.resource, needs.action) is not permissions.can(roles, needs)
        ]
    assert wrong == []


def test_the_vectors_that_the_browsers_suite_reads_are_those_of_the_policy() -> None:
    now = json.dumps(vectors(Permissions()), indent=1) + "\n"
    assert VECTORS.read_text() == now, f"python -m {__name__} writes them again"


def test_each_plan_may_what_the_one_before_may_and_a_stranger_next_to_nothing() -> None:
    permissions = Permissions()
    may = [{needs for needs in named() if permissions.can(Roles(plan), needs)} for plan in PLANS]
    assert may[0] < may[1] < may[2]
    assert may[2] == may[3], "a trial opens what Pro does"
    assert may[3] <= may[4]
    assert {needs.resource for needs in may[0]} == {"app", "shared", "webhooks", "account", "session"}
    assert permissions.plans_that_may(Needs("view", "live-candles")) == ["admin", "pro", "trial"]
    assert permissions.plans_that_may(Needs("view", "nothing-known")) == []


def test_a_token_never_may_what_its_plan_may_not_and_never_touches_the_keys() -> None:
    permissions = Permissions()
    for plan, scopes in itertools.product(PLANS, SCOPES[1:]):
        for needs in named():
            if permissions.can(Roles(plan, scopes), needs):
                assert permissions.can(Roles(plan), needs)
                assert needs.resource not in ("security", "session")
                assert scopes
                assert needs.action == "view" or "scope:write" in scopes


@pytest.mark.parametrize(
    "row",
    [
        "p, plan:free, *, view, allow",
        "p, plan:free, hoppers, *, allow",
        "p, plan:free, hoppers/:id, view, allow",
        "p, plan:free, hoppers, view",
        "p, plan:free, hoppers, view, maybe",
        'p, plan:free, "hoppers", view, allow',
        "p, plan:free, hoppers, view, allow, now",
        "p, Plan:free, hoppers, view, allow",
        "p, plan:free, ^hop.*, view, allow",
        "g, plan:free",
        "g, plan:free, stranger, domain",
        "g2, plan:free, stranger",
        "# a remark",
        "g, stranger, plan:admin",
        "\n".join(f"g, role-{number}, role-{number + 1}" for number in range(7)),
    ],
)
def test_a_policy_beyond_the_language_of_both_is_not_loaded(tmp_path: Path, row: str) -> None:
    policy = tmp_path / "policy.csv"
    policy.write_text(POLICY.read_text().rstrip("\n") + f"\n{row}\n")
    with pytest.raises(Corrupt, match="the policy"):
        Permissions(policy=policy)


def test_a_row_that_is_denied_is_denied_in_the_browser_too(tmp_path: Path) -> None:
    policy = tmp_path / "policy.csv"
    policy.write_text(POLICY.read_text().rstrip("\n") + "\np, plan:pro, trades, view, deny\n")
    permissions = Permissions(policy=policy)
    trades = Needs("view", "trades")
    assert [permissions.can(Roles(plan), trades) for plan in PLANS] == [False, True, False, False, False]
    assert ("trades", "view", "deny") in permissions.of(Roles("plan:pro"))


if __name__ == "__main__":
    VECTORS.parent.mkdir(parents=True, exist_ok=True)
    VECTORS.write_text(json.dumps(vectors(Permissions()), indent=1) + "\n")
