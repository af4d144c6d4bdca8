"""Everybody asks every route of the datafeed, and the stream, and gets just what the policy gives him."""

import asyncio
import re
from contextlib import suppress
from datetime import timedelta
from typing import Any

import aiohttp
from starlette.routing import Route

from candles.datafeed.handlers.rules import LIVE, NEEDS, STREAM
from candles.datafeed.main import opened
from candles.datafeed.settings import Settings
from cryptwire.domain.candle import SPAN
from cryptwire.permissions import Permissions, Roles
from cryptwire.storage.database import url_of
from cryptwire.storage.users import Users
from tests.integration.datafeed.conftest import MINE, THEIRS, World, candle

PERMISSIONS = Permissions()
ASKED = {"symbol": f"HOPPER:{MINE}", "resolution": "15", "from": "1", "to": "2000000000"}
SUBSCRIBE = {"action": "subscribe", "symbol": f"HOPPER:{MINE}", "resolution": "15"}


async def plan_is(world: World, plan: str, until: str = "NULL") -> None:
    await world.owner.execute(f"UPDATE users SET plan = '{plan}', plan_until = {until}")


async def headers(world: World) -> dict[str, str]:
    """Those of a new session, of which nobody remembers another plan."""
    return {"authorization": f"Bearer {await world.keys.signed_in(world.owner, world.user)}"}


async def test_every_route_says_what_it_needs(world: World, database_url: str, nats_url: str) -> None:
    settings = Settings(url_of("datafeed", database_url), nats_url, world.keys.session_public_key_file, port=0)
    async with opened(settings, world.runtime) as app:
        assert {getattr(route, "path", None) for route in app.routes} == NEEDS.keys()
        app.routes.append(Route("/udf/forgotten", lambda _: None))
        assert not {getattr(route, "path", None) for route in app.routes} <= NEEDS.keys()
    admin = {(resource, action) for resource, action, _ in PERMISSIONS.of(Roles.of("admin", None))}
    assert {(needs.resource, needs.action) for needs in (*NEEDS.values(), LIVE)} <= admin


async def test_everybody_gets_of_every_route_just_what_the_policy_gives_him(world: World) -> None:
    shown: dict[str, tuple[Roles, dict[str, str]]] = {
        "stranger": (Roles(), {}),
        "forger": (Roles(), {"cookie": "cw_access=x"}),
    }
    for plan in ("free", "trial", "pro", "admin"):
        user = await Users(world.owner).add(f"{plan}@walk.test", "-", "UTC", "USD", plan)
        token = await world.keys.signed_in(world.owner, user)
        shown[plan] = (Roles.of(plan, None), {"authorization": f"Bearer {token}"})
    shown["script"] = (Roles.of("pro", frozenset({"scope:read"})), {"authorization": f"Bearer {world.secret}"})
    wrong = []
    async with aiohttp.ClientSession() as http:
        for who, (roles, told) in shown.items():
            for path, needs in NEEDS.items():
                if path == STREAM:
                    continue
                async with http.get(f"{world.base}{path}", params=ASKED, headers=told) as answer:
                    is_refused = answer.status in (401, 403)
                    expected = 401 if roles == Roles() else 403
                    if is_refused == PERMISSIONS.can(roles, needs) or (is_refused and answer.status != expected):
                        wrong.append((who, path, answer.status))
    assert wrong == []


async def test_a_policy_that_gives_less_is_obeyed_by_every_route(world: World) -> None:
    """A script without a scope may nothing: every route refuses it, and so does the stream."""
    await world.owner.execute("ALTER TABLE api_tokens DROP CONSTRAINT api_tokens_scopes_check")
    await world.owner.execute("UPDATE api_tokens SET scopes = '{}'")
    for path in NEEDS.keys() - {STREAM}:
        status, body = await world.get(path, **ASKED)
        assert (status, body["s"]) == (403, "error"), path
    async with world.stream() as socket:
        await socket.receive()
        assert socket.close_code == 4403


async def test_what_is_somebody_elses_is_answered_as_what_is_not_there(world: World) -> None:
    for path in NEEDS.keys() - {STREAM}:
        answers = []
        for hopper in (THEIRS, "9"):
            async with world.http.get(f"{world.base}{path}", params=ASKED | {"symbol": f"HOPPER:{hopper}"}) as answer:
                body = await answer.read()
                answers.append((answer.status, re.sub(rb"^\d+$", b"now", body)))
        assert answers[0] == answers[1], path
    async with world.stream() as socket:
        told = []
        for hopper in (THEIRS, "9"):
            await socket.send_json(SUBSCRIBE | {"symbol": f"HOPPER:{hopper}"})
            told.append((await socket.receive_str()).replace(f"HOPPER:{hopper}", "#"))
        assert told[0] == told[1]
        assert "unknown_symbol" in told[0]


async def test_history_is_every_plans_and_the_bar_in_progress_is_live(world: World) -> None:
    now = world.clock.now()
    opened_at = now - (now - now.replace(minute=0, second=0, microsecond=0)) % SPAN
    await world.store(MINE, [(opened_at - SPAN, 1, 1, 1, 1)])
    await world.say_live(candle(MINE, opened_at, 2, 2, 2, 2), now)
    asked = ASKED | {"to": str(int(now.timestamp()) + 900)}
    for plan, seen in (("admin", [1, 2]), ("pro", [1, 2]), ("trial", [1, 2]), ("free", [1])):
        await plan_is(world, plan)
        told = await headers(world)
        closes: list[float] = []
        async with asyncio.timeout(5):
            while closes != seen:
                async with world.http.get(f"{world.base}/udf/history", params=asked, headers=told) as answer:
                    closes = (await answer.json())["c"]
                assert plan != "free" or closes == seen


async def first(world: World, told: dict[str, str]) -> dict[str, Any]:
    """The first answer to a subscription; that the stream is alive is none."""
    async with world.stream(headers=told) as socket:
        await socket.send_json(SUBSCRIBE)
        while True:
            answer = await socket.receive_json(timeout=15)
            assert isinstance(answer, dict)
            if answer["type"] != "alive":
                return answer


async def test_live_bars_are_for_the_plans_that_open_them(world: World) -> None:
    now = world.clock.now()
    opened_at = now - (now - now.replace(minute=0, second=0, microsecond=0)) % SPAN
    await world.say_live(candle(MINE, opened_at, 2, 2, 2, 2), now)
    for plan in ("free", "trial", "pro", "admin"):
        await plan_is(world, plan)
        answer = await first(world, await headers(world))
        is_open = PERMISSIONS.can(Roles.of(plan, None), LIVE)
        assert (answer["type"], answer.get("code")) == (("bar", None) if is_open else ("error", "forbidden")), plan


async def test_live_ends_within_five_seconds_of_the_plan_on_a_stream_that_is_open(world: World) -> None:
    now = world.clock.now()
    opened_at = now - (now - now.replace(minute=0, second=0, microsecond=0)) % SPAN
    await world.say_live(candle(MINE, opened_at, 2, 2, 2, 2), now)
    await plan_is(world, "trial", "now() + interval '4 seconds'")
    ends = world.clock.now() + timedelta(seconds=4)
    async with world.stream(headers=await headers(world)) as socket:
        await socket.send_json(SUBSCRIBE)
        kinds: list[str] = []
        while "error" not in kinds:
            kinds.append((await socket.receive_json(timeout=15))["type"])
        assert "bar" in kinds
        assert world.clock.now() - ends < timedelta(seconds=5)
        await world.say_live(candle(MINE, opened_at, 2, 3, 2, 3), now)
        more = []
        with suppress(asyncio.TimeoutError):
            async with asyncio.timeout(1.5):
                while True:
                    more.append((await socket.receive_json())["type"])
        assert set(more) <= {"alive"}
