"""Sockets: who may open one, what goes over it, and what ends it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from cryptwire.codec.candle import candle_to_message
from cryptwire.domain.candle import Candle, Quality, opening
from cryptwire.domain.hopper import HopperId
from cryptwire.messaging import subjects
from generated.wire.v1 import portfolio_pb2 as pb
from tests.unit.api.playing import ME, YOU, Played, PlayedHoppers, hopper, playing

CHANGED = "subscription { accountChanged }"
LIVE = "subscription($id: ID!, $masked: Boolean) { livePortfolio(hopperId: $id, masked: $masked) { value isFresh } }"


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    async with playing() as played:
        played.sessions.begin("mine", ME)
        played.sessions.begin("yours", YOU, "free")
        yield played


class Ear:
    """A client's end of a socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, type_: str, **more: Any) -> None:
        await self.socket.send_json({"type": type_, **more})

    async def subscribe(self, query: str, name: str = "1", **variables: Any) -> None:
        await self.send("subscribe", id=name, payload={"query": query, "variables": variables})

    async def heard(self) -> dict[str, Any]:
        """The next message but pings."""
        while True:
            message = await self.socket.receive(timeout=8)
            assert message.type is aiohttp.WSMsgType.TEXT, (message.type, message.data, self.socket.close_code)
            body = json.loads(message.data)
            if body["type"] != "ping":
                assert isinstance(body, dict)
                return body

    async def closed(self) -> int | None:
        """With what code the socket was closed."""
        async with asyncio.timeout(8):
            while (await self.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        return self.socket.close_code


@asynccontextmanager
async def calling(
    played: Played, token: str | None = "mine", *, init: dict[str, Any] | None = None, **headers: str
) -> AsyncIterator[Ear]:
    """A socket; with a token it has said who it is."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            f"{played.base}/graphql", protocols=["graphql-transport-ws"], headers=headers, autoclose=True
        ) as socket,
    ):
        ear = Ear(socket)
        if token is not None or init is not None:
            await ear.send("connection_init", payload={"authorization": f"Bearer {token}"} if init is None else init)
        if token is not None:
            assert (await ear.heard())["type"] == "connection_ack"
        yield ear


def state(hopper: str, played: Played, value: float) -> bytes:
    at = played.services.clock.now()
    candle = Candle(HopperId(hopper), opening(at), value, value, value, value, timedelta(0), Quality.COMPLETE, fence=1)
    us = int(at.timestamp() * 1e6)
    return pb.Portfolio(
        hopper_id=hopper, at_us=us, base_currency="USDT", candle=candle_to_message(candle), assets_at_us=us
    ).SerializeToString()


async def test_it_tells_at_once_and_at_each_change(played: Played) -> None:
    async with calling(played) as ear:
        await ear.subscribe(CHANGED)
        first = {"id": "1", "type": "next", "payload": {"data": {"accountChanged": True}}}
        assert await ear.heard() == first
        await played.bus.publish(subjects.account(YOU), b"")
        await played.bus.publish(subjects.account(ME), b"")
        assert await ear.heard() == first
        await ear.send("complete", id="1")
        await ear.send("ping")
        assert (await ear.heard())["type"] == "pong"
        await ear.subscribe("{ hoppers { id } }")
        assert (await ear.heard())["payload"] == {"data": {"hoppers": [{"id": "1"}]}}
        assert await ear.heard() == {"id": "1", "type": "complete"}


async def test_who_asks_is_said_by_cookie_header_or_first_message(played: Played) -> None:
    ways: list[tuple[dict[str, str], dict[str, Any]]] = [
        ({"Cookie": "cw_access=mine"}, {}),
        ({"Authorization": "Bearer mine"}, {}),
        ({"Origin": "https://localhost"}, {"authorization": "Bearer mine"}),
    ]
    for headers, init in ways:
        async with calling(played, None, init=init, **headers) as ear:
            assert (await ear.heard())["type"] == "connection_ack"


async def test_strangers_and_foreign_pages_with_cookies_are_closed(played: Played) -> None:
    ways: list[tuple[dict[str, str], dict[str, Any]]] = [
        ({}, {"authorization": "Bearer nobody"}),
        ({}, {"authorization": 7}),
        ({}, {"authorization": "mine"}),
        ({"Origin": "https://localhost", "Cookie": "cw_access=mine"}, {"x": 1}),
    ]
    for headers, init in ways:
        async with calling(played, None, init=init, **headers) as ear:
            assert await ear.closed() == 4401


async def test_pages_of_others_do_not_get_a_socket(played: Played) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with calling(played, None, Origin="https://evil.example"):
            pass
    assert refused.value.status == 403


async def test_what_is_no_message_of_the_protocol_closes_the_socket(played: Played) -> None:
    for sent in ("[]", "7", "{", '{"type":[]}', '{"type":"subscribe","id":[],"payload":{}}', '{"type":"what"}'):
        async with calling(played) as ear:
            await ear.socket.send_str(sent)
            assert await ear.closed() == 4400, sent
    async with calling(played) as ear:
        await ear.socket.send_bytes(b"{}")
        assert await ear.closed() == 4400
    async with calling(played) as ear:
        await ear.subscribe("{ hoppers { id } } #" + "x" * 100_000)
        assert await ear.closed() == 1009
    async with calling(played, None) as ear:
        await ear.subscribe(CHANGED)
        assert await ear.closed() == 4401


async def test_what_cannot_be_done_is_an_error_with_a_code_and_the_socket_goes_on(played: Played) -> None:
    long = "subscription { livePortfolio(hopperId: 1) { " + "value " * 600 + "} }"
    async with calling(played) as ear:
        for query, code in (
            ("subscription {", "INVALID"),
            ("subscription { nothing }", "INVALID"),
            ("mutation { signOut }", "INVALID"),
            ("", "INVALID"),
            (long, "TOO_COSTLY"),
        ):
            await ear.subscribe(query)
            answer = await ear.heard()
            assert (answer["id"], answer["type"]) == ("1", "error")
            assert answer["payload"][0]["extensions"]["code"] == code
        await ear.subscribe("{ hoppers { id } }")
        assert (await ear.heard())["type"] == "next"


async def test_a_portfolio_is_told_live_and_only_to_whom_it_belongs(played: Played) -> None:
    await played.bus.publish("portfolio.1.live", state("1", played, 10.0))
    async with calling(played) as ear:
        await ear.subscribe(LIVE, id="1")
        assert (await ear.heard())["payload"]["data"] == {"livePortfolio": {"value": 10.0, "isFresh": False}}
        await played.bus.publish("portfolio.2.live", state("2", played, 99.0))
        await played.bus.publish("portfolio.1.live", state("1", played, 11.0))
        assert (await ear.heard())["payload"]["data"] == {"livePortfolio": {"value": 11.0, "isFresh": False}}
        await ear.send("complete", id="1")
        await ear.subscribe(LIVE, "masked", id="1", masked=True)
        assert (await ear.heard())["payload"]["data"] == {"livePortfolio": {"value": None, "isFresh": False}}
        await ear.send("complete", id="masked")
        answers = []
        for number in ("2", "999", "\x00"):
            await ear.subscribe(LIVE, "other", id=number)
            answers.append((await ear.heard())["payload"])
            assert (await ear.heard())["type"] == "complete"
        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_plan_without_it_is_refused_before_anything_is_read(played: Played) -> None:
    async with calling(played, "yours") as ear:
        await ear.subscribe(LIVE, id="2")
        answer = await ear.heard()
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")


async def test_an_ended_session_closes_its_sockets_within_five_seconds(played: Played) -> None:
    async with calling(played) as ear, calling(played, "yours") as other:
        await ear.subscribe(CHANGED)
        await other.subscribe(CHANGED)
        await ear.heard()
        await other.heard()
        del played.sessions.callers[b"mine"]
        began = asyncio.get_running_loop().time()
        assert await ear.closed() == 4401
        assert asyncio.get_running_loop().time() - began < 5
        await played.bus.publish(subjects.account(YOU), b"")
        assert (await other.heard())["type"] == "next"


async def test_a_plan_that_ends_closes_what_it_no_longer_holds_and_nothing_else(played: Played) -> None:
    async with calling(played) as live, calling(played) as other:
        await live.subscribe(LIVE, id="1")
        await other.subscribe(CHANGED)
        await other.heard()
        played.sessions.change(b"mine", plan="free")
        assert await live.closed() == 4403
        await played.bus.publish(subjects.account(ME), b"")
        assert (await other.heard())["type"] == "next"
        await other.subscribe(LIVE, "2", id="1")
        assert (await other.heard())["payload"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_token_that_expires_ends_nothing_while_its_session_lives(played: Played) -> None:
    async with calling(played) as ear, calling(played, "yours") as other:
        del played.sessions.tokens["mine"]
        del played.sessions.callers[b"yours"]
        assert await other.closed() == 4401, "all were looked at meanwhile"
        await ear.subscribe("{ hoppers { id } }")
        assert (await ear.heard())["payload"] == {"data": {"hoppers": [{"id": "1"}]}}


async def test_sockets_and_subscriptions_are_limited() -> None:
    async with playing(most_of_a_user=2, most_of_a_socket=3) as played:
        played.sessions.begin("mine", ME)
        played.sessions.begin("yours", YOU)
        async with calling(played) as ear, calling(played), calling(played, "yours"):
            async with calling(played, None, init={"authorization": "Bearer mine"}) as third:
                assert await third.closed() == 4429
            for number in range(3):
                await ear.subscribe(CHANGED, str(number))
                await ear.heard()
            await ear.subscribe(CHANGED, "more")
            (error,) = (await ear.heard())["payload"]
            assert error["extensions"] == {"code": "TOO_COSTLY", "cost": 4, "allowed": 3}
            await ear.send("complete", id="0")
            await ear.subscribe(CHANGED, "more")
            assert (await ear.heard())["type"] == "next"


async def test_who_does_not_say_who_he_is_takes_the_room_of_nobody_else(played: Played) -> None:
    there = {"X-Forwarded-For": "192.0.2.7"}
    async with AsyncExitStack() as silent:
        for _ in range(50):
            await silent.enter_async_context(calling(played, None, init=None, **there))
        async with calling(played, None, init=None, **there) as more:
            assert await more.closed() == 1013
        async with calling(played, None, init={"authorization": "Bearer mine"}, **{"X-Forwarded-For": "::1"}) as other:
            assert (await other.heard())["type"] == "connection_ack"
    async with asyncio.timeout(15):
        while played.sockets.open:  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.01)
    async with calling(played, None, init={"authorization": "Bearer mine"}, **there) as again:
        assert (await again.heard())["type"] == "connection_ack"


async def test_what_expires_while_the_database_is_away_ends_and_nothing_else_does(played: Played) -> None:
    async with calling(played) as ear, calling(played, "yours") as other:
        await ear.subscribe(CHANGED)
        await other.subscribe(CHANGED)
        await ear.heard()
        await other.heard()
        played.sessions.change(b"mine", expires_at=played.services.clock.now() + timedelta(seconds=3))
        await asyncio.sleep(2.5)  # it is looked at each two seconds
        played.sessions.is_away = True
        assert await ear.closed() == 4401
        await played.bus.publish(subjects.account(YOU), b"")
        assert (await other.heard())["type"] == "next"


async def test_who_takes_nothing_is_closed() -> None:
    many = PlayedHoppers([hopper(str(number), ME) for number in range(400)])
    async with playing(patience=timedelta(seconds=0.5), hoppers=many) as played:
        played.sessions.begin("mine", ME)
        host, port = played.base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1_000)
        writer.write(
            b"GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Protocol: graphql-transport-ws\r\nAuthorization: Bearer mine\r\n\r\n"
        )
        assert b"101" in await reader.readuntil(b"\r\n\r\n")

        def frame(text: str) -> bytes:
            data = text.encode()
            return b"\x81" + bytes([0x80 | 126]) + len(data).to_bytes(2, "big") + bytes(4) + data

        writer.write(frame('{"type":"connection_init","payload":{"pad":"' + "x" * 200 + '"}}'))
        long = "{ " + " ".join(f"a{n}: hoppers {{ id name exchange }}" for n in range(25)) + " }"
        for number in range(20):  # half a megabyte of answers each
            writer.write(frame(json.dumps({"type": "subscribe", "id": str(number), "payload": {"query": long}})))
        async with asyncio.timeout(30):
            while not played.meters.value("api_slow"):  # noqa: ASYNC110 - what is awaited has no event
                await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            while played.sockets.open:  # noqa: ASYNC110 - what is awaited has no event
                await asyncio.sleep(0.05)
        assert played.meters.value("api_slow") >= 1
        writer.transport.abort()


async def test_a_socket_that_goes_leaves_nothing_behind(played: Played) -> None:
    async with calling(played) as ear:
        await ear.subscribe(CHANGED)
        await ear.heard()
    async with asyncio.timeout(15):
        while played.sockets.open or played.services.changes._streams:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
