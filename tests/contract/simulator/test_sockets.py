"""The exchanges' sockets, frame by frame."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.contract.simulator.conftest import Run, Running, within


async def heard(socket: ClientConnection) -> Any:
    return json.loads(await within(10, socket.recv()))


async def told(socket: ClientConnection, message: Any) -> Any:
    """The answer to a message; pushes before it are skipped."""
    await socket.send(json.dumps(message))
    while True:
        said = await heard(socket)
        if isinstance(said, dict) and ("error" in said or said.get("id") == message.get("id")):
            return said


async def two_kinds(socket: ClientConnection, kind: Callable[[Any], str]) -> dict[str, Any]:
    """A frame of each kind, once there are two: only what changes is told, and a quiet pair is long in changing."""
    found: dict[str, Any] = {}
    async with asyncio.timeout(30):
        while len(found) < 2:
            frame = await heard(socket)
            found[kind(frame)] = frame
    return found


async def silent(socket: ClientConnection) -> bool:
    """Whether nothing is said for a second; what was on its way is skipped."""
    for _ in range(200):
        try:
            await within(1, socket.recv())
        except TimeoutError:
            return True
    return False


async def endpoint(here: Running) -> str:
    async with aiohttp.ClientSession() as session, session.post(f"{here.url}/kucoin/api/v1/bullet-public") as answer:
        body = await answer.json()
    assert body["code"] == "200000"
    (server,) = body["data"]["instanceServers"]
    assert server["pingInterval"] == 18_000
    return f"{server['endpoint']}?token={body['data']['token']}&connectId=c1"


async def test_binance_obeys_and_pushes_only_what_changed(run: Run) -> None:
    async with run(tick_seconds=0.1) as here, connect(f"{here.socket_url}/binance/ws") as socket:
        assert await told(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 1}) == {"result": [], "id": 1}
        subscribed = {"method": "SUBSCRIBE", "params": ["!miniTicker@arr"], "id": 2}
        assert await told(socket, subscribed) == {"result": None, "id": 2}
        last: dict[str, str] = {}
        for _ in range(20):
            frame = await heard(socket)
            assert isinstance(frame, list)
            for ticker in frame:
                assert ticker["e"] == "24hrMiniTicker"
                assert ticker["E"] % 100 == 0
                assert ticker["c"] != last.get(ticker["s"])
                assert float(ticker["l"]) <= float(ticker["c"]) <= float(ticker["h"])
                last[ticker["s"]] = ticker["c"]
        assert (await told(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 3}))["result"] == ["!miniTicker@arr"]
        gone = {"method": "UNSUBSCRIBE", "params": ["!miniTicker@arr"], "id": 4}
        assert (await told(socket, gone))["result"] is None
        await told(socket, {"method": "SUBSCRIBE", "params": ["btcusdt@miniTicker", "ethusdt@bookTicker"], "id": 5})
        kinds = await two_kinds(socket, lambda frame: str(frame.get("e", "book")))
        assert kinds.keys() == {"24hrMiniTicker", "book"}


async def test_binance_streams_can_be_named_in_the_address(run: Run) -> None:
    async with run(tick_seconds=0.1) as here:
        async with connect(f"{here.socket_url}/binance/ws/btcusdt@miniTicker") as socket:
            assert (await heard(socket))["s"] == "BTCUSDT"
        async with connect(f"{here.socket_url}/binance/stream?streams=ethusdt@ticker/!miniTicker@arr") as socket:
            streams = await two_kinds(socket, lambda frame: str(frame["stream"]))
            assert streams.keys() == {"ethusdt@ticker", "!miniTicker@arr"}
            assert streams["ethusdt@ticker"]["data"]["e"] == "24hrTicker"


@pytest.mark.parametrize("message", ["no json", "[1]", '{"method":"FLY","id":1}', '{"method":"SUBSCRIBE","params":7}'])
async def test_binance_refuses_what_it_does_not_know(run: Run, message: str) -> None:
    async with run() as here, connect(f"{here.socket_url}/binance/ws") as socket:
        await socket.send(message)
        assert "error" in await heard(socket)


async def test_binance_cuts_off_who_says_too_much(run: Run) -> None:
    async with run() as here, connect(f"{here.socket_url}/binance/ws") as socket:
        for number in range(6):
            await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        await within(5, socket.wait_closed())


@pytest.mark.parametrize("exchange", ["binance", "kucoin"])
async def test_a_feed_can_be_silenced_and_cut(run: Run, exchange: str) -> None:
    async with run(tick_seconds=0.1) as here, aiohttp.ClientSession() as session:

        async def control(**told: bool) -> Any:
            async with session.post(f"{here.url}/control/exchanges/{exchange}", json=told) as answer:
                assert answer.status == 200
                return await answer.json()

        address = f"{here.socket_url}/binance/ws" if exchange == "binance" else await endpoint(here)
        async with connect(address) as socket:
            topic = {"id": 1, "type": "subscribe", "topic": "/market/ticker:all"}
            await socket.send(json.dumps({**topic, "method": "SUBSCRIBE", "params": ["!miniTicker@arr"]}))
            for _ in range(4):
                await heard(socket)
            assert await control(is_silent=True) == {"is_silent": True, "sockets": 1}
            assert await silent(socket)
            await control(is_silent=False)
            await heard(socket)
            await control(cut=True)
            await within(5, socket.wait_closed())


async def test_sockets_live_as_long_as_they_are_allowed_to(run: Run) -> None:
    async with run(socket_seconds=0.3) as here:
        for address in (f"{here.socket_url}/binance/ws", await endpoint(here)):
            async with connect(address) as socket:
                await within(3, socket.wait_closed())
                assert socket.close_code == 1001


async def test_kucoin_welcomes_acknowledges_pongs_and_pushes(run: Run) -> None:
    async with run(tick_seconds=0.1) as here, connect(await endpoint(here)) as socket:
        assert await heard(socket) == {"id": "c1", "type": "welcome"}
        assert (await told(socket, {"id": "1", "type": "ping"}))["type"] == "pong"
        subscribed = {"id": "2", "type": "subscribe", "topic": "/market/ticker:all", "response": True}
        assert await told(socket, subscribed) == {"id": "2", "type": "ack"}
        for _ in range(20):
            frame = await heard(socket)
            assert (frame["type"], frame["topic"]) == ("message", "/market/ticker:all")
            data = frame["data"]
            assert float(data["bestBid"]) < float(data["price"]) < float(data["bestAsk"])
            assert data["time"] % 100 == 0
        gone = {"id": "3", "type": "unsubscribe", "topic": "/market/ticker:all", "response": True}
        assert (await told(socket, gone))["type"] == "ack"
        topic = "/market/ticker:BTC-USDT,ETH-USDT"
        await told(socket, {"id": "4", "type": "subscribe", "topic": topic, "response": True})
        topics = await two_kinds(socket, lambda frame: str(frame["topic"]))
        assert topics.keys() == {"/market/ticker:BTC-USDT", "/market/ticker:ETH-USDT"}
        assert (await told(socket, {"id": "5", "type": "fly"}))["code"] == 415
        assert (await told(socket, {"id": "6", "type": "subscribe", "topic": "/market/ticker:NO-PE"}))["code"] == 404


async def test_kucoin_refuses_an_unknown_token(run: Run) -> None:
    async with run() as here, connect(f"{here.socket_url}/kucoin/endpoint?token=guess") as socket:
        assert (await heard(socket))["type"] == "error"
        await within(5, socket.wait_closed())


async def test_kucoin_rows_are_newest_first(run: Run) -> None:
    async with run() as here, aiohttp.ClientSession() as session:
        url = f"{here.url}/kucoin/api/v1/market/candles"
        query = {"symbol": "BTC-USDT", "type": "1min", "startAt": "1770000000", "endAt": "1770000180"}
        async with session.get(url, params=query) as answer:
            rows = (await answer.json())["data"]
        assert [row[0] for row in rows] == ["1770000120", "1770000060", "1770000000"]
        for _, opened, closed, high, low, *_ in rows:
            assert float(low) <= min(float(opened), float(closed)) <= max(float(opened), float(closed)) <= float(high)
        async with session.get(url, params={"symbol": "BTC-USDT", "type": "1hour", "startAt": "1"}) as answer:
            assert len((await answer.json())["data"]) == 1500
        async with session.get(url, params={"symbol": "NO-PE", "type": "1hour"}) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, "400100")
