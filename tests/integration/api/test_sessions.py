"""Sessions: how they begin, go on and end; in a browser, in an app, by a script."""

import asyncio
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import jwt
import pytest

from api.settings import Settings
from cryptwire.errors import Invalid
from tests.integration.api.accounts import REFRESH, SESSIONS, bearer, mails, tokens
from tests.integration.api.conftest import EMAIL, OURS, PASSWORD, World, code_of, running

ME = "{ me { email } }"
SIGN_IN = (
    f'mutation {{ signIn(email: "{EMAIL}", password: "{PASSWORD}") {{ user {{ id }} accessToken refreshToken }} }}'
)


async def refreshed(world: World, token: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http:
        body = {"query": REFRESH, "variables": {"t": token}}
        async with http.post(f"{world.base}/graphql", json=body, headers=OURS) as response:
            answer = await response.json()
            assert isinstance(answer, dict)
            return answer


async def who(world: World, token: str) -> str | None:
    me = (await world.ask(ME, bearer(token)))["data"]["me"]
    return None if me is None else str(me["email"])


async def test_signing_in_begins_a_session_in_cookies_and_signing_out_ends_it(world: World) -> None:
    assert await world.ask(ME) == {"data": {"me": None}}
    assert code_of(await world.ask(SESSIONS)) == "UNAUTHENTICATED"
    signed_in = (await world.sign_in(EMAIL.lower()))["data"]["signIn"]
    assert (signed_in["user"]["email"], signed_in["user"]["zone"]) == (EMAIL, "Europe/Berlin")
    assert (await world.ask(ME))["data"]["me"] == {"email": EMAIL}
    access = next(cookie.value for cookie in world.http.cookie_jar if cookie.key == "cw_access")
    assert (await world.ask("mutation { signOut }"))["data"] == {"signOut": True}
    assert list(world.http.cookie_jar) == []
    assert await who(world, access) is None
    assert (await world.ask("mutation { signOut }"))["data"] == {"signOut": False}


async def test_the_cookies_are_kept_from_scripts_and_other_sites(world: World) -> None:
    async with world.http.post(f"{world.base}/graphql", json={"query": SIGN_IN}, headers=OURS) as response:
        said = [SimpleCookie(text) for text in response.headers.getall("set-cookie")]
        assert response.headers["cache-control"] == "no-store"
        assert (await response.json())["data"]["signIn"]["accessToken"] is None
    access, refresh = said[0]["cw_access"], said[1]["cw_refresh"]
    assert (access["path"], access["httponly"], access["samesite"], access["max-age"]) == ("/", True, "lax", "600")
    assert (refresh["path"], refresh["httponly"], refresh["samesite"]) == ("/graphql", True, "strict")
    assert int(refresh["max-age"]) == pytest.approx(30 * 86_400, abs=60)
    assert not access["secure"], "in development there is no TLS"
    assert not refresh["secure"]
    assert refresh.value not in str(await world.owner.fetch("SELECT token_hash FROM refresh_tokens"))


async def test_outside_development_the_cookies_are_secure(world: World, database_url: str, nats_url: str) -> None:
    settings = Settings(
        world.settings.database_url, nats_url, world.settings.redis_url, is_warmed_up=False, **world.keys.settings()
    )
    async with running(settings) as (base, _):
        async with world.http.post(f"{base}/graphql", json={"query": SIGN_IN}, headers=OURS) as response:
            assert [text.count("; Secure") for text in response.headers.getall("set-cookie")] == [1, 1]
        async with world.http.get(f"{base}/config.json") as response:
            assert (await response.json())["demo"] is None
    with pytest.raises(Invalid):
        Settings("", "", "", **world.keys.settings(), demo_email=EMAIL)


async def test_the_access_token_says_who_and_what_for_display_and_lives_ten_minutes(world: World) -> None:
    access, _ = await tokens(world)
    claims = jwt.decode(access, world.keys.session_public_key_file.read_bytes(), ["EdDSA"], audience="cryptwire")
    assert claims["sub"] == await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL)
    assert claims["exp"] - claims["iat"] == 600
    assert claims["plan"] == "pro"
    assert "live-candles view allow" in claims["permissions"]


async def test_a_token_that_is_shown_needs_no_header_against_other_sites(world: World) -> None:
    access, _ = await tokens(world)
    assert "errors" not in await world.ask("mutation { endOtherSessions }", bearer(access))
    await world.sign_in()
    assert code_of(await world.ask("mutation { endOtherSessions }", {})) == "FORBIDDEN"
    assert code_of(await world.ask("mutation { endOtherSessions }", {"Origin": "https://evil.example"})) == "FORBIDDEN"


async def test_what_is_no_token_is_nobodys(world: World) -> None:
    await world.sign_in()
    refresh = "mutation($t: String) { refreshSession(refreshToken: $t) { expiresAt } }"
    for token in ("x", "cwp_x", "A" * 43, "a.b.c", "x" * 4_500, "", "%00", "cwp_" + "ä" * 50):
        header = bearer(token) | OURS
        assert await world.ask(ME, header) == {"data": {"me": None}}, "and the cookie beside it is not asked"
        assert code_of(await world.ask(refresh, t=token)) == "UNAUTHENTICATED"
    assert code_of(await world.ask(refresh, t="x" * 50_000)) == "UNAUTHENTICATED"


async def test_a_token_of_another_audience_or_key_is_nobodys(world: World) -> None:
    user = await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL)
    now = int(datetime.now(UTC).timestamp())  # noqa: TID251 - real servers, real time
    access, _ = await tokens(world)
    sid = jwt.decode(access, options={"verify_signature": False})["sid"]
    good = {"sub": user, "sid": sid, "aud": "cryptwire", "iat": now, "exp": now + 600}
    key = world.keys.session_key_file.read_bytes()
    assert await who(world, jwt.encode(good, key, "EdDSA")) == EMAIL
    stranger = await world.owner.value("SELECT user_id::text FROM users WHERE email <> $1", EMAIL)
    for wrong in (
        {"aud": "cryptwire-gateway"},
        {"exp": now},
        {"exp": now + 601},
        {"iat": now + 60, "exp": now + 120},
        {"sub": stranger},
        {"sub": 7},
        {"sid": "00" * 32},
        {"sid": "zz"},
        {"exp": True},
    ):
        assert await who(world, jwt.encode(good | wrong, key, "EdDSA")) is None, wrong
    assert await who(world, jwt.encode(good, "k" * 32, "HS256")) is None
    assert await who(world, jwt.encode(good, "", "none")) is None


# Refreshing


async def test_a_session_goes_on_by_its_refresh_token_which_is_another_each_time(world: World) -> None:
    access, token = await tokens(world)
    seen = {token}
    for _ in range(5):
        new = (await refreshed(world, token))["data"]["refreshSession"]
        assert await who(world, new["accessToken"]) == EMAIL
        token = new["refreshToken"]
        seen.add(token)
    assert len(seen) == 6
    assert await who(world, access) == EMAIL
    assert await world.owner.value("SELECT count(*) FROM sessions") == 1


async def test_a_browser_refreshes_by_its_cookie(world: World) -> None:
    await world.sign_in()
    before = {cookie.key: cookie.value for cookie in world.http.cookie_jar}
    answer = await world.ask("mutation { refreshSession { user { email } accessToken refreshToken expiresAt } }")
    assert answer["data"]["refreshSession"]["user"] == {"email": EMAIL}
    assert answer["data"]["refreshSession"]["accessToken"] is None
    after = {cookie.key: cookie.value for cookie in world.http.cookie_jar}
    assert after["cw_refresh"] != before["cw_refresh"]
    assert code_of(await world.ask("mutation { refreshSession { expiresAt } }", {})) == "FORBIDDEN", (
        "another site's page"
    )


async def test_a_used_refresh_token_ends_the_session_and_its_user_is_written_to(world: World) -> None:
    access, stolen = await tokens(world)
    newer = (await refreshed(world, stolen))["data"]["refreshSession"]["refreshToken"]
    newest = (await refreshed(world, newer))["data"]["refreshSession"]["refreshToken"]
    assert code_of(await refreshed(world, stolen)) == "UNAUTHENTICATED"
    assert code_of(await refreshed(world, newest)) == "UNAUTHENTICATED", "the session is over for both"
    assert code_of(await refreshed(world, stolen)) == "UNAUTHENTICATED"
    assert await mails(world, EMAIL) == ["session-reused"]
    await _within_five_seconds(world, access)


async def test_two_tabs_may_refresh_at_once_and_a_lost_answer_is_no_theft(world: World) -> None:
    _, token = await tokens(world)
    answers = await asyncio.gather(*(refreshed(world, token) for _ in range(8)))
    siblings = [answer["data"]["refreshSession"]["refreshToken"] for answer in answers]
    assert len(set(siblings)) == 8
    assert await world.owner.value("SELECT generation FROM sessions") == 1, "of many who refresh at once one rotates"
    used = (await refreshed(world, siblings[3]))["data"]["refreshSession"]["refreshToken"]
    assert "errors" not in await refreshed(world, siblings[5]), "within ten seconds, as long as its successor is unused"
    assert "errors" not in await refreshed(world, used)
    assert code_of(await refreshed(world, siblings[1])) == "UNAUTHENTICATED", "its successor was used"
    assert await world.owner.value("SELECT ended_why FROM sessions") == "a refresh token was used twice"


async def test_after_ten_seconds_a_used_token_is_a_thiefs(world: World) -> None:
    _, token = await tokens(world)
    await refreshed(world, token)
    await world.owner.execute("UPDATE sessions SET rotated_at = now() - interval '11 seconds'")
    assert code_of(await refreshed(world, token)) == "UNAUTHENTICATED"
    assert await mails(world, EMAIL) == ["session-reused"]


async def test_a_session_ends_without_refreshing_and_after_half_a_year_in_any_case(world: World) -> None:
    _, token = await tokens(world)
    row = await world.owner.row("SELECT expires_at - began_at AS lives FROM sessions")
    assert row is not None
    assert row["lives"] == timedelta(days=30)
    await world.owner.execute("UPDATE sessions SET began_at = began_at - interval '170 days'")
    token = (await refreshed(world, token))["data"]["refreshSession"]["refreshToken"]
    row = await world.owner.row("SELECT expires_at - began_at AS lives FROM sessions")
    assert row is not None
    assert row["lives"] == timedelta(days=180)
    await world.owner.execute("UPDATE sessions SET expires_at = now()")
    assert code_of(await refreshed(world, token)) == "UNAUTHENTICATED"
    assert await mails(world, EMAIL) == [], "which is no theft"


# Ending


async def test_sessions_are_listed_and_ended_one_by_one_or_all_but_this(world: World) -> None:
    first, _ = await tokens(world, d="My phone")
    second, refresh = await tokens(world)
    listed = (await world.ask(SESSIONS, bearer(first)))["data"]["sessions"]
    assert [one["device"] for one in listed if one["isThisOne"]] == ["My phone"]
    assert {one["address"] for one in listed} == {"127.0.0.1"}
    other = next(one["id"] for one in listed if not one["isThisOne"])
    end = "mutation($id: ID!) { endSession(id: $id) }"
    strangers, _ = await tokens(world, "you@example.com", "other")
    for who_asks, id in ((strangers, other), (first, "00" * 32), (first, "x"), (first, ""), (first, "\x00" * 64)):
        assert code_of(await world.ask(end, bearer(who_asks), id=id)) == "NOT_FOUND"
    assert (await world.ask(end, bearer(first), id=other))["data"] == {"endSession": True}
    assert code_of(await world.ask(end, bearer(first), id=other)) == "NOT_FOUND", "a second time"
    assert await who(world, second) is None
    assert code_of(await refreshed(world, refresh)) == "UNAUTHENTICATED"
    third, _ = await tokens(world)
    ended = await asyncio.gather(*(world.ask("mutation { endOtherSessions }", bearer(first)) for _ in range(4)))
    assert sorted(answer["data"]["endOtherSessions"] for answer in ended) == [0, 0, 0, 1]
    assert [await who(world, each) for each in (first, third, strangers)] == [EMAIL, None, "you@example.com"]


async def test_an_ended_session_is_over_in_every_other_process_within_five_seconds(world: World) -> None:
    access, _ = await tokens(world)
    async with running(world.settings) as (base, _):
        async with world.http.post(f"{base}/graphql", json={"query": ME}, headers=bearer(access)) as response:
            assert (await response.json())["data"]["me"] == {"email": EMAIL}
        await world.ask("mutation { signOut }", bearer(access))
        async with asyncio.timeout(5.5):
            while True:
                async with world.http.post(f"{base}/graphql", json={"query": ME}, headers=bearer(access)) as response:
                    if (await response.json())["data"]["me"] is None:
                        break
                await asyncio.sleep(0.2)


async def test_signing_out_works_when_the_access_token_has_expired(world: World) -> None:
    await world.sign_in()
    world.http.cookie_jar.clear(lambda cookie: cookie.key == "cw_access")
    assert (await world.ask("mutation { signOut }"))["data"] == {"signOut": True}
    assert await world.owner.value("SELECT ended_why FROM sessions") == "signed out"


async def test_a_new_device_is_told_by_mail_and_the_first_and_known_ones_are_not(world: World) -> None:
    for _ in range(2):
        await tokens(world, d="Laptop")
    assert await mails(world, EMAIL) == []
    await tokens(world, d="Phone")
    assert await mails(world, EMAIL) == ["new-device"]
    for device in ("x" * 101, "a\x00b", "a\nb"):
        answer = await world.ask(
            "mutation($e: String!, $p: String!, $d: String) { signIn(email: $e, password: $p, device: $d)"
            " { expiresAt } }",
            e=EMAIL,
            p=PASSWORD,
            d=device,
        )
        assert code_of(answer) == "INVALID"


async def test_a_new_device_is_told_also_when_all_that_was_known_is_forgotten(world: World) -> None:
    await world.owner.execute("UPDATE users SET created_at = now() - interval '70 days'")
    await tokens(world, d="Laptop")
    assert await mails(world, EMAIL) == ["new-device"]


async def _within_five_seconds(world: World, access: str) -> None:
    async with asyncio.timeout(5.5):
        while await who(world, access) is not None:  # noqa: ASYNC110 - what is remembered has no event
            await asyncio.sleep(0.2)
