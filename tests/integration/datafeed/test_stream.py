"""The stream: the last bar of any resolution is live, ends once, and reaches only whom it belongs to."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from cryptwire.messaging.subjects import LIVE
from tests.integration.datafeed.conftest import MINE, THEIRS, World, candle, live, running, utc
from tests.integration.datafeed.test_history import walk

QUARTER = timedelta(minutes=15)


async def heard(socket: Any, *kinds: str) -> dict[str, Any]:
    """The next message of one of ``kinds``."""
    async with asyncio.timeout(10):
        while True:
            message = await socket.receive()
            assert message.type is aiohttp.WSMsgType.TEXT, message
            body = json.loads(message.data)
            assert isinstance(body, dict)
            if body["type"] in kinds:
                return body


async def closing(socket: Any) -> int | None:
    """The code with which the server closes."""
    async with asyncio.timeout(10):
        while not (await socket.receive()).type.name.startswith("CLOS"):
            pass
    code = socket.close_code
    assert code is None or isinstance(code, int)
    return code


async def subscribe(socket: Any, resolution: str, symbol: str = f"HOPPER:{MINE}", action: str = "subscribe") -> None:
    await socket.send_json({"action": action, "symbol": symbol, "resolution": resolution})


async def test_the_last_bar_of_every_resolution_is_live(world: World) -> None:
    await world.in_zone("Asia/Kolkata")
    now = utc(2026, 3, 4, 10, 20)
    world.clock.set(now)
    rows = walk(utc(2026, 2, 1), utc(2026, 3, 4, 9, 45))
    await world.store(MINE, rows)
    await world.trade(MINE, "a", utc(2026, 3, 2, 12), 100)
    await world.trade(MINE, "b", utc(2026, 3, 4, 10, 16), 7)  # in the open candle: the live message has it
    await world.say_closed(candle(MINE, utc(2026, 3, 4, 9, 45), rows[-1][4], 2000, 900, 950))
    await world.say_closed(candle(MINE, utc(2026, 3, 4, 10), 950, 960, 940, 955))
    opened = utc(2026, 3, 4, 10, 15)
    await world.say_live(candle(MINE, opened, 955, 970, 954, 960), now - timedelta(seconds=1), volume=7)
    zone = ZoneInfo("Asia/Kolkata")
    starts = {
        "15": utc(2026, 3, 4, 10, 15),
        "60": utc(2026, 3, 4, 9, 30),
        "240": utc(2026, 3, 4, 6, 30),
        "1D": datetime(2026, 3, 4, tzinfo=zone),
        "1W": datetime(2026, 3, 2, tzinfo=zone),
        "1M": datetime(2026, 3, 1, tzinfo=zone),
    }
    stamps = {"1D": utc(2026, 3, 4), "1W": utc(2026, 3, 2), "1M": utc(2026, 3, 1)}
    async with world.stream() as socket:
        for resolution, start in starts.items():
            await subscribe(socket, resolution)
            told = await heard(socket, "bar")
            inside = [row for row in rows if row[0] >= start]
            fresh = [(2000.0, 900.0), (960.0, 940.0)] if resolution != "15" else []
            first = inside[0][1] if inside else (955.0 if resolution == "15" else rows[-1][4])
            bar = told["bar"]
            assert told["resolution"] == resolution
            assert bar["time"] == int(stamps.get(resolution, start).timestamp())
            assert bar["open"] == first
            assert bar["high"] == max([970.0, *(row[2] for row in inside), *(high for high, _ in fresh)])
            assert bar["low"] == min([954.0, *(row[3] for row in inside), *(low for _, low in fresh)])
            assert bar["close"] == 960
            assert bar["volume"] == (107 if resolution in ("1W", "1M") else 7)
            assert (told["final"], told["is_fresh"]) == (False, True)
            history = await world.history(resolution, to=int(now.timestamp()), countback=1)
            assert {key: history[key[0]][0] for key in bar} == bar, "history and stream agree"
        await world.say_live(candle(MINE, opened, 955, 5000, 954, 5000), now, volume=8)
        highs = {(await heard(socket, "bar"))["bar"]["high"] for _ in starts}
        assert highs == {5000}


async def test_a_bar_ends_once_with_the_closed_candles_values_and_the_next_opens(world: World) -> None:
    now = utc(2026, 3, 4, 9, 59, 58)
    world.clock.set(now)
    await world.store(MINE, walk(utc(2026, 3, 4, 9), utc(2026, 3, 4, 9, 45)))
    last = utc(2026, 3, 4, 9, 45)
    await world.say_live(candle(MINE, last, 10, 20, 5, 15), now, volume=3)
    async with world.stream() as socket:
        for resolution in ("15", "60"):
            await subscribe(socket, resolution)
            assert not (await heard(socket, "bar"))["final"]
        await world.say_closed(candle(MINE, last, 10, 25, 5, 16))
        ended = {told["resolution"]: told for told in [await heard(socket, "bar"), await heard(socket, "bar")]}
        assert all(told["final"] for told in ended.values())
        assert ended["15"]["bar"] | {"time": 0} == {
            "time": 0, "open": 10, "high": 25, "low": 5, "close": 16, "volume": 3
        }  # fmt: skip
        assert (ended["60"]["bar"]["close"], ended["60"]["bar"]["low"]) == (16, 5)
        await world.say_live(candle(MINE, last + QUARTER, 16, 17, 16, 17), now + timedelta(seconds=3))
        opened = [await heard(socket, "bar"), await heard(socket, "bar")]
        assert {told["bar"]["time"] for told in opened} == {int(utc(2026, 3, 4, 10).timestamp())}
        assert [told["final"] for told in opened] == [False, False]
        assert {told["bar"]["open"] for told in opened} == {16}
        assert all(told["seq"] > ended[told["resolution"]]["seq"] for told in opened)


async def test_a_live_state_that_overtakes_the_close_waits_for_it(world: World) -> None:
    now = utc(2026, 3, 4, 10, 0, 1)
    world.clock.set(now)
    last = utc(2026, 3, 4, 9, 45)
    await world.say_live(candle(MINE, last, 10, 20, 5, 15), now)
    async with world.stream() as socket:
        await subscribe(socket, "15")
        await heard(socket, "bar")
        await world.say_live(candle(MINE, last + QUARTER, 16, 17, 16, 17), now)
        await world.say_closed(candle(MINE, last, 10, 25, 5, 16))
        assert [
            (told["final"], told["bar"]["close"]) for told in [await heard(socket, "bar"), await heard(socket, "bar")]
        ] == [
            (True, 16),
            (False, 17),
        ]
        await world.say_live(candle(MINE, last + 2 * QUARTER, 17, 17, 17, 17), now)  # and no close comes
        told = [await heard(socket, "bar"), await heard(socket, "bar")]
        assert [(one["final"], one["bar"]["open"]) for one in told] == [(True, 16), (False, 17)]
        await world.say_closed(candle(MINE, last + QUARTER, 16, 30, 16, 17))
        assert await heard(socket, "reset") == {"type": "reset", "symbol": "HOPPER:1", "resolution": "15"}


async def test_an_old_state_is_told_as_such(world: World) -> None:
    now = utc(2026, 3, 4, 10)
    world.clock.set(now)
    await world.say_live(candle(MINE, now, 10, 20, 5, 15), now, prices_at=now - timedelta(seconds=3))
    async with world.stream() as socket:
        await subscribe(socket, "D")
        told = await heard(socket, "bar")
        assert (told["resolution"], told["is_fresh"]) == ("D", True)
        assert told["prices_at"] == "2026-03-04T09:59:57+00:00"
        world.clock.set(now + timedelta(seconds=31))
        assert not (await heard(socket, "bar"))["is_fresh"]


async def test_what_is_asked_wrongly_is_told_and_the_stream_goes_on(world: World) -> None:
    async with world.stream() as socket:
        for text in ("", "{", "[]", '{"action":"subscribe"}', '{"action":"x","symbol":"HOPPER:1","resolution":"15"}'):
            await socket.send_str(text)
            assert (await heard(socket, "error"))["code"] == "invalid"
        await socket.send_json({"action": "subscribe", "symbol": "HOPPER:1", "resolution": "15", "more": 1})
        assert (await heard(socket, "error"))["code"] == "invalid"
        await socket.send_bytes(b"\xff\xfe")
        assert (await heard(socket, "error"))["code"] == "invalid"
        await subscribe(socket, "7")
        assert (await heard(socket, "error"))["code"] == "invalid"
        answers = []
        for symbol in (f"HOPPER:{THEIRS}", "HOPPER:999"):
            await subscribe(socket, "15", symbol)
            answers.append(await heard(socket, "error") | {"symbol": ""})
        assert answers[0] == answers[1]
        assert answers[0]["code"] == "unknown_symbol"
    assert world.runtime.meters.value("datafeed_refused", reason="invalid") == 8


async def test_fifty_subscriptions_are_the_most(world: World) -> None:
    for number in range(100, 151):
        await world.owner.execute(
            "INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)"
            " VALUES ($1, $2::text::uuid, 'x', 'binance', 'USDT', false, 60)",
            str(number),
            world.user,
        )
    async with world.stream() as socket:
        for number in range(100, 151):
            await subscribe(socket, "15", f"HOPPER:{number}")
        told = await heard(socket, "error")
        assert (told["symbol"], told["code"]) == ("HOPPER:150", "too_many")
        await subscribe(socket, "15", "HOPPER:100", "unsubscribe")
        await subscribe(socket, "15", "HOPPER:150")
        await subscribe(socket, "nonsense")
        assert (await heard(socket, "error"))["code"] == "invalid"


async def test_nothing_comes_after_unsubscribing(world: World) -> None:
    now = utc(2026, 3, 4, 10)
    world.clock.set(now)
    await world.say_live(candle(MINE, now, 10, 20, 5, 15), now)
    async with world.stream() as socket:
        await subscribe(socket, "15")
        await heard(socket, "bar")
        await subscribe(socket, "15", action="unsubscribe")
        await subscribe(socket, "60")
        await heard(socket, "bar")
        await world.say_live(candle(MINE, now, 10, 21, 5, 15), now)
        assert (await heard(socket, "bar"))["resolution"] == "60"
        assert (await heard(socket, "bar", "alive"))["type"] == "alive"


async def test_without_a_session_the_stream_is_closed(world: World) -> None:
    async with world.stream(headers={"authorization": "Bearer wrong"}) as socket:
        assert await closing(socket) == 4401
    for origin in ("https://evil.example", "null"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await world.stream(origin=origin)
        assert refused.value.status == 403
    async with world.stream(origin=world.base) as socket:
        await subscribe(socket, "7")
        assert (await heard(socket, "error"))["code"] == "invalid"


@pytest.mark.parametrize("how", ["ended", "expired"])
async def test_the_stream_of_a_session_that_is_over_is_closed_within_five_seconds(world: World, how: str) -> None:
    async with world.stream() as socket:
        await subscribe(socket, "7")
        await heard(socket, "error")
        if how == "ended":
            await world.end()
        else:
            world.clock.ahead = timedelta(days=2)
        async with asyncio.timeout(5):
            assert await closing(socket) == 4401


async def test_a_long_message_closes_the_stream(world: World) -> None:
    async with world.stream() as socket:
        await socket.send_str("x" * 10_001)
        assert await closing(socket) == 1009


async def test_history_that_changed_is_told(world: World) -> None:
    now = utc(2026, 3, 4, 10)
    world.clock.set(now)
    await world.say_live(candle(MINE, now, 10, 20, 5, 15), now)
    async with world.stream() as socket:
        await subscribe(socket, "15")
        await heard(socket, "bar")
        await world.say_closed(candle(MINE, now + 8 * QUARTER, 1, 1, 1, 1))  # a close of which no live state was heard
        assert (await heard(socket, "reset"))["resolution"] == "15"
        told = await heard(socket, "bar")
        assert told["bar"]["time"] == int((now + 8 * QUARTER).timestamp())


async def test_candles_that_were_rewritten_are_told_to_their_readers_only(world: World) -> None:
    now = utc(2026, 3, 4, 10, 20)
    world.clock.set(now)
    await world.say_live(candle(MINE, utc(2026, 3, 4, 10, 15), 1, 1, 1, 1), now)
    async with world.stream() as socket:
        await subscribe(socket, "1D")
        await heard(socket, "bar")
        await world.bus.publish(LIVE.rewritten(THEIRS), b"")
        await world.bus.publish(LIVE.rewritten(MINE), b"")
        told = await heard(socket, "reset")
        assert (told["symbol"], told["resolution"]) == (f"HOPPER:{MINE}", "1D")


async def test_it_starts_while_database_and_nats_are_away(world: World, database_url: str) -> None:
    host, _, _ = database_url.rpartition("/")
    async with running(f"{host}/nowhere", "nats://127.0.0.1:9", world.clock, world.keys) as (base, runtime):
        async with world.http.get(f"{base}/udf/config") as response:
            assert response.status == 503
            assert (await response.json())["s"] == "error"
        async with world.http.ws_connect(f"{base}/stream") as socket:
            assert await closing(socket) == 1013
        assert not runtime.health.is_ready


async def test_messages_that_cannot_be_read_are_counted_and_passed_over(world: World) -> None:
    now = utc(2026, 3, 4, 10)
    world.clock.set(now)
    async with world.stream() as socket:
        await subscribe(socket, "15")
        await subscribe(socket, "7")
        await heard(socket, "error")
        await world.bus.publish(LIVE.live(MINE), b"\xff\xff")
        await world.bus.publish(LIVE.closed(MINE), b"\xff\xff")
        await world.bus.publish(LIVE.live(MINE), live(candle(THEIRS, now, 1, 1, 1, 1), now))
        await world.say_live(candle(MINE, now, 10, 20, 5, 15), now)
        assert (await heard(socket, "bar"))["bar"]["close"] == 15
    assert world.runtime.meters.value("datafeed_unreadable", kind="live") == 2
