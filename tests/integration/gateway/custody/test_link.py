"""A link is begun here, good for its user, for once and for ten minutes; unlinking leaves nothing behind."""

import asyncio
from collections import Counter
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import CryptwireError, Invalid, LinkAgain
from gateway.custody import Custody
from tests.integration.gateway.custody.conftest import REDIRECT, Scene

MINE = HopperId("501")


async def everything_of(scene: Scene, user: UserId) -> int:
    """Rows of a user in all of custody."""
    count = 0
    for table in ("tokens", "hoppers", "link_requests"):
        count += len(await scene.sql(f"SELECT 1 FROM custody.{table} WHERE user_id = $1::text::uuid", user))
    return count


async def refused(custody: Custody, user: UserId, code: str, state: str) -> None:
    with pytest.raises(Invalid, match="begin again"):
        await custody.link(user, code, state)


async def test_a_link_gives_tokens_that_work(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.user()
        assert await custody.link_of(user) is None
        with pytest.raises(LinkAgain):
            await custody.must_be_linked(user)
        await scene.link(custody, user)
        await custody.must_be_linked(user)
        assert scene.oauth.is_alive(await custody.access(user))
        found = await custody.link_of(user)
        assert found is not None
        assert found.scopes == ("read", "trade")
        assert await everything_of(scene, user) == 1


async def test_a_state_is_good_for_once(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.user()
        url, state = await custody.begin_link(user, REDIRECT)
        await custody.link(user, scene.oauth.consent(url), state)
        await refused(custody, user, scene.oauth.consent(url), state)


async def test_when_two_race_with_one_state_one_wins(scene: Scene) -> None:
    async with scene.replica() as one, scene.replica() as two:
        for _ in range(5):
            user = await scene.user()
            url, state = await one.begin_link(user, REDIRECT)
            codes = [scene.oauth.consent(url) for _ in range(6)]
            racing = [each.link(user, code, state) for each, code in zip([one, two] * 3, codes, strict=True)]
            said = await asyncio.gather(*racing, return_exceptions=True)
            assert Counter(type(outcome).__name__ for outcome in said) == {"NoneType": 1, "Invalid": 5}
            assert sum(code in codes for code in (asked.get("code") for asked in scene.oauth.asked)) == 1


async def test_another_users_state_is_refused_and_stays_good_for_its_own(scene: Scene) -> None:
    async with scene.replica() as custody:
        alice, mallory = await scene.user(), await scene.user()
        url, state = await custody.begin_link(alice, REDIRECT)
        await refused(custody, mallory, scene.oauth.consent(url), state)
        await refused(custody, alice, scene.oauth.consent(url), state[:-1])
        await custody.link(alice, scene.oauth.consent(url), state)


async def test_a_state_is_good_for_ten_minutes(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.user()
        url, state = await custody.begin_link(user, REDIRECT)
        left = await scene.sql("SELECT expires_at - now() AS left FROM custody.link_requests")
        assert timedelta(minutes=9, seconds=50) < left[0]["left"] <= timedelta(minutes=10)
        await scene.sql("UPDATE custody.link_requests SET expires_at = now()")
        await refused(custody, user, scene.oauth.consent(url), state)


async def test_a_spent_code_is_refused(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.user()
        url, state = await custody.begin_link(user, REDIRECT)
        code = scene.oauth.consent(url)
        await custody.link(user, code, state)
        _, again = await custody.begin_link(user, REDIRECT)
        with pytest.raises(Invalid, match="code"):
            await custody.link(user, code, again)
        assert scene.oauth.is_alive(await custody.access(user))


async def test_a_code_of_another_consent_does_not_fit_the_verifier(scene: Scene) -> None:
    """What PKCE is for: a code that was caught elsewhere is worth nothing here."""
    async with scene.replica() as custody:
        alice, mallory = await scene.user(), await scene.user()
        caught, _ = await custody.begin_link(alice, REDIRECT)
        _, state = await custody.begin_link(mallory, REDIRECT)
        with pytest.raises(Invalid, match="code"):
            await custody.link(mallory, scene.oauth.consent(caught), state)


@pytest.mark.parametrize("uses_pkce", [True, False])
async def test_a_challenge_is_sent_where_it_is_wanted(scene: Scene, uses_pkce: bool) -> None:
    async with scene.replica(uses_pkce=uses_pkce) as custody:
        user = await scene.user()
        url, state = await custody.begin_link(user, REDIRECT)
        asked = parse_qs(urlsplit(url).query)
        assert asked["state"] == [state]
        assert ("code_challenge" in asked) is uses_pkce
        await custody.link(user, scene.oauth.consent(url), state)
        assert ("code_verifier" in scene.oauth.asked[-1]) is uses_pkce


async def test_neither_state_nor_verifier_is_stored_in_clear(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.user()
        url, state = await custody.begin_link(user, REDIRECT)
        rows = await scene.sql("SELECT row_to_json(r)::text AS row, sealed FROM custody.link_requests r")
        await custody.link(user, scene.oauth.consent(url), state)
        _, other = await custody.begin_link(user, REDIRECT)
    assert len(state) >= 43
    assert state != other
    for secret in (state, scene.oauth.asked[-1]["code_verifier"]):
        assert secret not in rows[0]["row"]
        assert secret.encode() not in rows[0]["sealed"]


async def test_nobody_can_fill_the_table(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.user()
        for _ in range(20):
            url, state = await custody.begin_link(user, REDIRECT)
        assert await everything_of(scene, user) == 8
        await custody.link(user, scene.oauth.consent(url), state)
        await scene.sql("UPDATE custody.link_requests SET expires_at = now() - interval '11 minutes'")
        await custody.recover()
        assert await everything_of(scene, user) == 1


async def test_a_user_that_is_not_there_cannot_begin(scene: Scene) -> None:
    async with scene.replica() as custody:
        with pytest.raises(Invalid):
            await custody.begin_link(UserId("00000000-0000-0000-0000-00000000000a"), REDIRECT)


async def test_linking_anew_revokes_what_was_before_and_forgets_its_hoppers(scene: Scene) -> None:
    async with scene.replica() as custody, scene.tokens() as tokens:
        user = await scene.linked(custody)
        before = await scene.opened(user)
        await tokens.keep_hoppers(user, [MINE])
        await scene.link(custody, user)
        await custody.finish(timedelta(seconds=5))
        assert not scene.oauth.is_alive(before.access)
        assert not scene.oauth.may_renew(before.refresh)
        assert await tokens.generation(user, MINE) is None
        assert scene.oauth.is_alive(await custody.access(user))


async def test_linking_anew_holds_although_the_older_tokens_cannot_be_revoked(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.linked(custody)
        scene.oauth.refuses_to_revoke = True
        await scene.link(custody, user)
        await scene.sql("UPDATE custody.tokens SET sealed = sealed || '\\x00'::bytea")
        await scene.link(custody, user)
        assert scene.oauth.is_alive(await custody.access(user))


async def test_a_link_that_upstream_refused_is_made_good_by_linking_anew(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.linked(custody)
        for consent in scene.oauth.consents:
            consent.access.clear()
            consent.refresh.clear()
        with pytest.raises(LinkAgain):
            await custody.access(user, (await scene.opened(user)).access)
        with pytest.raises(LinkAgain):
            await custody.must_be_linked(user)
        await scene.link(custody, user)
        assert scene.oauth.is_alive(await custody.access(user))


async def test_a_hoppers_generation_only_grows_whatever_happens_to_the_link(scene: Scene) -> None:
    async with scene.replica() as custody, scene.tokens() as tokens:
        user = await scene.linked(custody)
        assert await tokens.generation(user, MINE) is None
        await tokens.keep_hoppers(user, [MINE])
        seen = [await tokens.generation(user, MINE)]
        await scene.sql("UPDATE custody.hoppers SET generation = generation + 1")
        seen.append(await tokens.generation(user, MINE))
        await tokens.keep_hoppers(user, [MINE, HopperId("502")])
        assert await tokens.generation(user, MINE) == seen[-1]
        await scene.link(custody, user)
        await tokens.keep_hoppers(user, [MINE])
        seen.append(await tokens.generation(user, MINE))
        assert None not in seen
        assert seen == sorted(set(seen), key=lambda each: each or 0)
        assert await tokens.generation(await scene.linked(custody), MINE) is None


# ---- unlink ----


async def test_unlinking_revokes_and_destroys(scene: Scene) -> None:
    async with scene.replica() as custody, scene.tokens() as tokens:
        user, other = await scene.linked(custody), await scene.linked(custody)
        token = await scene.opened(user)
        await tokens.keep_hoppers(user, [MINE])
        _, state = await custody.begin_link(user, REDIRECT)
        assert await custody.unlink(user)
        assert await everything_of(scene, user) == 0
        assert {token.access, token.refresh} <= set(scene.oauth.revoked)
        with pytest.raises(LinkAgain, match="no Cryptohopper account"):
            await custody.access(user)
        await refused(custody, user, "code", state)
        assert scene.oauth.is_alive(await custody.access(other))


async def test_unlinking_destroys_when_upstream_does_not_confirm(scene: Scene) -> None:
    async with scene.replica() as custody:
        one, two, three = [await scene.linked(custody) for _ in range(3)]
        scene.oauth.refuses_to_revoke = True
        assert not await custody.unlink(one)
        scene.oauth.refuses_to_revoke = False
        await scene.sql(
            "UPDATE custody.tokens SET sealed = sealed || '\\x00'::bytea WHERE user_id = $1::text::uuid", two
        )
        assert not await custody.unlink(two)
        assert not await custody.unlink(two)
        assert [await everything_of(scene, user) for user in (one, two, three)] == [0, 0, 1]


async def test_a_renewal_in_flight_does_not_bring_back_what_was_unlinked(scene: Scene) -> None:
    async with scene.replica() as one, scene.replica() as two:
        for custody in (one, two):
            user = await scene.linked(one)
            await scene.expire()
            scene.oauth.go_on = asyncio.Event()
            scene.oauth.arrived.clear()
            asking = asyncio.create_task(one.access(user))
            await scene.oauth.arrived.wait()
            confirmed = await custody.unlink(user)
            scene.oauth.go_on.set()
            with pytest.raises(LinkAgain):
                await asking
            assert not confirmed  # the tokens that are on their way are not among those revoked
            assert await everything_of(scene, user) == 0
            assert not scene.oauth.consents[-1].access
            assert not scene.oauth.consents[-1].refresh
            scene.oauth.go_on = None


async def test_a_renewal_in_flight_does_not_undo_a_new_link(scene: Scene) -> None:
    async with scene.replica() as one, scene.replica() as two:
        user = await scene.linked(one)
        await scene.expire()
        scene.oauth.go_on = asyncio.Event()
        scene.oauth.arrived.clear()
        asking = asyncio.create_task(one.access(user))
        await scene.oauth.arrived.wait()
        waiting, scene.oauth.go_on = scene.oauth.go_on, None
        await scene.link(two, user)
        waiting.set()
        assert await asking == (await scene.opened(user)).access
        assert scene.oauth.is_alive(await one.access(user))
        assert not scene.oauth.consents[0].access


async def test_a_link_in_flight_does_not_undo_unlinking(scene: Scene) -> None:
    async with scene.replica() as one, scene.replica() as two:
        user = await scene.linked(one)
        url, state = await one.begin_link(user, REDIRECT)
        scene.oauth.go_on = asyncio.Event()
        scene.oauth.arrived.clear()
        linking = asyncio.create_task(one.link(user, scene.oauth.consent(url), state))
        await scene.oauth.arrived.wait()
        assert await two.unlink(user)
        scene.oauth.go_on.set()
        with pytest.raises(Invalid, match="unlinked"):
            await linking
        assert await everything_of(scene, user) == 0
        assert not any(consent.access or consent.refresh for consent in scene.oauth.consents)


async def test_a_link_is_kept_when_its_caller_goes_away(scene: Scene) -> None:
    async with scene.replica() as custody:
        user = await scene.user()
        url, state = await custody.begin_link(user, REDIRECT)
        scene.oauth.delay = 0.3
        scene.oauth.arrived.clear()
        linking = asyncio.create_task(custody.link(user, scene.oauth.consent(url), state))
        await scene.oauth.arrived.wait()
        linking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await linking
        await custody.finish(timedelta(seconds=5))
        assert scene.oauth.is_alive(await custody.access(user))


async def test_links_and_unlinks_of_one_user_at_once_end_in_one_of_both(scene: Scene) -> None:
    async with scene.replica() as one, scene.replica() as two:
        user = await scene.user()

        async def link(custody: Custody) -> None:
            await scene.link(custody, user)

        said = await asyncio.gather(
            *(work for each in (one, two) * 5 for work in (link(each), each.unlink(user))), return_exceptions=True
        )
        assert all(isinstance(outcome, CryptwireError | bool | None) for outcome in said), said
        await one.finish(timedelta(seconds=5))
        await two.finish(timedelta(seconds=5))
        alive = [consent for consent in scene.oauth.consents if consent.access]
        row = await scene.stored(user)
        assert len(alive) == (0 if row is None else 1)
        if row is not None:
            assert scene.oauth.is_alive(await one.access(user))
