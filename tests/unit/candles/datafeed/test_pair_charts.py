"""A pair's last bar follows its prices, ends with what the exchange says, and is read by free users too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson

from candles.datafeed.handlers.asking import Asking
from candles.datafeed.handlers.clients import Client
from candles.datafeed.handlers.markets import Markets
from candles.datafeed.handlers.pair_book import PairBook
from candles.datafeed.handlers.pair_charts import PairChart, PairCharts
from candles.datafeed.logic.budget import Budget
from candles.datafeed.logic.grains import Grain
from candles.datafeed.logic.symbols import symbol_of
from cryptwire.codec.ticker import feed_to_wire
from cryptwire.domain.hopper import Exchange, UserId
from cryptwire.domain.ticker import Feed, Pair, Ticker
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from tests.unit.candles.datafeed.played_exchange import (
    BTC,
    NOON,
    Leases,
    MemoryTable,
    PlayedExchange,
    candle_at,
)
from tests.unit.candles.datafeed.test_stream import TurnedClock, Twin, settled

USER = UserId("u")
START = int(NOON.timestamp())


class Prices:
    async def pairs_of(self, exchange: Exchange) -> frozenset[Pair]:
        return frozenset({BTC})

    async def of(self, pair: Pair) -> Ticker | None:
        return None


@dataclass
class World:
    clock: TurnedClock
    exchange: PlayedExchange
    table: MemoryTable
    charts: PairCharts
    meters: Meters = field(default_factory=Meters)
    clients: list[Client] = field(default_factory=list)

    async def read(self, resolution: str = "15", symbol: str = "BINANCE:BTCUSDT") -> tuple[Client, PairChart]:
        """A new reader of a chart."""
        client = Client(Twin())
        chart = await self.charts.find(USER, symbol_of(symbol), symbol, resolution)
        self.charts.join(chart, client)
        await settled()
        return client, chart

    async def turn(self, seconds: int) -> None:
        """Seconds pass, one by one, and whoever waits for one gets it."""
        for _ in range(seconds):
            await self.clock.turn(1)
            self.charts.every_second(self.clock.now())
            await settled()

    async def say(self, price: float) -> None:
        self.exchange.say(price)
        await settled()

    async def feed(self) -> None:
        feed = Feed(BTC.exchange, "s", 1, self.clock.now(), timedelta(0))
        await self.charts.on_feed(Message(LIVE.feed(BTC.exchange), feed_to_wire(feed), ""))


@asynccontextmanager
async def world(zone: str = "UTC", **exchange: object) -> AsyncIterator[World]:
    clock, meters = TurnedClock(), Meters()
    clock.moment = NOON + timedelta(seconds=100)
    played, table = PlayedExchange(clock, **exchange), MemoryTable(clock)  # type: ignore[arg-type]
    book = PairBook(Asking(played, clock, meters), table, Leases().of, clock)
    markets = Markets((BTC.exchange,), Prices(), clock)
    charts = PairCharts(Twin(zone=zone), markets, book, played, Budget(), clock, meters)
    tasks = [asyncio.create_task(job()) for job in charts.jobs()]
    await settled()
    try:
        yield World(clock, played, table, charts, meters)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await book.close()


async def heard(client: Client) -> list[dict[str, Any]]:
    """What a client is sent now; nothing: an empty list."""
    try:
        async with asyncio.timeout(0.02):
            return [orjson.loads(text) for text in await client.next()]
    except TimeoutError:
        return []


def numbers(message: dict[str, Any]) -> tuple[float, ...]:
    return tuple(message["bar"][name] for name in ("open", "high", "low", "close", "volume"))


async def test_a_bar_is_what_the_exchange_says_and_follows_prices() -> None:
    async with world() as it:
        client, _ = await it.read()
        (bar,) = await heard(client)
        told = candle_at(START, 900)
        assert (bar["symbol"], bar["resolution"], bar["final"]) == ("BINANCE:BTCUSDT", "15", False)
        assert (bar["bar"]["time"], numbers(bar)) == (START, told)
        await it.say(told[1] + 10)
        await it.turn(1)
        await it.say(told[2] - 10)
        await it.say(told[0])
        await it.turn(1)
        (bar,) = await heard(client)
        assert numbers(bar) == (told[0], told[1] + 10, told[2] - 10, told[0], 10.0)
        assert bar["prices_at"] == "2026-03-04T12:01:41+00:00"


async def test_what_came_in_late_from_the_candle_before_is_put_right_within_a_minute() -> None:
    async with world() as it:
        client, _ = await it.read()
        await it.turn(3)
        await it.say(1e6)
        await it.turn(1)
        assert (await heard(client))[-1]["bar"]["high"] == 1e6
        await it.turn(60)
        assert numbers((await heard(client))[-1]) == candle_at(START, 900)


async def test_a_bar_ends_once_with_what_the_exchange_says_and_the_next_opens() -> None:
    async with world() as it:
        client, _ = await it.read()
        hour, _ = await it.read("60")
        await heard(client), await heard(hour)
        await it.turn(900 - 101)
        await it.say(5.0)
        await it.turn(1)
        await heard(client)
        await it.say(777.0)  # the next quarter has begun
        await it.turn(1)
        told = await heard(client)
        if not told:
            await it.turn(1)
            told = await heard(client)
        final, opened = told
        assert (final["final"], final["bar"]["time"], numbers(final)) == (True, START, candle_at(START, 900))
        assert (opened["final"], opened["bar"]["time"]) == (False, START + 900)
        assert numbers(opened) == candle_at(START + 900, 900), "the price was heard before the exchange was asked"
        await it.say(777.0)
        await it.turn(1)
        (opened,) = await heard(client)
        assert (opened["bar"]["close"], opened["bar"]["low"]) == (777.0, 777.0)
        last = (await heard(hour))[-1]
        assert (last["final"], last["bar"]["volume"]) == (False, 10.0), "as the exchange told it a moment ago"
        assert last["bar"]["low"] == 5.0
        await it.turn(60)
        assert (await heard(hour))[-1]["bar"]["volume"] == 20.0
        assert max(it.exchange.told.values()) == 1


async def test_a_close_that_does_not_come_is_not_waited_for() -> None:
    async with world() as it:
        client, _ = await it.read()
        await it.turn(900 - 100)
        it.exchange.is_away = True
        await it.say(777.0)
        kinds = []
        for _ in range(6):
            await it.turn(1)
            kinds += [(m["type"], m.get("final"), m["bar"]["time"]) for m in await heard(client) if m["type"] == "bar"]
        assert kinds[-2:] == [("bar", True, START), ("bar", False, START + 900)]
        it.exchange.is_away = False
        await it.turn(8)
        assert "reset" in [message["type"] for message in await heard(client)], "what was told as final was not"


async def test_a_day_begins_with_its_first_candle_in_the_readers_zone() -> None:
    for zone, start, grain in (
        ("UTC", START - 12 * 3600, Grain.HOUR),
        ("Asia/Kolkata", START - 17 * 3600 - 1800, Grain.HALF),
        ("Asia/Kathmandu", START - 17 * 3600 - 2700, Grain.QUARTER),
    ):
        async with world(zone=zone) as it:
            client, chart = await it.read("1D")
            (bar,) = await heard(client)
            of_day = [candle_at(at, 900) for at in range(start, START + 1, 900)]
            assert bar["bar"]["open"] == of_day[0][0], zone
            assert bar["bar"]["high"] == max(row[1] for row in of_day)
            assert bar["bar"]["low"] == min(row[2] for row in of_day)
            assert bar["bar"]["volume"] == 10.0 * len(of_day)
            assert chart.watched is not None
            assert chart.watched.grain == grain


async def test_one_pair_is_heard_once_and_only_while_somebody_reads_it() -> None:
    async with world() as it:
        readers = [await it.read(resolution) for resolution in ("15", "15", "60", "1D")]
        assert list(it.exchange.listeners) == [BTC]
        asked = len(it.exchange.asked)
        await it.turn(30)
        assert len(it.exchange.asked) == asked
        await it.turn(40)
        assert len(it.exchange.asked) - asked <= 4, "each length of candles once a minute, and what has closed"
        for client, chart in readers:
            assert list(it.exchange.listeners) == [BTC]
            it.charts.leave(chart, client)
            await settled()
        assert it.exchange.listeners == {}
        assert it.charts.all() == []
        await it.turn(100)
        again, _ = await it.read()
        assert (await heard(again))[0]["type"] == "bar"


async def test_prices_are_fresh_while_the_exchange_is_heard() -> None:
    async with world() as it:
        await it.feed()
        client, _ = await it.read()
        assert (await heard(client))[0]["is_fresh"]
        for _ in range(3):
            await it.turn(5)
            await it.feed()
        assert await heard(client) == [], "a quiet pair is fresh, and needs no words"
        await it.turn(12)
        assert [message["is_fresh"] for message in await heard(client)] == [False]
        await it.feed()
        await it.turn(1)
        assert [message["is_fresh"] for message in await heard(client)] == [True]


async def test_a_chart_that_cannot_be_begun_waits_and_one_that_is_not_there_says_so() -> None:
    async with world(is_away=True) as it:
        client, _ = await it.read()
        assert await heard(client) == []
        it.exchange.is_away = False
        await it.turn(3)
        assert (await heard(client))[0]["type"] == "bar"
    async with world(refuses=True) as it:
        client, _ = await it.read()
        assert [(m["type"], m["code"]) for m in await heard(client)] == [("error", "unknown_symbol")]


async def test_after_a_gap_on_nats_everybody_reads_history_again() -> None:
    async with world() as it:
        client, _ = await it.read()
        await heard(client)
        it.charts.on_gap()
        await settled()
        assert [message["type"] for message in await heard(client)] == ["reset", "bar"]
