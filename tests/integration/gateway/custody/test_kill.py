"""A renewal may be killed at any line: the account is linked afterwards, or its user is asked to link it again."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from signal import SIGKILL
from typing import Any

import pytest

from cryptwire.config import environment
from cryptwire.domain.hopper import UserId
from tests.conftest import ROOT
from tests.integration.gateway.custody.conftest import Scene
from tests.integration.gateway.custody.victim import LEASE

IS_FULL = bool(environment().get("CRYPTWIRE_FULL"))
KILLS = 200 if IS_FULL else 26  # at least; in full every line is one's last


@dataclass
class Victims:
    """Processes that do as they are told and are killed meanwhile."""

    process: asyncio.subprocess.Process

    async def run(self, what: str, user: UserId, kill_at: int = 0) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"user": user, "what": what, "kill_at": kill_at}).encode() + b"\n")
        said: dict[str, Any] = json.loads(await self.process.stdout.readline())
        assert not said["error"], said
        return said


@asynccontextmanager
async def victims(scene: Scene) -> AsyncIterator[Victims]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.gateway.custody.victim",
        scene.url,
        scene.oauth_url,
        str(scene.key_file),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    yield Victims(process)
    process.stdin.close()  # type: ignore[union-attr]
    await process.wait()


async def ended(scene: Scene, user: UserId) -> str:
    """How it ended: what is stored must be what upstream knows, and no doubt may be left."""
    row = await scene.stored(user)
    assert row is not None
    assert row.renewing_at is None
    assert row.renewing_until is None
    token = await scene.opened(user)
    if row.is_revoked:
        assert not scene.oauth.may_renew(token.refresh), "upstream would still renew it"
        return "link again"
    assert scene.oauth.is_alive(token.access), "the access token is dead and nobody knows"
    assert scene.oauth.may_renew(token.refresh), "the refresh token is dead and nobody knows"
    return "linked"


def spread(count: int, of: int) -> list[int]:
    """``count`` numbers from 1 to ``of``, each line event once before any comes twice."""
    if count >= of:
        return [1 + number % of for number in range(count)]
    return sorted({1 + round(number * (of - 1) / (count - 1)) for number in range(count)})


@pytest.mark.slow
@pytest.mark.parametrize("keeps_old", [False, True], ids=["rotates-at-once", "old-one-stays-good"])
@pytest.mark.parametrize("what", ["expired", "refused"])
async def test_a_renewal_killed_at_any_line_ends_linked_or_in_link_again(
    scene: Scene, what: str, keeps_old: bool
) -> None:
    scene.oauth.keeps_old = keeps_old
    async with scene.replica() as custody, victims(scene) as processes:
        whole = await scene.linked(custody)
        if what == "expired":
            await scene.expire()
        lines = (await processes.run(what, whole))["lines"]
        assert await ended(scene, whole) == "linked"
        points = spread(max(KILLS, len(lines)) if IS_FULL else KILLS // (2 if keeps_old else 1), len(lines))
        users = await scene.all_linked(custody, len(points))
        if what == "expired":
            await scene.expire()
        for user, point in zip(users, points, strict=True):
            said = await processes.run(what, user, point)
            assert said["signal"] == SIGKILL
        await asyncio.sleep(LEASE.total_seconds())
        await processes.run("recover", whole)
        ends = []
        for user in users:
            token = await custody.access(user) if (await scene.stored(user)).is_revoked is False else None  # type: ignore[union-attr]
            ends.append(await ended(scene, user))
            assert (token is not None) == (ends[-1] == "linked")
    assert "linked" in ends
    assert ("link again" in ends) is not keeps_old
    assert {"renewal.py", "tokens.py", "sign_in.py"} <= {line.partition(":")[0] for line in lines}


@pytest.mark.slow
async def test_a_recovery_may_be_killed_as_well(scene: Scene) -> None:
    """Each recovery settles another doubt or dies over it; the last one lives."""
    async with scene.replica() as custody, victims(scene) as processes:
        example = await scene.linked(custody)
        await scene.expire()
        lines = (await processes.run("expired", example))["lines"]
        begun = next(number for number, line in enumerate(lines, 1) if line.startswith("sign_in.py"))
        users = await scene.all_linked(custody, KILLS // 3)
        await scene.expire()
        for user in users:
            assert (await processes.run("expired", user, begun))["signal"] == SIGKILL
            assert (await scene.stored(user)).renewing_at is not None  # type: ignore[union-attr]
        await asyncio.sleep(LEASE.total_seconds())
        for point in spread(len(users), 2 * len(lines)):
            await processes.run("recover", example, point)
        await asyncio.sleep(LEASE.total_seconds())
        await processes.run("recover", example)
        ends = [await ended(scene, user) for user in users]
    assert "linked" in ends


@pytest.mark.slow
@pytest.mark.parametrize(("where", "end"), [("received", "linked"), ("rotated", "link again")])
async def test_killed_while_upstream_works(scene: Scene, where: str, end: str) -> None:
    async with scene.replica() as custody, victims(scene) as processes:
        user = await scene.linked(custody)
        await scene.expire()
        scene.oauth.kills = where
        if where == "received":
            scene.oauth.is_away = True  # what was received is not worked on
        assert (await processes.run("expired", user))["signal"] == SIGKILL
        scene.oauth.kills, scene.oauth.is_away = "", False
        await asyncio.sleep(LEASE.total_seconds())
        await processes.run("recover", user)
        assert await ended(scene, user) == end


async def test_the_points_are_spread() -> None:
    assert spread(3, 9) == [1, 5, 9]
    assert spread(5, 3) == [1, 2, 3, 1, 2]
