"""Pairs of exchanges: what the simulated ones tell, through the streamer, as bars of the reader's zone, live too."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from cryptwire.clock import SystemClock
from cryptwire.codec.portfolio import position_to_message
from cryptwire.domain.account import Position
from cryptwire.domain.candle import opening
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime
from cryptwire.storage import redis as connections
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.positions import Positions
from devstack.servers import Process, Servers, free_port
from generated.wire.v1 import portfolio_pb2 as pb
from streamer.main import main as stream
from streamer.settings import Settings as StreamerSettings
from tests.conftest import ROOT
from tests.integration.datafeed.conftest import MINE, THEIRS, World, candle, live, running, worlds
from tests.integration.datafeed.test_history import Row, by_wall_clock
from tests.integration.datafeed.test_stream import heard, subscribe

BTC = "BINANCE:BTCUSDT"
QUARTER = timedelta(minutes=15)


@pytest.fixture(scope="module")
async def exchanges(servers: Servers, data_folder: Path) -> AsyncIterator[str]:
    """Simulated exchanges with a streamer that has told every price; the simulator's address."""
    port, folder = free_port(), data_folder / "pairs"
    folder.mkdir(parents=True)
    told = {"PORT": port, "FOLDER": folder / "simulator", "HISTORY_DAYS": 1, "RATE_LIMIT": 0}
    process = Process("simulator", folder / "simulator.log")
    process.start(
        [sys.executable, "-m", "simulator"],
        cwd=str(ROOT),
        environment={f"CRYPTWIRE_SIMULATOR_{name}": str(value) for name, value in told.items()},
    )
    url = f"http://127.0.0.1:{port}"
    binance = {"public": f"{url}/binance/api/v3", "ws": {"spot": f"ws://127.0.0.1:{port}/binance/ws"}}
    endpoints = {
        "binance": {"urls": {"api": binance}, "has": {"fetchCurrencies": False}},
        "kucoin": {"urls": {"api": {"public": f"{url}/kucoin"}}, "has": {"fetchCurrencies": False}},
    }
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    settings = StreamerSettings(
        servers.redis.url, servers.nats.url("streamer"), ("binance", "kucoin"), endpoints, poll_seconds=1.0
    )
    async with connections.connect(servers.redis.url) as client:
        await client.flushdb()
        streaming = asyncio.create_task(stream(settings, runtime))
        try:
            async with asyncio.timeout(30):
                for exchange in ("binance", "kucoin"):
                    while not await LastPrices(client).pairs_of(Exchange(exchange)):
                        assert process.is_running, process.last_words()
                        await asyncio.sleep(0.05)
            yield url
        finally:
            runtime.stop.set()
            await streaming
            await process.stop()


@pytest.fixture
async def world(
    exchanges: str, servers: Servers, database_url: str, nats_url: str, tmp_path: Path
) -> AsyncIterator[World]:
    """With the datafeed's own rights on NATS."""
    of_datafeed = {"redis_url": servers.redis.url, "nats_url": servers.nats.url("datafeed")}
    async with worlds(database_url, nats_url, tmp_path, **of_datafeed) as it:
        yield it


async def klines(exchanges: str, since: datetime, until: datetime) -> list[Row]:
    """Quarters of an hour as the exchange itself tells them."""
    rows: list[Row] = []
    async with aiohttp.ClientSession() as http:
        while since < until:
            begin = str(int(since.timestamp() * 1000))
            asked = {"symbol": "BTCUSDT", "interval": "15m", "limit": "1000", "startTime": begin}
            async with http.get(f"{exchanges}/binance/api/v3/klines", params=asked) as answer:
                for at, *told in await answer.json():
                    since = datetime.fromtimestamp(at / 1000, UTC) + QUARTER
                    if since <= until:
                        opened, high, low, close = map(float, told[:4])
                        rows.append((since - QUARTER, opened, high, low, close))
    return rows


async def history(world: World, resolution: str, symbol: str = BTC, **parameters: Any) -> dict[str, Any]:
    status, body = await world.get("/udf/history", symbol=symbol, resolution=resolution, **parameters)
    assert status == 200, body
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata"])
async def test_bars_are_the_exchanges_candles_in_the_readers_zone(world: World, exchanges: str, zone: str) -> None:
    await world.in_zone(zone)
    until = datetime(2026, 4, 2, tzinfo=UTC)  # a clock was put forward a few days before, in Berlin
    rows = await klines(exchanges, until - timedelta(days=40), until + timedelta(days=7))
    for resolution, count in (("15", 2500), ("60", 700), ("240", 200), ("1D", 30), ("1W", 4), ("1M", 1)):
        to = int(datetime(2026, 4, 1, tzinfo=UTC).timestamp()) if resolution == "1M" else int(until.timestamp())
        body = await history(world, resolution, to=to, countback=count)
        expected = by_wall_clock(rows, ZoneInfo(zone), resolution)
        whole = [bar for bar in expected[1:] if bar[0] < to]
        got = [list(bar) for bar in zip(body["t"], body["o"], body["h"], body["l"], body["c"], strict=True)]
        assert len(got) == count
        assert got == whole[-count:], resolution


async def test_a_second_datafeed_finds_in_the_database_what_the_first_asked_for(
    world: World, database_url: str, nats_url: str, servers: Servers
) -> None:
    to = int(world.clock.now().timestamp()) - 3 * 86_400
    first = await history(world, "15", to=to, countback=2000)
    asked = world.runtime.meters.value("datafeed_asked", exchange="binance")
    assert 0 < asked < 10
    assert await history(world, "15", to=to, countback=2000) == first
    assert world.runtime.meters.value("datafeed_asked", exchange="binance") == asked
    async with running(database_url, nats_url, world.clock, world.keys, redis_url=servers.redis.url) as (base, other):
        asked_again = {"symbol": BTC, "resolution": "15", "to": str(to - 864_000), "countback": "900"}
        async with world.http.get(f"{base}/udf/history", params=asked_again) as answer:
            page = await answer.json()
        assert page["t"] == [at for at in first["t"] if at < to - 864_000][-900:]
        assert other.meters.value("datafeed_asked", exchange="binance") == 0
    stored = await world.owner.fetch("SELECT max(opened_at + grain * interval '1 s') FROM pair_candles"
                                     " JOIN pair_series USING (series_id)")  # fmt: skip
    assert stored[0][0] <= world.clock.now()


async def test_the_last_bar_is_live_for_free_users_too_and_history_agrees(world: World) -> None:
    await world.owner.execute("UPDATE users SET plan = 'free'")
    async with world.stream() as socket:
        for resolution in ("15", "1D"):
            await subscribe(socket, resolution, BTC)
        bars: dict[str, list[dict[str, Any]]] = {"15": [], "1D": []}
        async with asyncio.timeout(20):
            while min(map(len, bars.values())) < 4:
                told = await heard(socket, "bar")
                bars[told["resolution"]].append(told)
        for resolution, of_it in bars.items():
            assert len({told["bar"]["close"] for told in of_it}) > 1, "prices move"
            last = of_it[-1]["bar"]
            assert last["low"] <= last["close"] <= last["high"]
            body = await history(world, resolution, to=int(world.clock.now().timestamp()), countback=2)
            assert (body["t"][-1], body["o"][-1]) == (last["time"], last["open"])
            assert body["h"][-1] >= last["high"]
            assert body["v"][-1] > 0
        await subscribe(socket, "15", "BINANCE:NOTTHERE")
        assert (await heard(socket, "error"))["code"] == "unknown_symbol"
        await subscribe(socket, "15", f"HOPPER:{MINE}")
        assert (await heard(socket, "error"))["code"] == "forbidden"


async def test_a_search_finds_hoppers_and_pairs_and_a_pair_is_described(world: World) -> None:
    await world.in_zone("Asia/Kolkata")
    _, hits = await world.get("/udf/search", query="btc")
    assert hits[0]["ticker"] == BTC, "in the usual quotes first"
    assert {hit["exchange"] for hit in hits} == {"BINANCE", "KUCOIN"}
    _, hits = await world.get("/udf/search", query="b", exchange="KUCOIN")
    assert {hit["exchange"] for hit in hits} == {"KUCOIN"}
    _, hits = await world.get("/udf/search", query="", type="portfolio")
    assert [hit["ticker"] for hit in hits] == ["HOPPER:ALL", f"HOPPER:{MINE}"]
    _, hits = await world.get("/udf/search", query="", limit=7)
    assert [hit["type"] for hit in hits] == ["portfolio"] * 2 + ["crypto"] * 5
    _, hits = await world.get("/udf/search", query="b/usd", type="crypto")
    assert BTC not in [hit["ticker"] for hit in hits]
    _, told = await world.get("/udf/symbols", symbol=BTC)
    expected = {"ticker": BTC, "exchange": "BINANCE", "timezone": "Asia/Kolkata", "currency_code": "USDT"}
    assert expected.items() <= told.items()
    assert told["pricescale"] == 100
    _, told = await world.get("/udf/symbols", symbol="BINANCE:BTC/USDT")
    assert (told["name"], told["ticker"]) == ("BINANCE:BTC/USDT", BTC)
    _, config = await world.get("/udf/config")
    assert [one["value"] for one in config["exchanges"]] == ["", "CRYPTWIRE", "BINANCE", "KUCOIN"]


NOT_THERE = (
    "BINANCE:NOTTHERE", "KRAKEN:BTCUSD", "binance:BTCUSDT", "BINANCE:btcusdt", "BINANCE:", ":BTCUSDT", "BINANCE",
    "BINANCE:BTCUSDT ", "BINANCE:*", "BINANCE:>", "BINANCE:BTC.USDT", "BINANCE:http://127.0.0.1/", "BINANCE:../x",
    "BINANCE:BTCUSDT\x00", "BINANCE:" + "X" * 5000, "LOCALHOST:BTCUSDT", "HOPPER:BTCUSDT",
)  # fmt: skip


async def test_a_search_tells_thirty_at_most_however_many_are_asked_for(world: World) -> None:
    found = {}
    for limit in ("0", "2", "30", "31", "99999999999", "9" * 5000):
        status, hits = await world.get("/udf/search", query="", limit=limit)
        assert status == 200, limit[:20]
        found[limit[:11]] = len(hits)
    assert found == {"0": 0, "2": 2, "30": 30, "31": 30, "99999999999": 30}
    for limit in ("-1", "1.5", "", "x", "\u0663"):
        status, told = await world.get("/udf/search", query="", limit=limit)
        said = f"limit must be a whole number from 0, of which 30 count, not {limit!r}"
        assert (status, told["errmsg"]) == (400, said)


async def test_what_is_no_pair_of_an_allowed_exchange_is_not_there(world: World) -> None:
    for symbol in NOT_THERE:
        asked = {"symbol": symbol, "resolution": "15", "from": 1, "to": 2, "countback": 1}
        for path in ("symbols", "history", "marks", "levels"):
            assert await world.get(f"/udf/{path}", **asked) == (404, {"s": "error", "errmsg": "unknown_symbol"}), symbol
    assert world.runtime.meters.value("datafeed_asked", exchange="binance") == 0


async def test_twenty_pairs_a_minute_are_the_most(world: World) -> None:
    _, hits = await world.get("/udf/search", query="", type="crypto", limit=30)
    statuses = []
    for hit in hits[:21]:
        asked = {"symbol": hit["ticker"], "resolution": "60", "to": 1_700_000_000, "countback": 1}
        async with world.http.get(f"{world.base}/udf/history", params=asked) as answer:
            statuses.append(answer.status)
    assert statuses == [200] * 20 + [429]
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    await history(world, "60", hits[0]["ticker"], to=1_700_000_000, countback=1)
    async with world.stream() as socket:
        await subscribe(socket, "15", hits[20]["ticker"])
        assert (await heard(socket, "error"))["code"] == "too_many"


async def test_own_trades_and_positions_of_all_hoppers_stand_on_the_chart_live_and_paper_told_apart(
    world: World,
) -> None:
    paper = HopperId("3")
    hoppers = Hoppers(world.owner)
    await hoppers.put(
        Hopper(paper, world.user, "Play", Exchange("binance"), Asset("USDT"), True, timedelta(seconds=60))
    )
    at = datetime(2026, 3, 4, 10, 7, tzinfo=UTC)
    for hopper in (MINE, paper, THEIRS):
        await world.trade(hopper, f"a{hopper}", at, 100)
        await world.trade(hopper, f"b{hopper}", at + QUARTER, 50, side=2)
    await world.trade(MINE, "c", at, 100, quote="BTC")
    asked = {"symbol": "BINANCE:ETHUSDT", "from": int(at.timestamp()) - 60, "to": int(at.timestamp()) + 9000}
    _, marks = await world.get("/udf/marks", resolution="60", **asked)
    assert sorted((m["id"], m["label"], m["color"], m["isPaper"]) for m in marks) == [
        ("1:a1", "B", "green", False), ("1:b1", "S", "red", False),
        ("3:a3", "B", "blue", True), ("3:b3", "S", "yellow", True),
    ]  # fmt: skip
    assert marks[0]["time"] == int(at.timestamp())
    assert "Play (paper)" in next(m["text"] for m in marks if m["isPaper"])

    def held(
        number: int, quantity: str, rate: str, cost: str, target: str = "", stop: str = "", arm: str = ""
    ) -> Position:
        amounts = Decimal(quantity), Decimal(rate), Decimal(cost)
        levels = (
            Decimal(target) if target else None,
            Decimal(stop) if stop else None,
            Decimal(arm) if arm else None,
        )
        return Position(
            str(number), Asset("ETH"), Asset("USDT"), *amounts, at + timedelta(minutes=number), "", False, *levels
        )

    positions, read_at = Positions(world.owner), at + timedelta(hours=1)
    mine = [held(1, "2", "100", "200.4", "2.5", "5"), held(2, "1", "100", "100", "2.5", "5", "3")]
    await positions.keep(MINE, mine, [], [], [], read_at)
    await positions.keep(paper, [held(3, "0.3", "90", "27")], [], [], [], read_at)
    await positions.keep(THEIRS, [held(4, "7", "1", "7", "", "5")], [], [], [], read_at)
    status, levels = await world.get("/udf/levels", symbol="BINANCE:ETHUSDT")
    assert status == 200
    second = int(at.timestamp()) + 60
    assert [(v["hopper"], v["kind"], v["price"], v["quantity"], v["since"]) for v in levels] == [
        (MINE, "cost", "100.133333333333333", "3", second),
        (MINE, "stop", "95", "3", second),
        (MINE, "target", "102.5", "3", second),
        (MINE, "arm", "103", "1", second + 60),
        (paper, "cost", "90", "0.3", second + 120),
    ]
    assert [v["isPaper"] for v in levels] == [False] * 4 + [True]
    assert {(v["hopperName"], v["readAt"], v["isShort"]) for v in levels[:1]} == {("Bot 1", second + 3540, False)}
    await masked_charts_tell_no_quantity(world, asked)
    assert await world.get("/udf/levels", symbol="KUCOIN:ETHUSDT") == (200, [])
    assert await world.get("/udf/levels", symbol=f"HOPPER:{MINE}") == (200, [])
    now = world.clock.now()
    message = pb.Portfolio.FromString(live(candle(MINE, opening(now), 1, 1, 1, 1), now))
    message.positions.append(position_to_message(held(5, "1.5", "120", "180")))
    message.positions.append(position_to_message(replace(held(6, "9", "9", "81"), base=Asset("BTC"))))
    await world.bus.publish(LIVE.live(MINE), message.SerializeToString())
    await world.bus.flush()
    _, levels = await world.get("/udf/levels", symbol="BINANCE:ETHUSDT")
    told = [(v["hopper"], v["price"], v["quantity"], v["readAt"]) for v in levels]
    assert told == [(paper, "90", "0.3", second + 3540), (MINE, "120", "1.5", int(now.timestamp()))], (
        "newer than stored"
    )
    await world.owner.execute("UPDATE hoppers SET unlinked_at = now() WHERE hopper_id = '1'")
    _, levels = await world.get("/udf/levels", symbol="BINANCE:ETHUSDT")
    assert [v["hopper"] for v in levels] == [paper], "what cannot be read any more is no position"


async def masked_charts_tell_no_quantity(world: World, asked: dict[str, Any]) -> None:
    """Of one who asks so, or likes it so; ``asked``: which marks of the pair."""
    amounts = "UPDATE trades SET quantity = 7.3191, rate = 64.123456789, total = 469.3259925683, fee = 0.00469"
    await world.owner.execute(amounts)
    told = (("/udf/marks", asked | {"resolution": "60"}), ("/udf/levels", {"symbol": asked["symbol"]}))
    mine = ("/udf/marks", asked | {"resolution": "15", "symbol": f"HOPPER:{MINE}"})
    every = ("/udf/marks", asked | {"resolution": "60", "symbol": "HOPPER:ALL"})

    async def texts(**more: int) -> list[str]:
        answers = [await world.get(path, **parameters, **more) for path, parameters in (*told, mine, every)]
        assert {status for status, _ in answers} == {200}
        assert all(body for _, body in answers)
        found: list[str] = []

        def walk(value: object) -> None:
            if isinstance(value, dict | list):
                for one in value.values() if isinstance(value, dict) else value:
                    walk(one)
            else:
                found.append(str(value))

        walk([body for _, body in answers])
        return found

    def are_in(found: list[str]) -> dict[str, bool]:
        return {each: any(each in text for text in found) for each in ("7.3191", "64.123456789", "469.3", "0.00469")}

    plain, masked = await texts(), await texts(masked=1)
    assert are_in(plain) == {"7.3191": True, "64.123456789": True, "469.3": False, "0.00469": False}
    assert set(are_in(masked).values()) == {False}
    assert "Buy ETH at 64.1235 USDT, Bot 1" in masked
    _, levels = await world.get("/udf/levels", symbol=asked["symbol"], masked=1)
    assert {one["quantity"] for one in levels} == {None}
    assert [one["price"] for one in levels] == ["100.133", "95", "102.5", "103", "90"]
    await world.owner.execute("UPDATE users SET preferences = preferences || '{\"masksAmounts\": true}'")
    assert (await texts(), await texts(masked=0)) == (masked, plain), "as the user likes it, unless he says otherwise"
    refused = {"s": "error", "errmsg": "masked is 0 or 1, not 'yes'"}
    for path, parameters in told:
        assert await world.get(path, **parameters, masked="yes") == (400, refused)
    await world.owner.execute("UPDATE users SET preferences = preferences - 'masksAmounts'")
