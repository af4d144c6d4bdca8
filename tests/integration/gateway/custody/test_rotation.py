"""The master key changes while hundreds of calls go on; nobody notices, and no renewal is undone."""

import asyncio
import secrets
from pathlib import Path

import pytest

from cryptwire.config import environment
from cryptwire.errors import Corrupt
from cryptwire.storage import database
from gateway.custody import Custody
from gateway.custody.keys import EnvironmentKeys, FileKeys
from tests.integration.gateway.custody.conftest import REDIRECT, Scene

IS_FULL = bool(environment().get("CRYPTWIRE_FULL"))
USERS, ROUNDS, ROTATIONS = 100, 40 if IS_FULL else 2, 40 if IS_FULL else 3


async def names(scene: Scene) -> set[str]:
    rows = await scene.sql(
        "SELECT master_key FROM custody.tokens UNION ALL SELECT master_key FROM custody.link_requests"
    )
    return {row[0] for row in rows}


def rotate(path: Path) -> str:
    """A new first line; the name of its key."""
    key = secrets.token_hex(32)
    path.write_text(key + "\n" + path.read_text())
    return key


async def test_everything_is_wrapped_anew_and_nothing_else_changes(scene: Scene) -> None:
    async with scene.replica() as custody:
        users = [await scene.linked(custody) for _ in range(5)]
        url, state = await custody.begin_link(users[0], REDIRECT)
        before = await scene.sql("SELECT user_id, nonce, sealed, expires_at FROM custody.tokens ORDER BY user_id")
        assert await custody.rewrap() == 0
        young = rotate(scene.key_file)
        assert await custody.rewrap() == 6
        assert await names(scene) == {await EnvironmentKeys(young).current()}
        scene.key_file.write_text(young)  # the older keys are gone
        after = await scene.sql("SELECT user_id, nonce, sealed, expires_at FROM custody.tokens ORDER BY user_id")
        assert before == after
        assert [scene.oauth.is_alive(await custody.access(user)) for user in users] == [True] * 5
        await custody.link(users[0], scene.oauth.consent(url), state)


async def test_what_does_not_open_is_left_and_told(scene: Scene, tmp_path: Path) -> None:
    async with scene.replica() as custody:
        users = [await scene.linked(custody) for _ in range(3)]
        await scene.sql("UPDATE custody.tokens SET master_key = 'file:lost' WHERE user_id = $1::text::uuid", users[0])
        rotate(scene.key_file)
        assert await custody.rewrap() == 2
        assert await custody.rewrap() == 0
        assert scene.meters.value("gateway_keys_left") == 1


async def test_a_renewal_meanwhile_is_not_undone(scene: Scene) -> None:
    """The data key that was read is not in the row any more when the one wrapped anew comes."""
    async with scene.replica() as custody, scene.tokens() as tokens:
        user = await scene.linked(custody)
        keys = FileKeys(scene.key_file)
        seen = [row async for row in tokens.wrapped_by_others("another")]
        first = await custody.access(user)
        renewed = await custody.access(user, refused=first)
        assert not await tokens.rewrap(seen[0], *await keys.wrap(b"k" * 32, b""))
        assert await custody.access(user) == renewed


async def test_the_master_key_rotates_under_calls_and_renewals(scene: Scene) -> None:
    """Two gateways, each with a caller for every user; both wrap anew what the other reads and renews."""
    expire = "UPDATE custody.tokens SET expires_at = now() WHERE user_id = $1::text::uuid"
    async with (
        scene.replica() as one,
        scene.replica() as two,
        database.connect(scene.owner_url, "test", 4) as owner,
    ):
        users = await scene.all_linked(one, USERS)
        given = 0

        async def call(custody: Custody, number: int) -> None:
            nonlocal given
            for turn in range(ROUNDS):
                token = await custody.access(users[number])
                given += 1
                if (number + turn) % 2 == 0:  # every user's token is renewed at least once
                    await owner.execute(expire, users[number])
                    assert await custody.access(users[number]) != token

        calls = [asyncio.create_task(call(custody, number)) for custody in (one, two) for number in range(USERS)]
        young = ""
        for _ in range(ROTATIONS):
            await asyncio.sleep(0.05)
            young = rotate(scene.key_file)
            await asyncio.gather(one.rewrap(), two.rewrap())
        await asyncio.gather(*calls)
        while await one.rewrap():
            pass
        assert await names(scene) == {await EnvironmentKeys(young).current()}
        scene.key_file.write_text(young)
        assert given == 2 * USERS * ROUNDS
        assert scene.oauth.rotations >= USERS
        for user in users:
            token = await scene.opened(user)
            assert await two.access(user) == token.access
            assert scene.oauth.is_alive(token.access)
            assert scene.oauth.may_renew(token.refresh)


async def test_a_gateway_that_does_not_know_the_new_key_yet_says_so(scene: Scene) -> None:
    older = EnvironmentKeys(scene.key_file.read_text())
    async with scene.replica() as custody, scene.replica(older) as behind:
        user = await scene.linked(custody)
        rotate(scene.key_file)
        await custody.rewrap()
        with pytest.raises(Corrupt, match="is not here"):
            await behind.access(user)
