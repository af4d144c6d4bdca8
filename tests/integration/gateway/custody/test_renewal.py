"""A token is renewed once however many ask, and a renewal whose end is not known is settled."""

import asyncio
from datetime import timedelta

import pytest

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt, LinkAgain, Unavailable
from gateway.custody import Custody
from tests.integration.gateway.custody.conftest import Scene

SOON = timedelta(seconds=0.3)


async def in_doubt(scene: Scene, custody: Custody) -> UserId:
    """A user whose token has expired and whose renewal brought no answer."""
    user = await scene.linked(custody)
    await scene.expire()
    scene.oauth.is_away = True
    with pytest.raises(Unavailable):
        await custody.access(user)
    row = await scene.stored(user)
    assert row is not None
    assert row.renewing_at is not None
    return user


async def test_a_token_is_given_as_it_is_while_it_lives(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.linked(custody)
        assert await custody.access(user) == await custody.access(user) == (await scene.opened(user)).access
        assert scene.oauth.rotations == 0


async def test_however_many_ask_at_however_many_gateways_it_is_renewed_once(scene: Scene) -> None:
    async with scene.replica() as one, scene.replica() as two, scene.replica() as three:
        users = await scene.all_linked(one, 10)
        await scene.expire()
        scene.oauth.delay = 0.1
        asked = [each.access(user) for _ in range(5) for each in (one, two, three) for user in users]
        given = await asyncio.gather(*asked)
        assert scene.oauth.rotations == len(users)
        assert len(set(given)) == len(users)
        assert all(scene.oauth.is_alive(token) for token in given)


async def test_a_refused_token_is_renewed_but_not_twice_within_a_minute(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.linked(custody)
        first = await custody.access(user)
        second = await custody.access(user, refused=first)
        assert second != first
        assert await custody.access(user, refused=first) == second
        with pytest.raises(Unavailable, match="just given"):
            await custody.access(user, refused=second)
        await scene.sql("UPDATE custody.tokens SET refreshed_at = refreshed_at - interval '61 seconds'")
        assert await custody.access(user, refused=second) not in (first, second)
        assert scene.oauth.rotations == 2


async def test_a_token_that_lives_for_seconds_is_renewed_whenever_it_expired(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.linked(custody)
        for _ in range(3):
            before = await custody.access(user)
            await scene.expire()
            assert await custody.access(user, refused=before) != before


async def test_what_upstream_does_not_accept_must_be_linked_again_and_is_asked_once(scene: Scene) -> None:
    async with scene.replica() as one, scene.replica() as two:
        user = await scene.linked(one)
        await scene.expire()
        scene.oauth.consents[-1].refresh.clear()
        asked = len(scene.oauth.asked)
        for custody in (one, two, one):
            with pytest.raises(LinkAgain, match="link the account again"):
                await custody.access(user)
        assert len(scene.oauth.asked) == asked + 1
        assert scene.meters.value("gateway_renewals", outcome="revoked") == 1


async def test_while_upstream_answers_no_connection_is_held(scene: Scene) -> None:
    async with scene.replica() as custody:
        users = await scene.all_linked(custody, 12)  # three times as many as it has connections
        other = await scene.linked(custody)
        await scene.sql(
            "UPDATE custody.tokens SET expires_at = now() WHERE user_id = ANY($1::text[]::uuid[])", [*users]
        )
        scene.oauth.go_on = asyncio.Event()
        asked = [asyncio.create_task(custody.access(user)) for user in users]
        async with asyncio.timeout(5):
            while scene.oauth.rotations < len(users):  # noqa: ASYNC110 - upstream counts them
                await asyncio.sleep(0.01)
            assert await custody.access(other)
        scene.oauth.go_on.set()
        assert len(set(await asyncio.gather(*asked))) == len(users)


async def test_a_renewal_outlives_its_caller(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.linked(custody)
        await scene.expire()
        scene.oauth.delay = 0.2
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(custody.access(user), 0.05)
        await custody.finish(timedelta(seconds=5))
        assert scene.oauth.is_alive((await scene.opened(user)).access)


async def test_one_that_is_cut_off_at_the_end_is_settled_at_the_next_start(scene: Scene) -> None:
    async with scene.replica(lease=SOON) as custody:
        user = await scene.linked(custody)
        await scene.expire()
        scene.oauth.go_on = asyncio.Event()
        asking = asyncio.create_task(custody.access(user))
        await asyncio.sleep(0.1)
        await custody.finish(timedelta(seconds=0.01))
        with pytest.raises(asyncio.CancelledError):
            await asking
    scene.oauth.go_on = None
    await asyncio.sleep(SOON.total_seconds())
    async with scene.replica(lease=SOON) as custody:
        await custody.recover()
        with pytest.raises(LinkAgain):  # upstream had rotated, and what it gave is lost
            await custody.access(user)


# ---- doubts ----


async def test_an_answer_that_did_not_come_is_a_doubt_and_the_next_call_settles_it(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await in_doubt(scene, custody)
        scene.oauth.is_away = False
        assert scene.oauth.is_alive(await custody.access(user))
        row = await scene.stored(user)
        assert row is not None
        assert row.renewing_at is row.renewing_until is None


async def test_a_doubt_after_a_rotation_ends_in_link_again(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await in_doubt(scene, custody)
        scene.oauth.consents[-1].refresh.clear()  # it had rotated after all
        scene.oauth.is_away = False
        await custody.recover()
        with pytest.raises(LinkAgain):
            await custody.must_be_linked(user)


async def test_an_answer_that_takes_too_long_is_not_waited_for(scene: Scene) -> None:
    async with scene.replica(lease=SOON) as custody:
        user = await scene.linked(custody)
        await scene.expire()
        scene.oauth.go_on = asyncio.Event()
        with pytest.raises(Unavailable, match="in time"):
            await custody.access(user)
        scene.oauth.go_on.set()


async def test_a_token_that_is_in_doubt_is_not_given_out_before_it_is_settled(scene: Scene) -> None:
    """It has not expired, but the rotation of which nobody knows may have killed it."""
    async with scene.replica() as custody:
        user = await scene.linked(custody)
        before = await custody.access(user)
        scene.oauth.is_away = True
        with pytest.raises(Unavailable):
            await custody.access(user, refused=before)
        with pytest.raises(Unavailable):
            await custody.access(user)
        scene.oauth.is_away = False
        assert await custody.access(user) != before


async def test_when_sign_in_is_away_for_hours_a_token_that_lives_serves_on(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.linked(custody)
        before = await custody.access(user)
        scene.oauth.is_away = True
        with pytest.raises(Unavailable):
            await custody.access(user, refused=before)
        await scene.sql("UPDATE custody.tokens SET renewing_at = now() - interval '2 hours'")
        asked = len(scene.oauth.asked)
        assert await custody.access(user) == before
        assert len(scene.oauth.asked) == asked
        with pytest.raises(Unavailable):
            await custody.access(user, refused=before)
        scene.oauth.is_away = False
        await custody.recover()
        assert await custody.access(user) != before


async def test_another_gateways_renewal_is_left_alone_until_its_lease_ends(scene: Scene) -> None:
    async with scene.replica() as custody, scene.tokens() as tokens:
        user = await scene.linked(custody)
        await scene.expire()
        row = await scene.stored(user)
        assert row is not None
        assert await tokens.claim(row, timedelta(seconds=1)) is not None
        assert await tokens.claim(row, timedelta(seconds=1)) is None
        await custody.recover()
        assert scene.oauth.rotations == 0
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert scene.oauth.is_alive(await custody.access(user))
        assert loop.time() - began > 0.5


async def test_who_comes_back_late_neither_undoes_nor_ends_what_others_did(scene: Scene) -> None:
    async with scene.replica() as custody, scene.tokens() as tokens:
        user = await scene.linked(custody)
        row = await scene.stored(user)
        assert row is not None
        late = await tokens.claim(row, timedelta(0))
        assert late is not None
        now = await tokens.claim(row, timedelta(seconds=9))
        assert now is not None
        await tokens.release(late)
        assert not await tokens.revoke(late)
        after = await scene.stored(user)
        assert after is not None
        assert after.is_renewing
        assert after.renewing_at == late.renewing_at
        assert not after.is_revoked
        await scene.link(custody, user)
        assert not await tokens.renew(now, now)
        assert not await tokens.revoke(now)


async def test_recovery_settles_all_and_one_that_does_not_open_stops_nobody(scene: Scene) -> None:
    async with scene.replica() as custody:
        users = await scene.all_linked(custody, 40)
        await scene.sql(
            "UPDATE custody.tokens SET renewing_at = now() - interval '1 minute', renewing_until = now(),"
            " sealed = CASE WHEN user_id = $1::text::uuid THEN sealed || '\\x00'::bytea ELSE sealed END",
            users[0],
        )
        await custody.recover()
        left = await scene.sql("SELECT user_id::text FROM custody.tokens WHERE renewing_at IS NOT NULL")
        assert [row[0] for row in left] == [users[0]]
        assert scene.oauth.rotations == 39
        with pytest.raises(Corrupt):
            await custody.access(users[0])


async def test_recovery_gives_up_for_now_when_sign_in_is_away(scene: Scene) -> None:
    async with scene.replica() as custody:
        await scene.all_linked(custody, 40)
        await scene.sql("UPDATE custody.tokens SET renewing_at = now(), renewing_until = now()")
        scene.oauth.is_away = True
        asked = len(scene.oauth.asked)
        await custody.recover()
        assert len(scene.oauth.asked) - asked < 20
