"""Sockets over the real servers: what NATS tells arrives, what the database says ends them; native apps' pages."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest

from api.schema import SCHEMA
from api.schema.rules import needs_of
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Exhausted
from cryptwire.messaging import subjects
from cryptwire.permissions import Permissions, Roles
from cryptwire.storage import redis
from cryptwire.storage.points import Points
from cryptwire.storage.query_texts import QueryTexts
from tests.integration.api.conftest import EMAIL, World
from tests.integration.api.test_statements import whole
from tests.unit.api.test_subscriptions import Ear
from tests.unit.gateway.clock import HandClock

CHANGED = "subscription { accountChanged }"


async def user(world: World) -> UserId:
    return UserId(await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL))


@asynccontextmanager
async def calling(world: World, token: str) -> AsyncIterator[Ear]:
    """A socket that has said who it is."""
    async with world.http.ws_connect(f"{world.base}/graphql", protocols=["graphql-transport-ws"]) as socket:
        ear = Ear(socket)
        await ear.send("connection_init", payload={"authorization": f"Bearer {token}"})
        assert (await ear.heard())["type"] == "connection_ack"
        yield ear


async def test_what_nats_tells_arrives_also_after_it_was_away(world: World) -> None:
    me = await user(world)
    async with calling(world, await world.keys.signed_in(world.owner, me)) as ear:
        await ear.subscribe(CHANGED)
        assert (await ear.heard())["payload"] == {"data": {"accountChanged": True}}
        await world.bus.publish(subjects.account(me), b"")
        await world.bus.flush()
        assert (await ear.heard())["payload"] == {"data": {"accountChanged": True}}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE sessions SET ended_at = now()", 4401),
        ("UPDATE users SET deletion_asked_at = now()", 4401),
        ("UPDATE users SET plan_until = now() - interval '1 s', plan = 'pro'", 4403),
    ],
)
async def test_the_database_ends_a_socket_within_five_seconds(world: World, statement: str, code: int) -> None:
    me = await user(world)
    async with calling(world, await world.keys.signed_in(world.owner, me)) as ear:
        await ear.subscribe("subscription { livePortfolio(hopperId: 1) { value } }")
        await asyncio.sleep(0.2)
        await world.owner.execute(statement)
        began = asyncio.get_running_loop().time()
        assert await ear.closed() == code
        assert asyncio.get_running_loop().time() - began < 5


async def test_a_native_apps_page_may_ask_with_a_token_and_others_may_not(world: World) -> None:
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    for origin, status in (("https://localhost", 200), ("capacitor://localhost", 200), ("https://evil.example", 400)):
        headers = asking | {"Origin": origin}
        async with world.http.options(f"{world.base}/graphql", headers=headers) as response:
            assert response.status == status
            assert (response.headers.get("access-control-allow-origin") == origin) is (status == 200)
            assert "access-control-allow-credentials" not in response.headers
    token = await world.keys.signed_in(world.owner, await user(world))
    headers = {"Origin": "capacitor://localhost", "Authorization": f"Bearer {token}"}
    async with world.http.post(
        f"{world.base}/graphql", json={"query": "{ me { email } }"}, headers=headers
    ) as response:
        assert await response.json() == {"data": {"me": {"email": EMAIL}}}
        assert response.headers["access-control-allow-origin"] == "capacitor://localhost"
        assert response.headers["access-control-expose-headers"] == "x-cost"
        assert int(response.headers["x-cost"].split(";")[0]) == 2


async def test_no_cookie_opens_a_socket_to_another_sites_page(world: World) -> None:
    await world.sign_in()
    url, protocols = f"{world.base}/graphql", ["graphql-transport-ws"]
    for origin in ("https://evil.example", "null", world.base.replace("127.0.0.1", "localhost")):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await world.http.ws_connect(url, protocols=protocols, headers={"Origin": origin})
        assert refused.value.status == 403, origin
    for origin, heard in ((world.base, "connection_ack"), ("capacitor://localhost", None)):
        async with world.http.ws_connect(url, protocols=protocols, headers={"Origin": origin}) as socket:
            await socket.send_json({"type": "connection_init"})
            message = await socket.receive()
            if heard is None:
                assert socket.close_code == 4401, "a native app's page has a token, and no cookies"
            else:
                assert json.loads(message.data)["type"] == heard


async def test_points_run_out_and_come_back_with_the_minute(redis_url: str) -> None:
    clock = HandClock()
    await clock.turn(20)
    async with redis.connect(redis_url) as client:
        mine, others = Points(client, 100, clock), Points(client, 100, clock)
        assert mine.spend("user 1", 60) == 40
        assert others.spend("user 1", 10) == 90, "nobody has told it yet"
        await mine.tell()
        await others.tell()
        with pytest.raises(Exhausted) as refused:
            others.spend("user 1", 31)
        assert refused.value.retry_after == 40
        assert others.spend("user 1", 30) == 0, "what was refused was not spent"
        assert others.spend("user 2", 100) == 0
        await others.tell()
        await mine.tell()
        assert mine.spend("user 1", 0) == 40, "who tells nothing hears nothing"
        (key,) = [key async for key in client.scan_iter("cw:points*user 1")]
        assert await client.get(key) == b"100", "each point is told once"
        assert 60 < await client.ttl(key) <= 120
        await clock.turn(40)
        assert mine.spend("user 1", 100) == 0


async def test_points_are_counted_here_while_redis_is_away() -> None:
    async with redis.connect("redis://127.0.0.1:9") as client:
        points = Points(client, 100, SystemClock())
        assert points.spend("user 1", 60) == 40
        await points.tell()
        with pytest.raises(Exhausted):
            points.spend("user 1", 60)


async def test_texts_of_queries_are_kept_for_a_week_the_newest_only(redis_url: str) -> None:
    async with redis.connect(redis_url) as client:
        texts = QueryTexts(client, SystemClock(), most=3)
        for number in range(5):
            await texts.keep(f"hash{number}", f"text {number}")
        assert [await texts.of(f"hash{number}") for number in range(5)] == [None, None, "text 2", "text 3", "text 4"]
        assert await texts.newest(2) == ["text 4", "text 3"]
        await client.delete("cw:query:hash4")
        assert await texts.newest(9) == ["text 3", "text 2"], "one is gone before the list knows"
        await texts.keep("hash4", "text 4")
        assert len([key async for key in client.scan_iter("cw:quer*")]) == 4
        assert 0 < await client.ttl("cw:query:hash4") <= timedelta(days=7).total_seconds()


async def test_a_persisted_query_is_kept_for_all_replicas(world: World, redis_url: str) -> None:
    query = "{ __typename }"
    hashed = "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b"
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": hashed}}
    async with world.http.post(f"{world.base}/graphql", json={"query": query, "extensions": extensions}) as response:
        assert (await response.json())["data"] == {"__typename": "Query"}
    async with (
        redis.connect(redis_url) as client,
        world.http.get(f"{world.base}/graphql", params={"extensions": json.dumps(extensions)}) as response,
    ):
        assert await client.get(f"cw:query:{hashed}") == query.encode()
        assert (await response.json())["data"] == {"__typename": "Query"}


async def test_only_the_sub_protocol_is_spoken(world: World) -> None:
    for protocols in ([], ["graphql-ws"]):
        async with world.http.ws_connect(f"{world.base}/graphql", protocols=protocols) as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 4406


async def test_every_subscription_can_be_begun_by_who_may_and_by_nobody_else(world: World) -> None:
    root = SCHEMA._schema.subscription_type
    assert root is not None
    me = await user(world)
    you = UserId(await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", "you@example.com"))
    async with (
        calling(world, await world.keys.signed_in(world.owner, me)) as mine,
        calling(world, await world.keys.signed_in(world.owner, you)) as free,
    ):
        for ear, roles in ((mine, Roles("plan:pro")), (free, Roles("plan:free"))):
            for name, one in root.fields.items():
                arguments = '(hopperId: "1")' if "hopperId" in one.args else ""
                await ear.subscribe(f"subscription {{ {name}{arguments} {whole(one.type, 2)} }}", name)
            await ear.send("ping")
            answers: dict[str, list[str]] = {}
            is_quiet = False
            while not is_quiet or len(answers) < _refused(roles):
                answer = await ear.heard()
                is_quiet = is_quiet or answer["type"] == "pong"
                if answer["type"] == "error":
                    answers[answer["id"]] = [error["extensions"]["code"] for error in answer["payload"]]
            for name in root.fields:
                needs = needs_of(root, name)
                assert needs is not None
                assert (name in answers) is not Permissions().can(roles, needs)
                assert set(answers.get(name, ["FORBIDDEN"])) == {"FORBIDDEN"}


def _refused(roles: Roles) -> int:
    """How many subscriptions these roles may not begin."""
    root = SCHEMA._schema.subscription_type
    assert root is not None
    needed = [needs_of(root, name) for name in root.fields]
    return sum(needs is not None and not Permissions().can(roles, needs) for needs in needed)
