"""The webhook's routes say what they need; whoever signs is a stranger, and may deliver."""

from pathlib import Path
from typing import cast

import pytest
from starlette.routing import Route

from cryptwire.permissions import POLICY, Permissions, Roles
from webhook.handlers.receiver import Receiver
from webhook.main import NEEDS, routes


class Nobody:
    async def on_call(self, _: object) -> None: ...


RECEIVER = cast(Receiver, Nobody())


def test_every_route_says_what_it_needs_and_a_stranger_may() -> None:
    permissions = Permissions()
    made = routes(RECEIVER, permissions)
    assert {route.path for route in made} == NEEDS.keys()
    assert all(permissions.can(Roles(), needs) for needs in NEEDS.values())
    assert not {route.path for route in [*made, Route("/forgotten", lambda _: None)]} <= NEEDS.keys()


@pytest.mark.parametrize("row", ["p, stranger, webhooks, deliver, allow"])
def test_a_policy_that_lets_no_stranger_deliver_closes_the_route(tmp_path: Path, row: str) -> None:
    policy = tmp_path / "policy.csv"
    policy.write_text(POLICY.read_text().replace(row, row.replace("allow", "deny")))
    assert routes(RECEIVER, Permissions(policy=policy)) == []
